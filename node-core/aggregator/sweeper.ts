/**
 * What is left over when attempts and jobs are over: reservations of attempts that were lost end by a release that their
 * provider signs when it is back, or when deadline and grace have passed; results end with their retention.
 */
import { MessageRefused } from '../messaging/index.ts';
import { isSigned, type NodeEvent, type PeerId, protocolLimits, type ReplicaId } from '../protocol/index.ts';
import type { AggregatorContext } from './context.ts';

const everyMs = 5_000;
const askedAtOnceMax = 64;

export class Sweeper {
  readonly #c: AggregatorContext;
  readonly #asking = new Set<ReplicaId>();
  #cancel: (() => void) | null = null;

  constructor(context: AggregatorContext) {
    this.#c = context;
  }

  start(): void {
    this.#cancel = this.#c.clock.after(everyMs, () => {
      void this.#sweep().catch((error: unknown) => this.#c.log.warn({ error: String(error) }, 'the sweep failed'));
      this.start();
    });
  }

  stop(): void {
    this.#cancel?.();
  }

  async #sweep(): Promise<void> {
    const { canaries, clock, journal, payment, store, config, view, directory } = this.#c;
    const now = clock.now();
    const { held, kept } = view.state;
    const released = Object.entries(held).flatMap(([replicaId, until]): NodeEvent[] =>
      now > until + protocolLimits.clockSkewMsMax ? payment.release(replicaId, 'deadline and grace are over') : [],
    );
    const forgotten = Object.entries(kept).filter(([, { endedAt }]) => now > endedAt + config.resultsKeepMs);
    const expired = canaries.expired(now - config.resultsKeepMs);
    const events: NodeEvent[] = [
      ...released,
      ...forgotten.map(([jobId]): NodeEvent => ({ type: 'job.forgotten', jobId })),
      ...expired.map((hash): NodeEvent => ({ type: 'canary.dropped', hash })),
    ];
    await journal.commit(events);
    await store.deleteBlobs([...forgotten.map(([, { resultsHash }]) => resultsHash), ...expired]);
    for (const replicaId of Object.keys(view.state.held)) {
      const provider = payment.payeeOf(replicaId);
      if (provider !== null && directory.peer(provider)?.live === true) void this.#askRelease(replicaId, provider);
    }
  }

  /** Its provider is back: whatever became of the attempt there, nobody wants its result any more. */
  async #askRelease(replicaId: ReplicaId, provider: PeerId): Promise<void> {
    if (this.#asking.has(replicaId) || this.#asking.size >= askedAtOnceMax) return;
    this.#asking.add(replicaId);
    const { journal, log, messenger, payment, verifier } = this.#c;
    try {
      const { body } = await messenger.request(
        provider,
        { type: 'shard.cancel', body: { replicaId, reason: 'the attempt was given up while its provider was silent' } },
        ['shard.cancelled'],
      );
      const { release } = body;
      const isReleased =
        release !== null &&
        release.by === provider &&
        release.body.replicaId === replicaId &&
        isSigned(verifier, 'release', release);
      // Committed: the provider may count on it until deadline and grace are over.
      if (isReleased) await journal.commit(payment.release(replicaId, 'released by its provider'));
    } catch (error) {
      // It never heard of the replica, or has forgotten it: nothing to claim.
      if (error instanceof MessageRefused && error.code === 'unknown-replica') {
        await journal.commit(payment.release(replicaId, 'unknown to its provider')).catch(() => undefined);
      } else {
        log.debug({ replicaId, error: error instanceof Error ? error.message : String(error) }, 'not released yet');
      }
    } finally {
      this.#asking.delete(replicaId);
    }
  }
}
