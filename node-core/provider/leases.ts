/** Leases: how long work is kept for a client that says nothing. Volatile: after a restart all begin anew. */
import type { Clock } from '../ports/index.ts';
import type { ReplicaId } from '../protocol/index.ts';

const sweepMs = 500;

export class Leases {
  readonly #clock: Clock;
  readonly #ended: (replicaIds: ReplicaId[]) => void;
  /** Monotonic time at which each ends. */
  readonly #ends = new Map<ReplicaId, number>();
  #running = false;
  #cancel: (() => void) | null = null;

  constructor(clock: Clock, ended: (replicaIds: ReplicaId[]) => void) {
    this.#clock = clock;
    this.#ended = ended;
  }

  start(): void {
    this.#running = true;
    this.#schedule();
  }

  stop(): void {
    this.#running = false;
    this.#cancel?.();
    this.#cancel = null;
  }

  /** Begins, or begins anew. */
  watch(replicaId: ReplicaId, ms: number): void {
    this.#ends.set(replicaId, this.#clock.elapsed() + ms);
    this.#schedule();
  }

  /** A node without work is not woken. */
  #schedule(): void {
    if (!this.#running || this.#cancel !== null || this.#ends.size === 0) return;
    this.#cancel = this.#clock.after(sweepMs, () => {
      this.#cancel = null;
      this.#sweep();
      this.#schedule();
    });
  }

  #sweep(): void {
    const now = this.#clock.elapsed();
    const ended: ReplicaId[] = [];
    for (const [replicaId, end] of this.#ends) {
      if (end > now) continue;
      this.#ends.delete(replicaId);
      ended.push(replicaId);
    }
    if (ended.length > 0) this.#ended(ended);
  }
}
