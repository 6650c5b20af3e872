/** Quotes of one job: asks candidates, keeps their answers, and knows whom not to ask again for a while. */
import { type FailureCode, isSigned, type PeerId, type SignedQuote } from '../protocol/index.ts';
import type { AggregatorContext } from './context.ts';
import type { Job } from './state.ts';

const askedAtOnceMax = 16;
/** Declines that another try soon may turn; all others hold for the job's life. */
const passing: ReadonlySet<FailureCode> = new Set(['no-capacity', 'credit-limit', 'expired', 'internal', 'container']);
const pauseMs = 250;
const pauseMsMax = 4_000;
/** A provider that wants to be left alone for longer is asked again all the same. */
const askedMsMax = 600_000;
const unreachableMs = 2_000;

interface Pause {
  until: number;
  times: number;
}

export class Quotes {
  readonly #c: AggregatorContext;
  readonly #job: () => Job | undefined;
  readonly #changed: () => void;
  readonly #quotes = new Map<PeerId, SignedQuote>();
  readonly #asking = new Set<PeerId>();
  /** Providers whose quote to another job was looked for. */
  readonly #borrowed = new Set<PeerId>();
  readonly #pauses = new Map<PeerId, Pause>();
  readonly #reasons = new Map<PeerId, string>();

  /** @param changed an answer came. */
  constructor(context: AggregatorContext, job: () => Job | undefined, changed: () => void) {
    this.#c = context;
    this.#job = job;
    this.#changed = changed;
    for (const [peer, quote] of Object.entries(job()?.quotes ?? {})) this.#quotes.set(peer, quote);
  }

  /** What another job was quoted holds for this one. */
  #borrow(provider: PeerId): void {
    const job = this.#job();
    if (job === undefined || this.#borrowed.has(provider)) return;
    this.#borrowed.add(provider);
    const known = this.#c.quoteBook.find(provider, job.job);
    if (known === null || this.of(provider).quote !== null) return;
    this.#quotes.set(provider, known.quote);
    if (!known.isYoung) void this.#askOne(provider);
  }

  /** A quote that holds, from a provider that is not paused. */
  usable(provider: PeerId): SignedQuote | null {
    const { quote, standing } = this.of(provider);
    return standing === 'now' ? quote : null;
  }

  /** The last quote that holds, and whether its provider takes work: `later` = paused, or not asked yet. */
  of(provider: PeerId): { quote: SignedQuote | null; standing: 'now' | 'later' | 'never' } {
    const quote = this.#quotes.get(provider) ?? null;
    if (quote !== null && quote.body.expiresAt <= this.#c.clock.now()) {
      this.#quotes.delete(provider);
      return { quote: null, standing: 'later' };
    }
    const until = this.#pauses.get(provider)?.until;
    if (until === Number.POSITIVE_INFINITY) return { quote, standing: 'never' };
    return { quote, standing: quote === null || this.#isPaused(provider) ? 'later' : 'now' };
  }

  /** For people: why a provider does not get work. */
  explain(provider: PeerId, reason: string): void {
    this.#reasons.set(provider, reason);
  }

  /** Why providers did not take the job, as they said. */
  reasons(): string[] {
    return [...new Set(this.#reasons.values())];
  }

  /** Asks those that were not asked yet. Answers come later, by `changed`. */
  ask(providers: readonly PeerId[]): void {
    for (const provider of providers) {
      this.#borrow(provider);
      if (this.#asking.size >= askedAtOnceMax) return;
      if (this.of(provider).quote !== null || this.#asking.has(provider) || this.#isPaused(provider)) continue;
      void this.#askOne(provider);
    }
  }

  /** A provider did not take a shard after all. */
  declined(provider: PeerId, code: FailureCode, message: string, retryAfterMs: number | undefined): void {
    this.#reasons.set(provider, `${code}: ${message}`);
    if (code === 'expired' || code === 'price') this.#quotes.delete(provider);
    const job = this.#job();
    if (job !== undefined) this.#c.quoteBook.drop(provider, job.job);
    if (passing.has(code) || code === 'price') this.#pause(provider, retryAfterMs ?? pauseMs);
    else this.#pauses.set(provider, { until: Number.POSITIVE_INFINITY, times: 1 });
  }

  /** Work came back well: the next pause begins small again. */
  worked(provider: PeerId): void {
    this.#pauses.delete(provider);
  }

  unreachable(provider: PeerId): void {
    this.#reasons.set(provider, 'cannot be reached');
    this.#pause(provider, unreachableMs);
  }

  #isPaused(provider: PeerId): boolean {
    const pause = this.#pauses.get(provider);
    return pause !== undefined && pause.until > this.#c.clock.elapsed();
  }

  #pause(provider: PeerId, ms: number): void {
    const times = (this.#pauses.get(provider)?.times ?? 0) + 1;
    // As long as the provider asked for, and longer the more often it declined.
    const length = Math.max(Math.min(ms, askedMsMax), Math.min(pauseMsMax, ms * 2 ** Math.min(times - 1, 6)));
    this.#pauses.set(provider, { until: this.#c.clock.elapsed() + length, times });
    // The end of a longer one is seen by the job's rounds, and no timer outlives the job.
    if (length <= pauseMsMax) this.#c.clock.after(length, () => this.#changed());
  }

  async #askOne(provider: PeerId): Promise<void> {
    const job = this.#job();
    if (job === undefined) return;
    this.#asking.add(provider);
    const { messenger, config, verifier, signer, journal } = this.#c;
    const { template, model, itemsPerShard } = job.job;
    // With canaries: else who runs all of a small job could count.
    const items = job.job.items + (job.shards?.filter(({ place }) => place === true).length ?? 0);
    try {
      // The job may still be on its way to the disk.
      await journal.settled();
      const answer = await messenger.request(
        provider,
        { type: 'job.quote', body: { jobId: job.jobId, template, model, items, itemsPerShard } },
        ['job.offer', 'job.decline'],
        config.quoteMs,
      );
      if (answer.type === 'job.decline') {
        this.declined(provider, answer.body.code, answer.body.message, answer.body.retryAfterMs);
      } else {
        const { quote } = answer.body;
        const { body } = quote;
        const holds =
          quote.by === provider &&
          body.provider === provider &&
          body.client === signer.peerId &&
          body.jobId === job.jobId &&
          body.template === template &&
          body.model === model &&
          isSigned(verifier, 'quote', quote);
        if (holds) {
          this.#quotes.set(provider, quote);
          this.#c.quoteBook.keep(job.job, quote);
        } else this.declined(provider, 'bad-input', 'its quote is not about this job, or not signed by it', undefined);
      }
    } catch {
      this.unreachable(provider);
    } finally {
      this.#asking.delete(provider);
      this.#changed();
    }
  }
}
