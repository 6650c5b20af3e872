/**
 * The failure detector of the lease channel: renews the leases of all work that is out, every second, and knows how long
 * each of its providers has been silent. Suspicion hedges; it never penalises.
 */
import type { Messenger } from '../messaging/index.ts';
import type { Clock, Logger } from '../ports/index.ts';
import { type MessageBody, type PeerId, protocolLimits, type ReplicaId } from '../protocol/index.ts';

export interface LivenessOptions {
  readonly messenger: Pick<Messenger, 'onHeard' | 'onDown' | 'request' | 'channelOf'>;
  readonly clock: Clock;
  readonly log: Logger;
  readonly renewMs: number;
  readonly suspectMs: number;
  /** No job is under way: there are no rounds until {@link Liveness.wake}. */
  isIdle(): boolean;
  /** Work that is out, by provider. */
  active(): Map<PeerId, ReplicaId[]>;
  /** What the provider says of each replica. */
  onState(provider: PeerId, state: MessageBody<'lease.ack'>['replicas'][number]): void;
  /** When any sign of life of a peer was last seen, by the wall clock; null = never, or it is not known any more. */
  lastSeenAt(peer: PeerId): number | null;
  /** Called after each round, and when a provider becomes suspect or returns. */
  onRound(): void;
}

export class Liveness {
  readonly #o: LivenessOptions;
  /** Monotonic time of the last sign of life. */
  readonly #heardAt = new Map<PeerId, number>();
  /**
   * Providers whose channel broke and could not be opened again: suspected without waiting. Also those that fell silent
   * and have no work any more, so that they get none until there is a new sign of life. Wall clock of the last one.
   */
  readonly #doubted = new Map<PeerId, number>();
  readonly #renewing = new Set<PeerId>();
  #cancel: (() => void) | null = null;
  #running = false;
  #stopped = false;

  constructor(options: LivenessOptions) {
    this.#o = options;
    const { messenger } = options;
    messenger.onHeard((peer) => this.#heard(peer));
    messenger.onDown((peer) => {
      const replicaIds = options.active().get(peer);
      if (replicaIds !== undefined && !this.#stopped) void this.#renew(peer, replicaIds);
    });
  }

  start(): void {
    this.#running = true;
    this.#schedule();
  }

  /** A job begins. */
  wake(): void {
    if (this.#cancel === null) this.#forgive(new Map());
    this.#schedule();
  }

  stop(): void {
    this.#running = false;
    this.#stopped = true;
    this.#cancel?.();
  }

  /** Work goes to a provider: from now on its silence counts. */
  expect(provider: PeerId): void {
    if (!this.#heardAt.has(provider)) this.#heardAt.set(provider, this.#o.clock.elapsed());
  }

  /** How long a provider has said nothing, ms. */
  silenceMs(provider: PeerId): number {
    const heardAt = this.#heardAt.get(provider);
    return heardAt === undefined ? 0 : this.#o.clock.elapsed() - heardAt;
  }

  isSuspect(provider: PeerId): boolean {
    return this.#doubted.has(provider) || this.silenceMs(provider) > this.#o.suspectMs;
  }

  #heard(peer: PeerId): void {
    const returned = this.isSuspect(peer);
    this.#doubted.delete(peer);
    if (this.#heardAt.has(peer)) this.#heardAt.set(peer, this.#o.clock.elapsed());
    if (returned) this.#o.onRound();
  }

  /** Who has no work any more is looked at once more. */
  #schedule(): void {
    if (!this.#running || this.#cancel !== null || (this.#o.isIdle() && this.#heardAt.size === 0)) return;
    this.#cancel = this.#o.clock.after(this.#o.renewMs, () => {
      this.#cancel = null;
      this.#round();
      this.#schedule();
    });
  }

  #round(): void {
    const active = this.#o.active();
    for (const peer of this.#heardAt.keys()) {
      if (active.has(peer)) continue;
      if (this.isSuspect(peer)) this.#doubt(peer);
      this.#heardAt.delete(peer);
    }
    this.#forgive(active);
    for (const [peer, replicaIds] of active) {
      this.expect(peer);
      void this.#renew(peer, replicaIds);
    }
    this.#o.onRound();
  }

  /** Who has no work, and was seen since it was doubted. */
  #forgive(active: ReadonlyMap<PeerId, unknown>): void {
    for (const [peer, since] of this.#doubted) {
      if (active.has(peer)) continue;
      const seenAt = this.#o.lastSeenAt(peer);
      const isClockSetBack = since > this.#o.clock.now();
      if (seenAt === null || seenAt > since || isClockSetBack) this.#doubted.delete(peer);
    }
  }

  async #renew(peer: PeerId, replicaIds: readonly ReplicaId[]): Promise<void> {
    if (this.#renewing.has(peer)) return;
    this.#renewing.add(peer);
    try {
      for (let i = 0; i < replicaIds.length; i += protocolLimits.leasesPerMessageMax) {
        const part = replicaIds.slice(i, i + protocolLimits.leasesPerMessageMax);
        const answer = await this.#o.messenger.request(
          peer,
          { type: 'lease.renew', body: { replicaIds: part } },
          ['lease.ack'],
          this.#o.suspectMs,
        );
        for (const state of answer.body.replicas) this.#o.onState(peer, state);
      }
    } catch (error) {
      if (this.#stopped) return;
      this.#o.log.debug(
        { peer, error: error instanceof Error ? error.message : String(error) },
        'a lease could not be renewed',
      );
      // A channel that is gone and cannot be opened again says more than silence.
      if (this.#o.messenger.channelOf(peer) === null && !this.#doubted.has(peer)) {
        this.#doubt(peer);
        this.#o.onRound();
      }
    } finally {
      this.#renewing.delete(peer);
    }
  }

  #doubt(peer: PeerId): void {
    if (!this.#doubted.has(peer)) this.#doubted.set(peer, this.#o.clock.now());
  }
}
