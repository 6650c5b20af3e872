/** How the simulated wire behaves. All spans in virtual milliseconds, all probabilities in [0, 1]. */
import type { PeerId } from '../../protocol/index.ts';
import { windowBytesDefault } from '../window.ts';

/** One side of a link. */
export interface Place {
  readonly peerId: PeerId;
  readonly region: string;
}

/** What may happen to gossip and to answers of the DHT. Frames of a live channel arrive once and in order. */
export interface LinkFaults {
  /** Never arrives. */
  readonly loss: number;
  /** Arrives a second time, later. */
  readonly duplicate: number;
  /** Arrives late, behind what was sent after it. */
  readonly reorder: number;
}

export interface LinkModel {
  /** One-way delay. Default 1 within a region, 40 between regions. */
  latencyMs(from: Place, to: Place): number;
  /** Added to every delay, uniform in [0, jitterMs). Default 0. */
  jitterMs: number;
  /** What a channel carries one way. Default Infinity. */
  bytesPerSecond(from: Place, to: Place): number;
  /** Default: none. */
  gossip: LinkFaults;
  /** Answers of the DHT to `getRecord` and `findProviders`. Default: none. */
  answers: LinkFaults;
  /** An answer to `getRecord` holds the value before the last. Default 0. */
  staleAnswer: number;
  /** How much later a reordered or second copy arrives, at most. Default 500. */
  lateMs: number;
  /** A partition stops channels until it heals or `stallMs` passed (a dead TCP connection), or breaks them at once. Default 'stall'. */
  onPartition: 'stall' | 'break';
  /** How long a cut connection lives. Default 15,000. */
  stallMs: number;
  /** Bytes under way on a channel, one way, before `send` waits. Default 256 KiB. */
  windowBytes: number;
  /** Peers that keep a record or a provider key: those closest to it. Default 20 (kad-dht's k). */
  replication: number;
  /** Connections that a node makes to peers near its own id, and to random ones. Default 8 and 4. */
  nearConnections: number;
  randomConnections: number;
  /** Wait before an unreachable bootstrap or lost peer is tried again; doubles up to the maximum. Default 1,000 and 60,000. */
  retryMs: number;
  retryMsMax: number;
  /** A provided key is announced again this often. Default 10 minutes. */
  reprovideMs: number;
  /** A provider key is forgotten after this time. Default 24 hours. */
  providerMs: number;
}

const noFaults: LinkFaults = { loss: 0, duplicate: 0, reorder: 0 };

export const defaultLink: LinkModel = {
  latencyMs: (from, to) => (from.region === to.region ? 1 : 40),
  jitterMs: 0,
  bytesPerSecond: () => Number.POSITIVE_INFINITY,
  gossip: noFaults,
  answers: noFaults,
  staleAnswer: 0,
  lateMs: 500,
  onPartition: 'stall',
  stallMs: 15_000,
  windowBytes: windowBytesDefault,
  replication: 20,
  nearConnections: 8,
  randomConnections: 4,
  retryMs: 1_000,
  retryMsMax: 60_000,
  reprovideMs: 10 * 60_000,
  providerMs: 24 * 60 * 60_000,
};
