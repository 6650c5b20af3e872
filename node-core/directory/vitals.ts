/** Signs of life: who is connected, who was heard when, and what its last heartbeat said. In memory only. */
import type { Clock } from '../ports/index.ts';
import type { EpochMs, PeerId, Presence } from '../protocol/index.ts';
import { BoundedMap } from './bounded-map.ts';
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
  readonly #signs: BoundedMap<PeerId, Sign>;
  readonly #connected = new Set<PeerId>();

  constructor(clock: Clock, goneMs: number, peersMax: number) {
    this.#clock = clock;
    this.#goneMs = goneMs;
    this.#signs = new BoundedMap(peersMax);
  }

  /** Connected peers, in the order in which they came. Bounded by the network’s limit of connections. */
  get connected(): ReadonlySet<PeerId> {
    return this.#connected;
  }

  sign(peer: PeerId): Sign | null {
    return this.#signs.get(peer) ?? null;
  }

  /** @param ageMs how long ago it was sent. */
  heard(peer: PeerId, ageMs = 0): void {
    const heardAt = this.#clock.elapsed() - ageMs;
    const seenAt = this.#clock.now() - ageMs;
    const sign = this.#signs.get(peer);
    if (sign === undefined) {
      this.#signs.set(peer, { heardAt, seenAt, load: null, nextMs: null });
    } else if (heardAt > sign.heardAt) {
      sign.heardAt = heardAt;
      sign.seenAt = seenAt;
      this.#signs.set(peer, sign);
    }
  }

  beat(peer: PeerId, { load, nextMs }: Presence): void {
    this.heard(peer);
    const sign = this.#signs.get(peer);
    if (sign === undefined) return;
    sign.load = { running: load.running, queued: load.queued, queueMax: load.queueMax };
    sign.nextMs = nextMs;
  }

  connect(peer: PeerId): void {
    this.#connected.add(peer);
    this.heard(peer);
  }

  disconnect(peer: PeerId): void {
    this.#connected.delete(peer);
  }

  /** It said itself that it leaves: what was heard before counts no more. */
  forget(peer: PeerId): void {
    this.#signs.delete(peer);
  }

  /** @param learntAt monotonic ms when its record was first read. */
  liveness(peer: PeerId, learntAt: number): Liveness {
    if (this.#connected.has(peer)) return 'connected';
    const now = this.#clock.elapsed();
    const sign = this.#signs.get(peer);
    if (sign !== undefined) return now - sign.heardAt < this.#goneMs ? 'heard' : 'gone';
    return now - learntAt < this.#goneMs ? 'unproven' : 'gone';
  }
}

export function isLive(liveness: Liveness): boolean {
  return liveness === 'connected' || liveness === 'heard';
}
