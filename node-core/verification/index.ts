/**
 * Checks of results: which are checked, copies compared by class, claimed tokens judged, and disagreement weighed over many checks.
 */
export { canBeCompared, compareCopies, tieBreakNeeded } from './compare-copies.ts';
export { clusterCopies, isWithin } from './numeric.ts';
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
