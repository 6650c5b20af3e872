/** Limits that both sides of a wire must agree on. What one node may choose for itself is in its config. */
export const protocolLimits = {
  /** Frame of a peer channel: an array of messages. */
  frameBytesMax: 1024 * 1024,
  /** Inputs or outputs of one shard inside a message; larger ones travel by content address. */
  inlineBytesMax: 512 * 1024,
  /** Node record in the DHT. */
  recordBytesMax: 16 * 1024,
  /** Gossip message (presence, tombstone, receipts). */
  gossipBytesMax: 64 * 1024,
  /** Difference between two honest clocks that expiry checks forgive. */
  clockSkewMsMax: 2 * 60 * 1000,
  /** Items of one shard. */
  itemsPerShardMax: 1000,
  /** Items of one job. */
  itemsPerJobMax: 1_000_000,
  /** Messages in one frame. */
  messagesPerFrameMax: 1000,
  /** Replica ids in one lease renewal. */
  leasesPerMessageMax: 1000,
  /** Arrays and objects inside each other in an input, an output or a parameter: what parses it calls itself. */
  jsonDepthMax: 64,
  /** Receipts in one gossip message, or in one page between two peers. */
  receiptsPerBatchMax: 16,
  /** Receipts that one peer offers another at once, by hash. */
  receiptsOfferedMax: 200,
  /** Parts into which two peers divide what they hold, to find where they differ. */
  receiptBuckets: 64,
  /** Models that a heartbeat names as loaded. */
  warmPerPresenceMax: 8,
  /** Offers in one node record. */
  offersPerRecordMax: 32,
} as const;

/** Major version of every envelope, record and signed body. */
export const protocolVersion = 1;
