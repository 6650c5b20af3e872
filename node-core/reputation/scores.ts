/** What this node thinks of a peer, from its own experience. */
export interface Score {
  /** 0…1; 0.5-ish for a stranger, see `prior`. */
  readonly score: number;
  readonly good: number;
  readonly bad: number;
  readonly noted: number;
  /** Receipts held about the peer as a provider. */
  readonly receipts: number;
}
