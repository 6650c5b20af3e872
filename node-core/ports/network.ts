import type { Cid, PeerId } from '../protocol/index.ts';

/**
 * The network between nodes: authenticated, end-to-end encrypted channels of frames, a DHT of validated records, and
 * gossip. Nothing here knows what a frame means.
 */
export interface Network {
  readonly peerId: PeerId;
  /** Starts listening and joins by the bootstrap addresses. Unreachable ones are reported in {@link status}, not thrown. */
  start(hooks: NetworkHooks): Promise<void>;
  stop(): Promise<void>;
  status(): NetworkStatus;

  /**
   * Opens a channel to a peer for the job protocol. The own peer id gives a short-circuited channel.
   * @param addresses multiaddrs to try besides those already known.
   * @throws Error when the peer cannot be reached within `deadlineMs`.
   */
  open(peer: PeerId, addresses: readonly string[], deadlineMs: number): Promise<Channel>;

  /** Publishes a record in the DHT. Resolves when at least one other peer stored it. @throws Error otherwise. */
  putRecord(key: string, value: Uint8Array, deadlineMs: number): Promise<void>;
  /** The best valid record by the selector that {@link NetworkHooks} holds, or null. */
  getRecord(key: string, deadlineMs: number): Promise<Uint8Array | null>;
  /** Says in the DHT that this node provides `key`; kept alive by the adapter until {@link unprovide}. */
  provide(key: Cid, deadlineMs: number): Promise<void>;
  unprovide(key: Cid): Promise<void>;
  /** Peers that provide `key`, as they are found, until `limit` or the deadline. Dead ones may be among them. */
  findProviders(key: Cid, limit: number, deadlineMs: number): AsyncIterable<FoundPeer>;

  /** Only after {@link start}. Own messages are not delivered back. */
  subscribe(topic: string): void;
  unsubscribe(topic: string): void;
  publish(topic: string, message: Uint8Array): Promise<void>;
}

export interface FoundPeer {
  readonly peer: PeerId;
  readonly addresses: readonly string[];
}

/** What the node hands to the network, so that every adapter judges alike. */
export interface NetworkHooks {
  /** A peer opened a channel to us. */
  onChannel(channel: Channel): void;
  /**
   * Judges a record before this node stores or returns it. Pure but for the highest sequence that it remembers per peer
   * (kad-dht overwrites whatever the validator lets through). @throws Error with the reason.
   */
  validateRecord(key: string, value: Uint8Array): void;
  /** Index of the best of several valid records. */
  selectRecord(key: string, values: readonly Uint8Array[]): number;
  /** Judges a gossip message: `accept` spreads it, `ignore` drops it, `reject` also lowers the sender's standing. */
  onGossip(topic: string, message: Uint8Array, from: PeerId): 'accept' | 'ignore' | 'reject';
  /** A connection to a peer came up, or its last one went down. */
  onPeer(peer: PeerId, connected: boolean): void;
}

export interface NetworkStatus {
  /** Multiaddrs where this node listens, with its peer id. */
  readonly addresses: readonly string[];
  readonly connectedPeers: number;
  /** From how far away another node has opened a connection to this one; null = nobody has yet. */
  readonly calledFrom?: 'computer' | 'local-network' | 'internet' | null;
  /** Bootstrap addresses that did not answer, with the reason. */
  readonly unreachable: ReadonlyArray<{ address: string; reason: string }>;
}

/**
 * An ordered stream of frames between two nodes. Frames arrive once and in order while the channel lives; loss means that
 * the channel breaks.
 */
export interface Channel {
  readonly peer: PeerId;
  /** `relay` has limits; `self` never leaves the process. */
  readonly path: 'direct' | 'relay' | 'self';
  /** The transport under it, as the last part of the multiaddr: `ws`, `tcp`, `memory`, `self`. */
  readonly transport: string;
  /** What a relayed channel carries before it is cut; null = no such limit. */
  readonly maxBytes: number | null;
  readonly maxMs: number | null;
  /** Resolves when the frame may be followed by the next (back-pressure). @throws Error when the channel is closed. */
  send(frame: Uint8Array): Promise<void>;
  /** Sets the one receiver. Frames that came before are delivered first. */
  onFrame(receive: (frame: Uint8Array) => void): void;
  onClose(closed: (reason: string) => void): void;
  close(reason: string): void;
}
