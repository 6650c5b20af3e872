/**
 * Checks of results: copies compared by class, claimed tokens judged, and disagreement weighed over many checks. `numeric.ts` and
 * `sequential.ts` are exported from here with their first user (docs/decisions/0003).
 */
export { compareCopies, supportsReplication, tieBreakNeeded } from './compare-copies.ts';
export { type Gathered, nothingGathered } from './sequential.ts';
export { type ClaimedAnswer, judgeTokens, type TokenJudgement } from './token-divergence.ts';
