/**
 * Quotes of all jobs, while they hold: the next job of the same kind need not wait for a round trip before its first shard
 * leaves. What a quote says may change before it expires (a credit limit grows), so one that is not young is asked for anew
 * meanwhile.
 */
import type { Clock } from '../ports/index.ts';
import type { PeerId, PlannedJob, SignedQuote } from '../protocol/index.ts';

const quotesMax = 1_024;
const youngMs = 10_000;
/** A shard on its way, and its provider's clock, take time too. */
const marginMs = 5_000;

interface Known {
  readonly quote: SignedQuote;
  readonly at: number;
}

export class QuoteBook {
  readonly #clock: Clock;
  /** The oldest first. */
  readonly #known = new Map<string, Known>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  find(provider: PeerId, job: PlannedJob): { quote: SignedQuote; isYoung: boolean } | null {
    const known = this.#known.get(keyOf(provider, job));
    if (known === undefined || known.quote.body.expiresAt <= this.#clock.now() + marginMs) return null;
    return { quote: known.quote, isYoung: this.#clock.elapsed() - known.at < youngMs };
  }

  keep(job: PlannedJob, quote: SignedQuote): void {
    const key = keyOf(quote.body.provider, job);
    this.#known.delete(key);
    this.#known.set(key, { quote, at: this.#clock.elapsed() });
    const [oldest] = this.#known.keys();
    if (this.#known.size > quotesMax && oldest !== undefined) this.#known.delete(oldest);
  }

  /** Its provider does not stand by it, or by what it says. */
  drop(provider: PeerId, job: PlannedJob): void {
    this.#known.delete(keyOf(provider, job));
  }
}

/** What a quote depends on: the size of a shard, too, since it bounds the credit. */
function keyOf(provider: PeerId, { template, model, items, itemsPerShard }: PlannedJob): string {
  return [provider, template, model ?? '', Math.min(items, itemsPerShard)].join(' ');
}
