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
  /** Monotonic time at which a replica was last told to stop an item, or all (null). */
  readonly #toldAt = new Map<ReplicaId, Map<number | null, number>>();

  /** @param running the job under way. */
  constructor(running: { readonly context: AggregatorContext; readonly shown: Shown }) {
    this.#r = running;
  }

  /** Stops an item of the job, or all. */
  async stop(job: Job, item: number | null): Promise<void> {
    if (isStopped(job, item)) return;
    await this.#r.context.journal.commit([{ type: 'job.stopping', jobId: job.jobId, item }]);
  }

  /** Tells the replicas of a shard that have enough; again and again, since nobody acknowledges it. */
  tell(job: Job, shard: Shard): void {
    if (job.stopping === undefined) return;
    const items = Array.from({ length: shard.count }, (_, item) => item).filter((item) =>
      isStopped(job, shard.start + item),
    );
    for (const replica of shard.replicas) {
      if (items.length === 0 || (replica.state !== 'assigned' && replica.state !== 'running')) continue;
      const enough = items.filter((item) => this.#hasEnough(replica, shard, item));
      if (enough.length === 0) continue;
      for (const item of enough.length === shard.count ? [null] : enough) this.#tellOne(replica, item);
    }
  }

  #tellOne({ replicaId, provider }: Replica, item: number | null): void {
    const { clock, config, messenger } = this.#r.context;
    const told = this.#toldAt.get(replicaId) ?? new Map<number | null, number>();
    this.#toldAt.set(replicaId, told);
    if (clock.elapsed() - (told.get(item) ?? Number.NEGATIVE_INFINITY) < config.leaseRenewMs) return;
    told.set(item, clock.elapsed());
    messenger.send(provider, { type: 'shard.stop', body: { replicaId, item } }).catch(() => undefined);
  }

  /** Nobody has begun it, and nothing of it was shown: there is nothing to keep. */
  isOver(job: Job, shard: Shard): boolean {
    if (job.stopping?.all !== true || shard.replicas.some(isActive)) return false;
    return Array.from({ length: shard.count }, (_, item) => this.#r.shown.tokensShown(shard, item)).every(
      (n) => n === 0,
    );
  }

  #hasEnough(replica: Replica, shard: Shard, item: number): boolean {
    const { shown } = this.#r;
    return shown.isPrimary(replica, shard) || shown.tokensOf(replica, item) >= shown.tokensShown(shard, item);
  }
}

/** @param item index in the job; null = all. */
export function isStopped({ stopping }: Job, item: number | null): boolean {
  return stopping !== undefined && (stopping.all || (item !== null && stopping.items.includes(item)));
}
