/** Limits of this room that no operator needs to set; those that he may are in the config's section `directory`. */
export const directoryLimits = {
  /** Peers without a known record whose signs of life are kept. */
  strangersMax: 1_000,
  /** Record look-ups under way at once. */
  fetchesMax: 8,
  /** Record look-ups that wait; further ones are dropped, and asked for again by the next sign of the peer. */
  fetchQueueMax: 1_000,
  /** Wait before a record that could not be read is asked for again; doubles up to the maximum. */
  fetchRetryMs: 1_000,
  fetchRetryMsMax: 300_000,
  /** A record that was just read is not read again within this time, whatever a heartbeat claims. */
  fetchAgainMs: 1_000,
  /** The record of a silent peer that the DHT still names is read again after this time: it may be back elsewhere. */
  recheckMs: 30_000,
  /** Provider entries read in one walk; dead ones among them count too. */
  providersPerWalkMax: 128,
  /** Walks of the discovery loop at once. */
  walksMax: 4,
  /** The loop looks no further for a capability that has so many live providers. */
  liveEnough: 16,
  /** The loop's pauses double while its rounds bring nothing, up to so many times `discoverEveryMs`. */
  quietFactorMax: 8,
  /** Capabilities that a node can be interested in. */
  interestsMax: 256,
  /** The first connection after being alone brings what waited for it after this time: the DHT has to learn of it. */
  settleMs: 500,
  /** Wait before a record that nobody stored is published again; doubles up to the maximum. */
  publishRetryMs: 2_000,
  publishRetryMsMax: 60_000,
  /** Publications of the own record between two log entries of it; a new run starts twice as many above the log’s. */
  publicationsPerLogEntry: 500,
  /** Early heartbeats (the load changed) come at most this many times within `heartbeatMs`. */
  earlyHeartbeatsMax: 5,
  /** Joins, changes and departures of one peer that are logged at once; further ones wait, longer each time. */
  freeTransitions: 6,
  transitionMs: 60_000,
  transitionMsMax: 3_600_000,
  /** A peer without a transition for this long starts over. */
  transitionsForgottenMs: 3_600_000,
  /** Joins, changes and departures of all peers logged per minute. */
  transitionsPerMinuteMax: 6_000,
  /** Heartbeats of one peer: so many at once, and so many a second after that. Honest ones come every few seconds. */
  heartbeatsAtOnceMax: 10,
  heartbeatsPerSecondMax: 4,
  /** The clock is judged by so many peers at most, and never by fewer than so many that agree. */
  clockPeersMax: 100,
  clockPeersMin: 2,
  /** A peer's time is taken no more often than this, and counts for so long. */
  clockSampleMsMin: 5_000,
  clockSampleMsMax: 60_000,
  /** Peers looked at, from the one unheard for longest, to find one that may be forgotten for a new one. */
  victimsMax: 64,
  /** Valid records kept as text, so that equal answers of a look-up are parsed and verified once. */
  recentRecordsMax: 32,
} as const;
