/**
 * An answer whose claimed tokens were forced through the models of checkers, other providers: their votes, and what follows for all
 * of them. A checker's word proves nothing to a third party, so that nobody is rejected by it (I8): who is not believed by
 * two is unpaid, and this node remembers why.
 */
import { type PeerId, type TokenDivergence, witnessesMax } from '../protocol/index.ts';
import { type ClaimedAnswer, judgeTokens, type TokenJudgement } from '../verification/index.ts';
import { tokenChecks } from './claims.ts';
import type { AggregatorContext } from './context.ts';
import type { JudgedCopy, RevealedCopy } from './judge.ts';
import type { Job } from './state.ts';

export interface TokenVerdict {
  /** `split`: another checker must say. */
  readonly kind: 'believed' | 'not-believed' | 'split';
  readonly verdicts: readonly JudgedCopy[];
  /** Tokens, by one of those who decided. */
  readonly compared: number;
  readonly differed: number;
  /** Checkers who do not believe it. */
  readonly witnesses: PeerId[];
}

export function judgeChecks(
  { checks, verification }: Pick<AggregatorContext, 'checks' | 'verification'>,
  { job: { template, model } }: Job,
  expected: TokenDivergence,
  accused: RevealedCopy,
  claims: readonly ClaimedAnswer[],
  checkers: readonly RevealedCopy[],
): TokenVerdict {
  const gathered = checks.gathered({ provider: accused.replica.provider, template, model, unit: 'tokens' });
  const votes = checkers.map((checker) => {
    const judgement = judgeTokens({
      claims,
      checks: tokenChecks(claims, checker.revealed.outputs),
      expected,
      gathered,
      falseAlarmPpm: verification.falseAlarmPpm,
    });
    return { checker, judgement, isBad: judgement.verdict === 'bad' || judgement.verdict === 'contradicted' };
  });
  const bad = votes.filter(({ isBad }) => isBad);
  const good = votes.filter(({ isBad }) => !isBad);
  const kind = kindOf(good.length, bad.length);
  const decisive = (kind === 'not-believed' ? bad : good)[0]?.judgement;
  return {
    kind,
    verdicts: [
      verdictOf(accused, kind === 'believed', reasonOf(kind, votes[0]?.judgement)),
      ...votes.map(({ checker, isBad }) => {
        const isRight = kind !== 'split' && isBad === (kind === 'not-believed');
        return verdictOf(checker, isRight, isRight ? 'other checkers say the same, or none was asked' : 'outvoted');
      }),
    ],
    witnesses: bad
      .map(({ checker }) => checker.replica.provider)
      .sort()
      .slice(0, witnessesMax),
    compared: decisive?.tokens ?? 0,
    // A lie about the text or the end is as bad as no right token at all.
    differed: decisive === undefined ? 0 : isLie(decisive) ? decisive.tokens : decisive.tokens - decisive.agreed,
  };
}

/** Nobody is condemned by one checker; nobody who was accused by one is acquitted by one. */
function kindOf(good: number, bad: number): TokenVerdict['kind'] {
  if (bad >= 2 && bad > good) return 'not-believed';
  return good > bad && (bad === 0 || good >= 2) ? 'believed' : 'split';
}

function isLie({ verdict }: TokenJudgement): boolean {
  return verdict === 'contradicted';
}

function reasonOf(kind: TokenVerdict['kind'], judgement: TokenJudgement | undefined): string {
  const counts = `${judgement?.agreed ?? 0} of ${judgement?.tokens ?? 0} tokens are what a checker would have chosen`;
  if (kind === 'split') return `the checkers disagree: by the first ${counts}`;
  return judgement !== undefined && isLie(judgement) ? 'its text or its end is not what its tokens say' : counts;
}

function verdictOf({ replica }: RevealedCopy, isPaid: boolean, reason: string): JudgedCopy {
  return { replica, verdict: isPaid ? 'accepted' : 'undecided', itemsWrong: 0, reason, evidence: null, agreed: 2 };
}
