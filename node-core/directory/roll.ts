/** Who is there: records, signs of life and the log brought together. Each change of a peer comes through here. */
import type { Clock } from '../ports/index.ts';
import {
  type Capability,
  type EpochMs,
  type Leave,
  NodeRecord,
  type PeerId,
  type Presence,
  protocolLimits,
} from '../protocol/index.ts';
import type { Chronicle, Departure } from './chronicle.ts';
import { type Entry, PeerTable } from './peer-table.ts';
import { contentOf } from './projection.ts';
import type { DirectoryPeer } from './types.ts';
import { isLive, type Liveness, type Vitals } from './vitals.ts';

export interface RollOptions {
  readonly clock: Clock;
  readonly self: PeerId;
  readonly vitals: Vitals;
  readonly chronicle: Chronicle;
  readonly peersMax: number;
  readonly goneMs: number;
}

export class Roll {
  readonly table: PeerTable;
  readonly #options: RollOptions;
  /** Peers with a record that were live when last looked at. */
  readonly #live = new Set<PeerId>();
  readonly #listeners = new Set<() => void>();
  /** Monotonic time before which no live peer falls silent: signs of life only put it off. */
  #silentFrom = Number.POSITIVE_INFINITY;
  /** Wall clock until which no record expires. */
  #expiresFrom = Number.POSITIVE_INFINITY;
  #isTelling = false;

  constructor(options: RollOptions) {
    this.#options = options;
    this.table = new PeerTable(options.peersMax, (peer) => isLive(this.liveness(peer)));
  }

  liveness(peer: PeerId): Liveness {
    const entry = this.table.get(peer);
    return entry === null ? 'gone' : this.#options.vitals.liveness(peer, entry.learntAt);
  }

  view(peer: PeerId): DirectoryPeer | null {
    const entry = this.table.get(peer);
    if (entry === null) return null;
    const { vitals } = this.#options;
    const sign = vitals.sign(peer);
    return {
      record: entry.record,
      live: isLive(this.liveness(peer)),
      lastSeenAt: sign?.seenAt ?? null,
      load: sign?.load ?? null,
      connected: vitals.connected.has(peer),
    };
  }

  /** Live providers of a capability, in no order that means anything. */
  liveProviders(capability: Capability): PeerId[] {
    return [...this.table.providers(capability)].filter((peer) => isLive(this.liveness(peer)));
  }

  /** A record that passed the door. @returns false when there is no room for it. */
  learn(body: NodeRecord): boolean {
    const { self, clock, vitals, chronicle, goneMs } = this.#options;
    const { peerId } = body;
    if (peerId === self) return true;
    const known = this.table.get(peerId);
    if (known !== null && body.sequence < known.record.sequence) return true;
    const readAt = clock.elapsed();
    if (known !== null && body.sequence === known.record.sequence) {
      this.table.set(peerId, { ...known, readAt });
      return true;
    }
    // Parsed again to drop unknown fields, which its signature covers but this node neither needs nor bounds.
    const record = NodeRecord.parse(body);
    const content = contentOf(record);
    const entry = { record, content, learntAt: readAt, readAt };
    const evicted = this.table.set(peerId, entry);
    this.#expiresFrom = Math.min(this.#expiresFrom, record.expiresAt);
    if (evicted === peerId) return false;
    vitals.adopt(peerId);
    // A new record was signed by a living peer, at the time that it names.
    const ageMs = Math.max(0, clock.now() - body.issuedAt);
    if (ageMs < goneMs) vitals.heard(peerId, true, ageMs);
    if (evicted !== null) {
      vitals.release(evicted);
      this.#live.delete(evicted);
      chronicle.left(evicted, 'silent');
    }
    const wasLive = this.#live.has(peerId);
    this.update(peerId);
    if (known?.content === content) return true;
    if (wasLive) chronicle.joined(peerId, entry);
    this.#tell();
    return true;
  }

  heard(peer: PeerId): void {
    this.#options.vitals.heard(peer, this.table.get(peer) !== null);
    if (!this.#live.has(peer)) this.update(peer);
  }

  connect(peer: PeerId): void {
    this.#options.vitals.connect(peer, this.table.get(peer) !== null);
    this.update(peer);
  }

  disconnect(peer: PeerId): void {
    this.#options.vitals.disconnect(peer);
    this.update(peer);
  }

  beat(presence: Presence): void {
    const { peerId } = presence;
    this.#options.vitals.beat(presence, this.table.get(peerId) !== null);
    this.table.touch(peerId);
    if (!this.#live.has(peerId)) this.update(peerId);
  }

  /** A tombstone that passed the door. */
  leave({ peerId, sequence }: Leave): void {
    const entry = this.table.get(peerId);
    if (entry !== null && entry.record.sequence > sequence) return;
    this.#options.vitals.forget(peerId);
    this.#drop(peerId, 'tombstone');
  }

  /** Compares a peer's state with what was last told, and tells the difference. */
  update(peer: PeerId): void {
    const entry = this.table.get(peer);
    if (entry === null) return;
    const { vitals, chronicle } = this.#options;
    const live = isLive(vitals.liveness(peer, entry.learntAt));
    if (live) this.#silentFrom = Math.min(this.#silentFrom, vitals.silentFrom(peer));
    if (live && !this.#live.has(peer)) {
      this.#live.add(peer);
      chronicle.joined(peer, entry);
      this.#tell();
    } else if (!live && this.#live.delete(peer)) {
      chronicle.left(peer, 'silent');
      this.#tell();
    }
  }

  /** From time to time: finds who fell silent and whose record expired. @returns live peers whose record is about to expire. */
  sweep(): PeerId[] {
    const { clock, chronicle } = this.#options;
    if (clock.elapsed() >= this.#silentFrom) {
      this.#silentFrom = Number.POSITIVE_INFINITY;
      for (const peer of this.#live) this.update(peer);
    }
    const now = clock.now();
    const expiring = now > this.#expiresFrom ? this.#expire(now) : [];
    chronicle.catchUp((peer) => this.#liveEntry(peer));
    return expiring;
  }

  #expire(now: EpochMs): PeerId[] {
    this.#expiresFrom = Number.POSITIVE_INFINITY;
    const expiring: PeerId[] = [];
    for (const [peer, { record }] of this.table.entries()) {
      if (now - record.expiresAt > protocolLimits.clockSkewMsMax) {
        this.#drop(peer, 'expired');
        continue;
      }
      this.#expiresFrom = Math.min(this.#expiresFrom, record.expiresAt);
      if (now > record.expiresAt && this.#live.has(peer)) expiring.push(peer);
    }
    return expiring;
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #liveEntry(peer: PeerId): Entry | null {
    return isLive(this.liveness(peer)) ? this.table.get(peer) : null;
  }

  #drop(peer: PeerId, how: Departure): void {
    this.#live.delete(peer);
    const known = this.table.get(peer) !== null;
    this.table.delete(peer);
    this.#options.vitals.release(peer);
    this.#options.chronicle.left(peer, how);
    if (known) this.#tell();
  }

  /** One turn later, so that changes of the same moment are one call. */
  #tell(): void {
    if (this.#isTelling) return;
    this.#isTelling = true;
    void Promise.resolve().then(() => {
      this.#isTelling = false;
      for (const listener of [...this.#listeners]) listener();
    });
  }
}
