/**
 * Claimed tokens, judged by what a checker's model made of them. Source: Token-DiFR (arXiv 2511.20621): with the sampler's seed
 * shared, honest tokens are nearly all those that the checker would have chosen, and another model's are not. Pure.
 *
 * The checker is another provider: its answer is the word of one peer. Who loses by it is entitled to another checker.
 */
import type { TokenCheck } from '../ports/index.ts';
import type { TokenDivergence } from '../protocol/index.ts';
import { disagreementTest, exceedsHonest, type Gathered, gather } from './sequential.ts';

/** One item of a revealed result. */
export interface ClaimedAnswer {
  readonly text: string;
  readonly tokenIds: readonly number[];
  readonly finish: 'stop' | 'length' | 'stopped';
  /** Tokens that were forced on the provider, from the beginning; they are not its own. */
  readonly given: number;
  /** Did the user stop this item? */
  readonly wasStopped: boolean;
}

/**
 * `text`: it is not what the tokens say. `end`: it says that it ended, and it had not. Both are lies, whatever the model.
 * `cut-short`: it ended for its length before the checker would have, as on a computer with a smaller context; no lie, and
 * no whole answer.
 */
export interface Contradiction {
  readonly item: number;
  readonly kind: 'text' | 'end' | 'cut-short';
}

export interface TokenJudgement {
  /**
   * `contradicted`: some answer is a lie. `bad`: the tokens gathered so far are not the model's. `differs`: fewer agree than the
   * template asks for, which may be chance: check more. `agrees`: all well.
   */
  readonly verdict: 'agrees' | 'differs' | 'bad' | 'contradicted';
  readonly tokens: number;
  readonly agreed: number;
  readonly contradictions: readonly Contradiction[];
  /** To keep for the provider's next check. */
  readonly gathered: Gathered;
}

/** What is wrong with a checker's answer as an answer: for the door. Null for a sound one. */
export function tokenCheckFault(claims: readonly ClaimedAnswer[], checks: readonly TokenCheck[]): string | null {
  if (checks.length !== claims.length) return `${checks.length} checks for ${claims.length} answers`;
  for (const [item, { tokens, agreed, firstDisagreement }] of checks.entries()) {
    const { tokenIds, given } = claims[item] ?? { tokenIds: [], given: 0 };
    const expected = Math.max(0, tokenIds.length - given);
    if (tokens !== expected) return `check ${item} is of ${tokens} tokens, ${expected} were claimed`;
    const sound =
      firstDisagreement === null
        ? agreed === tokens
        : firstDisagreement >= given && firstDisagreement < tokenIds.length && agreed >= 0 && agreed < tokens;
    if (!sound) return `check ${item} contradicts itself`;
  }
  return null;
}

/**
 * @param falseAlarmPpm per check of an honest provider: see sequential.ts.
 * @throws RangeError for checks in which {@link tokenCheckFault} finds something.
 */
export function judgeTokens({
  claims,
  checks,
  expected,
  gathered: before,
  falseAlarmPpm,
}: {
  readonly claims: readonly ClaimedAnswer[];
  readonly checks: readonly TokenCheck[];
  /** From the template. */
  readonly expected: TokenDivergence;
  readonly gathered: Gathered;
  readonly falseAlarmPpm: number;
}): TokenJudgement {
  const fault = tokenCheckFault(claims, checks);
  if (fault !== null) throw new RangeError(fault);
  const contradictions = claims.flatMap((claim, item) => {
    const check = checks[item];
    const kind = check === undefined ? null : contradictionOf(claim, check);
    return kind === null ? [] : [{ item, kind }];
  });
  const tokens = checks.reduce((sum, check) => sum + check.tokens, 0);
  const agreed = checks.reduce((sum, check) => sum + check.agreed, 0);
  const test = disagreementTest({ honestPpm: expected.honestDisagreementPpm, falseAlarmPpm });
  const gathered = gather(test, before, { compared: tokens, differed: tokens - agreed });
  return { verdict: verdictOf(), tokens, agreed, contradictions, gathered };

  function verdictOf(): TokenJudgement['verdict'] {
    if (contradictions.some(({ kind }) => kind !== 'cut-short')) return 'contradicted';
    if (exceedsHonest(test, gathered)) return 'bad';
    return agreed * 1_000_000 < expected.thresholdPpm * tokens ? 'differs' : 'agrees';
  }
}

function contradictionOf(claim: ClaimedAnswer, check: TokenCheck): Contradiction['kind'] | null {
  if (claim.text !== check.text) return 'text';
  switch (claim.finish) {
    case 'stopped':
      return claim.wasStopped ? null : 'end';
    case 'length':
      return check.finish === 'open' ? 'cut-short' : null;
    case 'stop':
      return check.finish === 'stop' ? null : 'end';
  }
}
