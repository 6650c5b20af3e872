/** Signs of life: who is connected, who was heard when, and what its last heartbeat said. In memory only. */
import type { Clock } from '../ports/index.ts';
import type { EpochMs, PeerId, Presence } from '../protocol/index.ts';
import { BoundedMap } from './bounded-map.ts';
import { directoryLimits as limits } from './limits.ts';
import type { Load } from './types.ts';

export interface Sign {
  /** Monotonic ms of the last sign of life. */
  heardAt: number;
  /** Wall clock of it. */
  seenAt: EpochMs;
  load: Load | null;
  /** The next heartbeat was promised within this time; null before the first heartbeat. */
  nextMs: number | null;
}

/**
 * `unproven`: known from the DHT, which also returns the dead, for less than `goneMs`. A job may try such a peer when it
 * finds nobody better; nobody else counts it.
 */
export type Liveness = 'connected' | 'heard' | 'unproven' | 'gone';

export class Vitals {
  readonly #clock: Clock;
  readonly #goneMs: number;
  /** Of peers whose record is kept: as many as there are records. */
  readonly #signs = new Map<PeerId, Sign>();
  /** Of others. They are heard before their record is read, and a flood of them displaces only each other. */
  readonly #strangers: BoundedMap<PeerId, Sign>;
  readonly #connected = new Set<PeerId>();

  constructor(clock: Clock, goneMs: number) {
    this.#clock = clock;
    this.#goneMs = goneMs;
    this.#strangers = new BoundedMap(limits.strangersMax);
  }

  /** Connected peers, in the order in which they came. Bounded by the network’s limit of connections. */
  get connected(): ReadonlySet<PeerId> {
    return this.#connected;
  }

  sign(peer: PeerId): Sign | null {
    return this.#signs.get(peer) ?? this.#strangers.get(peer) ?? null;
  }

  /** Its record is kept from now on. */
  adopt(peer: PeerId): void {
    const sign = this.#strangers.get(peer);
    if (sign === undefined) return;
    this.#strangers.delete(peer);
    this.#signs.set(peer, sign);
  }

  /** Its record is kept no longer. */
  release(peer: PeerId): void {
    this.#signs.delete(peer);
  }

  /**
   * @param isKept its record is kept.
   * @param ageMs how long ago it was sent.
   */
  heard(peer: PeerId, isKept: boolean, ageMs = 0): Sign {
    const heardAt = this.#clock.elapsed() - ageMs;
    const seenAt = this.#clock.now() - ageMs;
    const sign = this.sign(peer);
    if (sign === null) {
      const first: Sign = { heardAt, seenAt, load: null, nextMs: null };
      (isKept ? this.#signs : this.#strangers).set(peer, first);
      return first;
    }
    if (heardAt > sign.heardAt) {
      sign.heardAt = heardAt;
      sign.seenAt = seenAt;
    }
    return sign;
  }

  beat({ peerId, load, nextMs }: Presence, isKept: boolean): void {
    const sign = this.heard(peerId, isKept);
    const { running, queued, queueMax, warm } = load;
    sign.load = { running, queued, queueMax, ...(warm === undefined ? {} : { warm }) };
    sign.nextMs = nextMs;
  }

  connect(peer: PeerId, isKept: boolean): void {
    this.#connected.add(peer);
    this.heard(peer, isKept);
  }

  disconnect(peer: PeerId): void {
    this.#connected.delete(peer);
  }

  /** It said itself that it leaves: what was heard before counts no more. */
  forget(peer: PeerId): void {
    this.#signs.delete(peer);
    this.#strangers.delete(peer);
  }

  /** @param learntAt monotonic ms when its record was first read. */
  liveness(peer: PeerId, learntAt: number): Liveness {
    if (this.#connected.has(peer)) return 'connected';
    const now = this.#clock.elapsed();
    const sign = this.sign(peer);
    if (sign !== null) return now - sign.heardAt < this.#goneMs ? 'heard' : 'gone';
    return now - learntAt < this.#goneMs ? 'unproven' : 'gone';
  }

  /** Monotonic ms from which a live peer is gone, if nothing more is heard of it. */
  silentFrom(peer: PeerId): number {
    const sign = this.sign(peer);
    return sign === null || this.#connected.has(peer) ? Number.POSITIVE_INFINITY : sign.heardAt + this.#goneMs;
  }
}

export function isLive(liveness: Liveness): boolean {
  return liveness === 'connected' || liveness === 'heard';
}
