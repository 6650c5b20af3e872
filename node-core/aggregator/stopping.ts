/**
 * Answers that their owner stops: what there is of them by then is committed to, judged and paid. The provider that is shown stops
 * at once. A copy that checks it goes on until it has as much, or there would be nothing to compare.
 */
import type { ReplicaId } from '../protocol/index.ts';
import type { AggregatorContext } from './context.ts';
import type { Shown } from './shown.ts';
import { isActive, type Job, type Replica, type Shard } from './state.ts';

export class Stopping {
  readonly #r: { readonly context: AggregatorContext; readonly shown: Shown };
  /** Tokens that were shown of an item of the job when it was stopped. */
  readonly #shownAt = new Map<number, number>();
  /** Monotonic time at which a replica was last told. */
  readonly #toldAt = new Map<ReplicaId, number>();

  /** @param running the job under way. */
  constructor(running: { readonly context: AggregatorContext; readonly shown: Shown }) {
    this.#r = running;
  }

  /** Stops an item of the job, or all. */
  async stop(job: Job, item: number | null): Promise<void> {
    for (const shard of job.shards) {
      for (let i = 0; i < shard.count; i++) {
        const index = shard.start + i;
        if (item !== null && item !== index) continue;
        if (!this.#shownAt.has(index)) this.#shownAt.set(index, this.#r.shown.tokensShown(shard, i));
      }
    }
    if (isStopped(job, item)) return;
    await this.#r.context.journal.commit([{ type: 'job.stopping', jobId: job.jobId, item }]);
  }

  /** Tells the replicas of a shard that have enough; again and again, since nobody acknowledges it. */
  tell(job: Job, shard: Shard): void {
    if (job.stopping === undefined) return;
    const { clock, config, messenger } = this.#r.context;
    const items = Array.from({ length: shard.count }, (_, item) => item).filter((item) =>
      isStopped(job, shard.start + item),
    );
    for (const replica of shard.replicas) {
      const { replicaId, provider } = replica;
      if (items.length === 0 || (replica.state !== 'assigned' && replica.state !== 'running')) continue;
      const enough = items.filter((item) => this.#hasEnough(replica, shard, item));
      if (enough.length === 0) continue;
      const toldAt = this.#toldAt.get(replicaId) ?? Number.NEGATIVE_INFINITY;
      if (clock.elapsed() - toldAt < config.leaseRenewMs) continue;
      this.#toldAt.set(replicaId, clock.elapsed());
      const all = enough.length === shard.count;
      for (const item of all ? [null] : enough) {
        messenger.send(provider, { type: 'shard.stop', body: { replicaId, item } }).catch(() => undefined);
      }
    }
  }

  /** Nobody has begun it, and nothing of it was shown: there is nothing to keep. */
  isOver(job: Job, shard: Shard): boolean {
    if (job.stopping?.all !== true || shard.replicas.some(isActive)) return false;
    return Array.from({ length: shard.count }, (_, item) => this.#r.shown.tokensShown(shard, item)).every(
      (n) => n === 0,
    );
  }

  #hasEnough(replica: Replica, shard: Shard, item: number): boolean {
    return this.#r.shown.tokensOf(replica, item) >= (this.#shownAt.get(shard.start + item) ?? 0);
  }
}

/** @param item index in the job; null = all. */
export function isStopped({ stopping }: Job, item: number | null): boolean {
  return stopping !== undefined && (stopping.all || (item !== null && stopping.items.includes(item)));
}
