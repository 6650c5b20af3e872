/** Checks of results. This version compares copies of classes `exact` and `label`; the other classes come later. */
export { compareCopies, supportsReplication, tieBreakNeeded } from './compare-copies.ts';
