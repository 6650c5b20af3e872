/** Verdicts without payment are repeated until their provider has them: else its books would wait for money for ever. */
import { MessageRefused, PeerUnreachable } from '../messaging/index.ts';
import type { PeerId, ReplicaId } from '../protocol/index.ts';
import type { AggregatorContext } from './context.ts';

const againMs = 5_000;

export class Verdicts {
  readonly #c: AggregatorContext;
  readonly #telling = new Set<ReplicaId>();
  #cancel: (() => void) | null = null;

  constructor(context: AggregatorContext) {
    this.#c = context;
    context.messenger.onUp((peer) => this.tell(peer));
  }

  start(): void {
    this.tell();
    this.#cancel = this.#c.clock.after(againMs, () => this.start());
  }

  stop(): void {
    this.#cancel?.();
  }

  /** @param only of this peer; everybody’s if left out. */
  tell(only?: PeerId): void {
    for (const [replicaId, { peer }] of Object.entries(this.#c.view.state.verdicts)) {
      if (only !== undefined && peer !== only) continue;
      if (!this.#telling.has(replicaId)) void this.#tellOne(replicaId);
    }
  }

  async #tellOne(replicaId: ReplicaId): Promise<void> {
    const known = this.#c.view.state.verdicts[replicaId];
    if (known === undefined) return;
    const { peer, verdict, evidence, policy } = known;
    this.#telling.add(replicaId);
    try {
      await this.#c.messenger.request(peer, { type: 'shard.verdict', body: { replicaId, verdict, policy, evidence } }, [
        'shard.verdict.ack',
      ]);
      await this.#c.journal.commit([{ type: 'verdict.delivered', replicaId }]);
    } catch (error) {
      // Overloaded or broken for a moment: it is told again. Anything else will not become better.
      const isPassing =
        error instanceof PeerUnreachable ||
        (error instanceof MessageRefused && (error.code === 'internal' || error.code === 'rate-limit'));
      if (!isPassing) {
        this.#c.log.warn(
          { replicaId, peer, error: error instanceof Error ? error.message : String(error) },
          'a verdict was refused',
        );
        await this.#c.journal.commit([{ type: 'verdict.delivered', replicaId }]).catch(() => undefined);
      }
    } finally {
      this.#telling.delete(replicaId);
    }
  }
}
