/**
 * Checks of results: which are checked, copies compared by class, claimed tokens judged, and disagreement weighed over many checks.
 * `numeric.ts` is exported from here with its first user (docs/decisions/0003).
 */
export { compareCopies, supportsReplication, tieBreakNeeded } from './compare-copies.ts';
export { auditChancePpm, type CheckStanding, isDrawn } from './sampling.ts';
export {
  type DisagreementTest,
  disagreementTest,
  exceedsHonest,
  type Gathered,
  gather,
  nothingGathered,
  shareOfThreshold,
} from './sequential.ts';
export { type ClaimedAnswer, judgeTokens, type TokenJudgement, tokenCheckFault } from './token-divergence.ts';
