/** A process in the simulated network: one life of one peer. After a crash or stop, a new life is a new member. */
import type { NetworkHooks } from '../../ports/index.ts';
import { type Cid, hashOf, type PeerId } from '../../protocol/index.ts';
import type { ChannelEnd } from '../channel-end.ts';
import type { Place } from './link.ts';

/** `crashed`: the process is gone. Nothing of it runs on, and nothing that it waited for comes. */
export type MemberState = 'idle' | 'up' | 'stopped' | 'crashed';

export interface StoredRecord {
  readonly value: Uint8Array;
  /** What was stored before; a stale answer of the DHT returns it. */
  readonly before: Uint8Array | null;
}

/** A channel as its members see it; see channel.ts. */
export interface MemberChannel {
  readonly members: readonly [Member, Member];
  readonly ends: readonly [ChannelEnd, ChannelEnd];
  /** The connection is lost: both ends learn it now, without what was under way. */
  break(reason: string): void;
  /** A partition healed: what was held goes on. */
  resume(): void;
  /** One member's process is gone: its end falls silent for ever. */
  abandon(member: Member): void;
}

export class Member implements Place {
  readonly peerId: PeerId;
  readonly region: string;
  readonly address: string;
  readonly bootstrap: readonly string[];
  readonly position: Position;

  state: MemberState = 'idle';
  hooks: NetworkHooks | null = null;
  /** Members of different groups cannot reach each other. */
  group = 0;
  /** Set by the topology: members with the same number reach each other over connections. */
  component = -1;
  readonly connections = new Set<Member>();
  readonly channels = new Set<MemberChannel>();
  readonly records = new Map<string, StoredRecord>();
  /** Key → provider → when the entry is forgotten (elapsed ms). */
  readonly providers = new Map<Cid, Map<PeerId, number>>();
  readonly provided = new Set<Cid>();
  readonly topics = new Set<string>();
  /** Bootstrap address → why it did not answer. */
  readonly unreachable = new Map<string, string>();
  /** Peers to connect to again, with the times that it was tried. */
  readonly lost = new Map<PeerId, number>();
  /** Peers whose address this one learned. */
  readonly known = new Set<PeerId>();
  /** How often in a row the lost peers were tried in vain. */
  repairRound = 0;
  isRepairing = false;
  isDiscovering = false;
  isReproviding = false;
  /** Cancels what waits for time; run at the end of this life. */
  readonly timers = new Set<() => void>();
  /** Ends what callers wait for; run at a stop, and never after a crash. */
  readonly waits = new Set<() => void>();

  constructor(peerId: PeerId, number: number, region: string, bootstrap: readonly string[]) {
    this.peerId = peerId;
    this.region = region;
    this.bootstrap = bootstrap;
    this.address = `/memory/${number}/p2p/${peerId}`;
    this.position = positionOf(peerId);
  }

  get isUp(): boolean {
    return this.state === 'up';
  }

  endTimers(): void {
    for (const cancel of this.timers) cancel();
    this.timers.clear();
  }
}

/** A point of the DHT's key space: the first 64 bits of SHA-256 tell 1,000 nodes apart as well as all 256. */
export interface Position {
  readonly high: number;
  readonly low: number;
}

export function positionOf(key: string): Position {
  const hash = hashOf(key);
  return { high: Number.parseInt(hash.slice(0, 8), 16), low: Number.parseInt(hash.slice(8, 16), 16) };
}

/** Order of two positions by XOR distance to a third, as `sort` takes it. */
export function compareDistance(to: Position, a: Position, b: Position): number {
  return ((a.high ^ to.high) >>> 0) - ((b.high ^ to.high) >>> 0) || ((a.low ^ to.low) >>> 0) - ((b.low ^ to.low) >>> 0);
}

/** The peer id at the end of a multiaddr, or null. */
export function peerOfAddress(address: string): PeerId | null {
  return /^\/memory\/\d+\/p2p\/(\w+)$/.exec(address)?.[1] ?? null;
}
