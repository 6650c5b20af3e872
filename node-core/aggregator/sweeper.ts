/** What ends by time alone: reservations that nobody can claim any more, and results whose retention is over. */
import { type NodeEvent, protocolLimits } from '../protocol/index.ts';
import type { AggregatorContext } from './context.ts';

const everyMs = 5_000;

export class Sweeper {
  readonly #c: AggregatorContext;
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
    const { clock, journal, payment, store, config, view } = this.#c;
    const now = clock.now();
    const { held, kept } = view.state;
    const released = Object.entries(held).flatMap(([replicaId, until]): NodeEvent[] =>
      now > until + protocolLimits.clockSkewMsMax ? payment.release(replicaId, 'deadline and grace are over') : [],
    );
    const forgotten = Object.entries(kept).filter(([, { endedAt }]) => now > endedAt + config.resultsKeepMs);
    const events: NodeEvent[] = [
      ...released,
      ...forgotten.map(([jobId]): NodeEvent => ({ type: 'job.forgotten', jobId })),
    ];
    await journal.commit(events);
    await store.deleteBlobs(forgotten.map(([, { resultsHash }]) => resultsHash));
  }
}
