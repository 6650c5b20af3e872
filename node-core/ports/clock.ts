import type { EpochMs } from '../protocol/index.ts';

/** Time. Timers run on elapsed time and do not jump with the wall clock. */
export interface Clock {
  /** Wall clock, ms since the Unix epoch; may be wrong, and may jump. */
  now(): EpochMs;
  /** Monotonic time in ms from an arbitrary start; for measuring spans. */
  elapsed(): number;
  /** Calls `run` once after `ms`, unless the returned function is called before. */
  after(ms: number, run: () => void): () => void;
}
