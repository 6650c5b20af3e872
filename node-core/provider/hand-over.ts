/**
 * Work that a pause holds. Its client renews the lease all the while, so nobody else would ever take it: when the pause has
 * lasted as long as the lease, the work is given up, and its client finds another provider.
 */
import type { Clock } from '../ports/index.ts';
import type { ReplicaId } from '../protocol/index.ts';
import type { Work } from './state.ts';

export class HandOver {
  readonly #clock: Clock;
  readonly #giveUp: (replicaId: ReplicaId) => void;
  /** Ends of the waiting. */
  readonly #held = new Map<ReplicaId, () => void>();

  constructor(clock: Clock, giveUp: (replicaId: ReplicaId) => void) {
    this.#clock = clock;
    this.#giveUp = giveUp;
  }

  /** @param held all that is held now; what was held before goes on with its time. */
  set(held: ReadonlyArray<Pick<Work, 'replicaId' | 'leaseMs'>>): void {
    const now = new Set(held.map(({ replicaId }) => replicaId));
    for (const [replicaId, cancel] of this.#held) {
      if (now.has(replicaId)) continue;
      cancel();
      this.#held.delete(replicaId);
    }
    for (const { replicaId, leaseMs } of held) {
      if (this.#held.has(replicaId)) continue;
      const cancel = this.#clock.after(leaseMs, () => {
        this.#held.delete(replicaId);
        this.#giveUp(replicaId);
      });
      this.#held.set(replicaId, cancel);
    }
  }

  stop(): void {
    this.set([]);
  }
}
