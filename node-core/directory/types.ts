/** The shapes that other rooms see of the directory. */
import type { Journal } from '../journal/index.ts';
import type { Clock, Logger, Network, Random, Signer, Verifier } from '../ports/index.ts';
import type { Cid, EpochMs, HardwarePassport, HardwareTier, NodeRecord, Offer, PeerId } from '../protocol/index.ts';

/** The section `directory` of the node's config; what each setting means and its default is written there. */
export interface DirectoryConfig {
  readonly recordTtlMs: number;
  readonly recordRefreshMs: number;
  readonly heartbeatMs: number;
  readonly goneMs: number;
  readonly discoverEveryMs: number;
  readonly lookupMs: number;
  readonly peersMax: number;
  readonly knownGoodMax: number;
}

export interface DirectoryOptions {
  /** Not yet opened: the directory registers its projection. */
  readonly journal: Journal;
  readonly network: Network;
  readonly clock: Clock;
  readonly random: Random;
  readonly signer: Signer;
  readonly verifier: Verifier;
  readonly log: Logger;
  readonly config: DirectoryConfig;
  /** Software and version, for the node record. */
  readonly agent: string;
}

/** Work that a provider has, by its last heartbeat. */
export interface Load {
  readonly running: number;
  readonly queued: number;
  readonly queueMax: number;
  /** Models in memory; absent = it does not say. */
  readonly warm?: readonly Cid[];
}

/** What this node offers to others. */
export interface Announcement {
  readonly hardware: HardwarePassport | null;
  /** Empty: not a provider. The record is still published, so that peers find this node's addresses. */
  readonly offers: readonly Offer[];
  /** Asked at every heartbeat. */
  load(): Load;
}

/** What is known of a peer, at the moment of asking. */
export interface DirectoryPeer {
  readonly record: NodeRecord;
  /** Connected, or heard from within `goneMs`. */
  readonly live: boolean;
  /** Wall clock of the last sign of life; null = found in the DHT and never heard. */
  readonly lastSeenAt: EpochMs | null;
  /** By its last heartbeat; null before the first. */
  readonly load: Load | null;
  readonly connected: boolean;
}

/** What a job needs of a provider. */
export interface ProviderQuery {
  readonly template: Cid;
  /** null where the template needs none. */
  readonly model: Cid | null;
}

export interface FitQuery extends ProviderQuery {
  /** Items of the shard to place. */
  readonly items: number;
  readonly requirements?: {
    /** RAM, or memory of the largest GPU, bytes. */
    readonly memoryBytes?: number;
    /** At least this tier. */
    readonly tier?: HardwareTier;
  };
}

/** What other rooms know of a peer, as functions, so that the directory depends on none of them. */
export interface FitTerms {
  /** 0…1. */
  reputation(peer: PeerId): number;
  /** Price of the shard to place, micro-credits. */
  price(offer: Offer): number;
  readonly exclude: ReadonlySet<PeerId>;
  /** Nobody else is asked for; everybody may be where it is left out. */
  readonly only?: ReadonlySet<PeerId>;
  /** Whom the owner favours. */
  readonly favoured?: ReadonlySet<PeerId>;
  /** Shards that this node has at the peer now. */
  inFlight(peer: PeerId): number;
}

/** What this node knows of itself as a provider. */
export interface OwnStanding {
  readonly offers: readonly Offer[];
  readonly hardware: HardwarePassport | null;
  readonly load: Load | null;
  readonly reputation: number;
}

export interface Candidate {
  readonly peerId: PeerId;
  readonly offer: Offer;
  /** Product of `terms`. */
  readonly score: number;
  /** Named factors, each in (0, 1]; see score.ts. */
  readonly terms: Readonly<Record<string, number>>;
}

/** The answer to “why nobody?”. */
export interface Explanation {
  readonly live: number;
  readonly known: number;
  /** For people; empty when somebody is live. */
  readonly reasons: readonly string[];
}

/** A peer remembered from before a restart. */
export interface KnownGood {
  readonly peer: PeerId;
  readonly addresses: readonly string[];
}
