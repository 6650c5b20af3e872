import type { Micro, Sha256 } from '../protocol/index.ts';

/** A place in a channel's history: how much had been paid, in how many payments, and the head of their hash chain. */
export interface Point {
  readonly seq: number;
  readonly cumulativeMicro: Micro;
  readonly head: Sha256;
}
