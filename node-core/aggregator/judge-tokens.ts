/**
 * An answer whose claimed tokens were forced through the models of checkers, other providers: their votes, and what follows for all
 * of them. A checker's word proves nothing to a third party, so that nobody is rejected by it (I8): who is not believed by
 * two is unpaid, and this node remembers why. So it does of checkers: of who was outvoted, and of who did not see a trap.
 */
import { type PeerId, type TokenDivergence, witnessesMax } from '../protocol/index.ts';
import type { CheckResult } from '../reputation/index.ts';
import { type ClaimedAnswer, judgeTokens, type TokenJudgement } from '../verification/index.ts';
import { tokenChecks } from './claims.ts';
import type { AggregatorContext } from './context.ts';
import type { JudgedCopy, RevealedCopy } from './judge.ts';
import type { Job } from './state.ts';
import { isCaught, withoutTrap } from './traps.ts';

export interface TokenVerdict {
  /** `split`: another checker must say. */
  readonly kind: 'believed' | 'not-believed' | 'split';
  readonly verdicts: readonly JudgedCopy[];
  /** Tokens, by one of those who decided. */
  readonly compared: number;
  readonly differed: number;
  /** Checkers who do not believe it. */
  readonly witnesses: PeerId[];
  /** What this shows of the checkers; to be recorded when there is nothing more to ask. */
  readonly ofCheckers: readonly CheckResult[];
}

interface Vote {
  readonly checker: RevealedCopy;
  readonly judgement: TokenJudgement;
  readonly isBad: boolean;
  /** null = there was none. */
  readonly sawTrap: boolean | null;
}

/** Verdicts of a million in which honest checkers may differ: where an answer is at the edge of what is explained. */
const honestVerdictsPpm = 20_000;

export function judgeChecks(
  { checks, verification }: Pick<AggregatorContext, 'checks' | 'verification'>,
  { job: { template, model } }: Job,
  expected: TokenDivergence,
  accused: RevealedCopy,
  claims: readonly ClaimedAnswer[],
  checkers: readonly RevealedCopy[],
): TokenVerdict {
  const gathered = checks.gathered({ provider: accused.replica.provider, template, model, unit: 'tokens' });
  const votes = checkers.map((checker): Vote => {
    const { trap } = checker.replica;
    const said = tokenChecks(claims, checker.revealed.outputs);
    const judgement = judgeTokens({
      claims: withoutTrap(claims, trap),
      checks: withoutTrap(said, trap),
      expected,
      gathered,
      falseAlarmPpm: verification.falseAlarmPpm,
    });
    const isBad = judgement.verdict === 'bad' || judgement.verdict === 'contradicted';
    return { checker, judgement, isBad, sawTrap: trap === undefined ? null : isCaught(trap, said) };
  });
  const heard = votes.filter(({ sawTrap }) => sawTrap !== false);
  const bad = heard.filter(({ isBad }) => isBad);
  const good = heard.filter(({ isBad }) => !isBad);
  const kind = kindOf(good.length, bad.length);
  const decisive = (kind === 'not-believed' ? bad : good)[0]?.judgement;
  const namesOf = (some: readonly Vote[]): PeerId[] =>
    some
      .map(({ checker }) => checker.replica.provider)
      .sort()
      .slice(0, witnessesMax);
  return {
    kind,
    verdicts: [
      verdictOf(accused, kind === 'believed', reasonOf(kind, heard[0]?.judgement)),
      ...votes.map(({ checker, isBad, sawTrap }) => {
        if (sawTrap === false) return verdictOf(checker, false, 'it called a token right that is planted and wrong');
        const isRight = kind !== 'split' && isBad === (kind === 'not-believed');
        return verdictOf(checker, isRight, isRight ? 'other checkers say the same, or none was asked' : 'outvoted');
      }),
    ],
    witnesses: namesOf(bad),
    compared: decisive?.tokens ?? 0,
    // A lie about the text or the end is as bad as no right token at all.
    differed: decisive === undefined ? 0 : isLie(decisive) ? decisive.tokens : decisive.tokens - decisive.agreed,
    ofCheckers: votes.flatMap(({ checker, isBad, sawTrap }): CheckResult[] => {
      if (checker.replica.role === 'own-node') return [];
      const isDecided = kind !== 'split' && sawTrap !== false && good.length > 0 && bad.length > 0;
      // Alone with its word, and nothing planted: nothing is shown. Who calls all wrong sees every trap.
      if (sawTrap !== false && !isDecided && (sawTrap === null || isBad)) return [];
      const isOutvoted = isDecided && isBad !== (kind === 'not-believed');
      const ok = sawTrap !== false && !isOutvoted;
      const by = isOutvoted ? { witnesses: namesOf(isBad ? good : bad) } : {};
      const { provider, replicaId } = checker.replica;
      const counted = { compared: 1, differed: ok ? 0 : 1, honestPpm: honestVerdictsPpm };
      return [{ provider, template, model, unit: 'verdicts', replicaId, ok, ...counted, ...by }];
    }),
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
