/** Checks of results. This version compares copies of classes `exact` and `label`; the other classes come later. */
export {
  type Comparison,
  type CopyVerdict,
  compareCopies,
  type Outcome,
  supportsReplication,
  tieBreakNeeded,
} from './compare-copies.ts';
export type { Copy } from './tally.ts';
