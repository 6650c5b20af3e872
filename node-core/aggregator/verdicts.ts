/** Verdicts without payment are repeated until their provider has them: else its books would wait for money for ever. */
import { MessageRefused, PeerUnreachable } from '../messaging/index.ts';
import type { PeerId, ReplicaId } from '../protocol/index.ts';
import type { AggregatorContext } from './context.ts';

const againMs = 5_000;
/** A provider that cannot be reached is tried again after pauses that double up to this, and whenever it comes up. */
const pauseMsMax = 300_000;
/** Nobody waits for a verdict for longer. */
const keepMs = 7 * 24 * 3_600_000;
const toldAtOnceMax = 64;

export class Verdicts {
  readonly #c: AggregatorContext;
  readonly #telling = new Set<ReplicaId>();
  readonly #pauses = new Map<PeerId, { until: number; ms: number }>();
  #cancel: (() => void) | null = null;

  constructor(context: AggregatorContext) {
    this.#c = context;
    context.messenger.onUp((peer) => {
      this.#pauses.delete(peer);
      this.tell(peer);
    });
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
      if ((this.#pauses.get(peer)?.until ?? 0) > this.#c.clock.elapsed()) continue;
      if (this.#telling.size >= toldAtOnceMax) return;
      if (!this.#telling.has(replicaId)) void this.#tellOne(replicaId);
    }
  }

  async #tellOne(replicaId: ReplicaId): Promise<void> {
    const known = this.#c.view.state.verdicts[replicaId];
    if (known === undefined) return;
    const { peer, verdict, evidence, policy, at } = known;
    const { clock, journal, log, messenger } = this.#c;
    this.#telling.add(replicaId);
    const over = () => journal.commit([{ type: 'verdict.delivered', replicaId }]);
    try {
      if (clock.now() - at > keepMs) return await over();
      // This may come between the judgement and the disk.
      await journal.settled();
      const body = { replicaId, verdict, policy, evidence };
      await messenger.request(peer, { type: 'shard.verdict', body }, ['shard.verdict.ack']);
      this.#pauses.delete(peer);
      await over();
    } catch (error) {
      // Overloaded or broken for a moment: it is told again. Anything else will not become better.
      const isUnreachable = error instanceof PeerUnreachable;
      if (isUnreachable) this.#pause(peer);
      const isPassing =
        isUnreachable ||
        (error instanceof MessageRefused && (error.code === 'internal' || error.code === 'rate-limit'));
      if (!isPassing) {
        const text = error instanceof Error ? error.message : String(error);
        log.warn({ replicaId, peer, error: text }, 'a verdict was refused');
        await over().catch(() => undefined);
      }
    } finally {
      this.#telling.delete(replicaId);
    }
  }

  #pause(peer: PeerId): void {
    const { clock } = this.#c;
    const last = this.#pauses.get(peer);
    // Several verdicts of one moment are one failure.
    if (last !== undefined && last.until > clock.elapsed()) return;
    const ms = Math.min(pauseMsMax, last === undefined ? againMs : last.ms * 2);
    this.#pauses.set(peer, { until: clock.elapsed() + ms, ms });
  }
}
