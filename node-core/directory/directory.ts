/** What this node knows of others. Signatures first; the bodies follow. */
import type { NetworkHooks } from '../ports/index.ts';
import type { Capability, PeerId } from '../protocol/index.ts';
import type {
  Announcement,
  Candidate,
  DirectoryOptions,
  DirectoryPeer,
  Explanation,
  FitQuery,
  FitTerms,
  KnownGood,
  ProviderQuery,
} from './types.ts';

export class Directory {
  /** For `network.start`. */
  readonly hooks: Pick<NetworkHooks, 'validateRecord' | 'selectRecord' | 'onGossip' | 'onPeer'>;

  constructor(_options: DirectoryOptions) {
    this.hooks = {
      validateRecord: () => {},
      selectRecord: () => 0,
      onGossip: () => 'ignore',
      onPeer: () => {},
    };
  }

  /**
   * After `network.start` and `journal.open`: subscribes to the presence topics of what this node may want and begins
   * discovery. Does not wait for its results.
   */
  async start(_interests: readonly Capability[]): Promise<void> {}

  /** What this node offers, at first and whenever it changes. Never throws: what failed is tried again. */
  async announce(_what: Announcement): Promise<void> {}

  /** The load changed: may send an early heartbeat. */
  loadChanged(): void {}

  /** Tells others that this node leaves. Bounded by `lookupMs`; never throws. */
  async leave(): Promise<void> {}

  stop(): void {}

  peers(): DirectoryPeer[] {
    return [];
  }

  peer(_id: PeerId): DirectoryPeer | null {
    return null;
  }

  addressesOf(_peer: PeerId): readonly string[] {
    return [];
  }

  /** Any message from a peer counts as life. */
  noteHeard(_peer: PeerId): void {}

  liveProviders(_query: ProviderQuery): DirectoryPeer[] {
    return [];
  }

  /** Looks the capability up in the DHT now. Ends when `limit` live providers are known, the walk is over, or time is up. */
  async discover(_query: ProviderQuery, _limit: number, _deadlineMs: number): Promise<void> {}

  bestFit(_query: FitQuery, _terms: FitTerms, _limit: number): Candidate[] {
    return [];
  }

  explain(_query: ProviderQuery): Explanation {
    return { live: 0, known: 0, reasons: [] };
  }

  /** Peers that were live when this node last ran: for the network's start. After `journal.open`. */
  knownGood(): readonly KnownGood[] {
    return [];
  }

  /** Somebody joined, left, or became live or gone. Calls of the same moment are one. @returns a function that ends it. */
  onChange(_listener: () => void): () => void {
    return () => {};
  }
}
