/** Limits of this room that no operator needs to set; those that he may are in the config's section `reputation`. */
export const reputationLimits = {
  /** Own receipts that wait for the next batch; further ones reach others when they meet. */
  outboxMax: 256,
  /** Own receipts that others may still ask for, the newest. */
  ownSharedMax: 500,
  /** Receipts older than this say next to nothing (a sixteenth is left), and are not taken any more. */
  ageDaysMax: 120,
  /** Batches of one author: so many at once, and so many a minute after that. Honest ones send one per `batchMs`. */
  batchesAtOnceMax: 6,
  batchesPerMinuteMax: 20,
  /** Comparisons and pages that one peer may ask for: so many at once, and so many a minute after that. */
  questionsAtOnceMax: 120,
  questionsPerMinuteMax: 120,
  /** Peers and authors whose rate is remembered. */
  ratesMax: 2_000,
  /** Offers (of 200 receipts at most) that are looked at in one meeting. */
  offersPerMeetingMax: 4,
  /** A page of receipts that a peer asked for, bytes of JSON. */
  pageBytesMax: 512 * 1024,
  /** A receipt with its evidence, bytes of JSON. */
  receiptBytesMax: 256 * 1024,
  /** Receipts that were offered and not taken: not asked for again while they are remembered. */
  refusedMax: 2_000,
  /** The first meeting, and the next one while there is more to learn. */
  meetSoonMs: 2_000,
  /** Connected peers that are kept in mind for meetings. */
  acquaintancesMax: 300,
} as const;
