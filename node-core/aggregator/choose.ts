/** Which provider gets the next replica of a shard: best fit by the directory, within what is in flight, granted and left. */
import type { Candidate } from '../directory/index.ts';
import type { Capped } from '../payment/index.ts';
import {
  type FailureCode,
  isSampled,
  type Micro,
  micro,
  type NotChosen,
  notChosenMax,
  type PeerId,
  priceOf,
  type ScoreTerms,
  type SignedQuote,
  type WhyNot,
} from '../protocol/index.ts';
import type { AggregatorContext } from './context.ts';
import type { Quotes } from './quotes.ts';
import { itemsOf, type Job, mayGetCanary, type Replica, type Shard } from './state.ts';
import { type Ranked, rankFor } from './wishes.ts';

export interface Choice {
  readonly provider: PeerId;
  readonly quote: SignedQuote;
  readonly priceMicro: Micro;
  readonly terms: ScoreTerms;
  /** The best of those that did not get it, and why not. */
  readonly others: readonly NotChosen[];
}

/** `capped`: the owner's caps stand against all who would take it, see {@link Chooser.capped}. */
export type NoChoice = 'no-provider' | 'busy' | 'budget' | 'capped';

/** Failures by a restart, a stop, or a client that could not be heard. */
const interruptions: ReadonlySet<FailureCode> = new Set(['internal', 'no-capacity', 'expired']);
/** How long one list of candidates is used. */
const candidatesMs = 1_000;

export class Chooser {
  readonly #c: AggregatorContext;
  readonly #quotes: Quotes;
  #ranked: Ranked = { wanted: [], refused: [] };
  /** The cap that last stood against a choice. */
  capped: Capped | null = null;
  #listedAt = Number.NEGATIVE_INFINITY;

  constructor(context: AggregatorContext, quotes: Quotes) {
    this.#c = context;
    this.#quotes = quotes;
  }

  /** The directory changed: list again. */
  forget(): void {
    this.#listedAt = Number.NEGATIVE_INFINITY;
  }

  candidates(job: Job): readonly Candidate[] {
    const now = this.#c.clock.elapsed();
    if (now - this.#listedAt >= candidatesMs) {
      const { itemsPerShard, items } = job.job;
      this.#ranked = rankFor(this.#c, job.job, Math.min(itemsPerShard, items));
      this.#listedAt = now;
    }
    return this.#ranked.wanted;
  }

  /**
   * Another provider than those that tried; where there is none, one whose attempt was only interrupted: it may be back.
   * @param inFlight replicas of this job at each provider.
   */
  choose(job: Job, shard: Shard, inFlight: ReadonlyMap<PeerId, number>): Choice | NoChoice {
    const tried = new Set<PeerId>();
    const interrupted = new Set<PeerId>();
    for (const replica of shard.replicas) {
      if (replica.state === 'declined') continue;
      tried.add(replica.provider);
      if (wasInterrupted(replica)) interrupted.add(replica.provider);
    }
    for (const replica of shard.replicas) {
      if (replica.state !== 'declined' && !wasInterrupted(replica)) interrupted.delete(replica.provider);
    }
    // Whoever ranks best would check everybody: two who collude would need no more than that.
    const atRandom = isSampled(job.job.policy) && shard.audit !== null;
    const fresh = this.#best(job, shard, inFlight, (peer) => !tried.has(peer), atRandom);
    if (typeof fresh !== 'string' || fresh === 'busy' || interrupted.size === 0) return fresh;
    const again = this.#best(job, shard, inFlight, (peer) => interrupted.has(peer), atRandom);
    return again === 'no-provider' ? fresh : again;
  }

  #best(
    job: Job,
    shard: Shard,
    inFlight: ReadonlyMap<PeerId, number>,
    isWanted: (peer: PeerId) => boolean,
    atRandom: boolean,
  ): Choice | NoChoice {
    let best: Omit<Choice, 'others'> | null = null;
    let bestScore = Number.NEGATIVE_INFINITY;
    const rest = new Best();
    const not = (candidate: Candidate, why: WhyNot, share = 1): void =>
      rest.offer({ provider: candidate.peerId, score: Math.round(candidate.score * share * 1000), why });
    /** Somebody may take it later; somebody would, for more money. */
    let isLater = false;
    let isTooDear = false;
    let capped: Capped | null = null;
    const items = itemsAtMost(shard);
    const leftMicro = this.#budgetLeft(job);
    const newcomerMax = this.#newcomerMax(job, shard, items, isWanted);
    const candidates = this.candidates(job);
    for (const { candidate, why } of this.#ranked.refused) not(candidate, why);
    for (const candidate of candidates) {
      const { peerId } = candidate;
      if (!isWanted(peerId) || this.#c.checks.isExcluded(peerId)) {
        not(candidate, isWanted(peerId) ? 'excluded' : 'tried');
        continue;
      }
      const { quote, standing } = this.#quotes.of(peerId);
      if (standing === 'never') {
        not(candidate, 'refused');
        continue;
      }
      const priceMicro = quote === null ? micro.zero : priceOf(quote.body.price, items);
      if (BigInt(priceMicro) > leftMicro) {
        isTooDear = true;
        not(candidate, 'price');
        continue;
      }
      const cap = quote === null ? null : this.#c.payment.cappedAt(peerId, priceMicro);
      if (cap !== null) {
        capped = sooner(capped, cap);
        not(candidate, 'cap');
        continue;
      }
      const at = inFlight.get(peerId) ?? 0;
      const isSilent = this.#c.liveness.isSuspect(peerId);
      if (quote === null || standing === 'later' || isSilent) {
        isLater = true;
        not(candidate, isSilent ? 'silent' : quote === null ? 'no-quote' : 'paused');
        continue;
      }
      if (micro.less(quote.body.creditLimitMicro, priceMicro)) {
        this.#quotes.explain(
          peerId,
          `a provider grants a credit of ${quote.body.creditLimitMicro} micro-credits, and a shard costs ${priceMicro}: use smaller shards`,
        );
        not(candidate, 'credit-limit');
        continue;
      }
      if (newcomerMax !== null && micro.less(newcomerMax, priceMicro) && this.#isNewcomer(job, peerId)) {
        this.#quotes.explain(
          peerId,
          `a provider with too few good checks yet costs ${priceMicro} a shard; until it has more, it gets work for ${newcomerMax} at most, the median of the others’ prices`,
        );
        not(candidate, 'dear-newcomer');
        continue;
      }
      const isFull = at >= inFlightMax(quote, this.#c.config.inFlightPerProviderMax);
      if (isFull || !this.#hasRoom(job, quote, priceMicro)) {
        isLater = true;
        not(candidate, isFull ? 'full' : 'no-room');
        continue;
      }
      const share = 1 / (1 + at);
      const terms = { ...candidate.terms, inFlight: share };
      const score = atRandom ? this.#randomly() : candidate.score * share;
      not(candidate, atRandom ? 'lot' : 'lower-score', share);
      if (score > bestScore) {
        bestScore = score;
        best = { provider: peerId, quote, priceMicro, terms: inThousandths(atRandom ? { atRandom: score } : terms) };
      }
    }
    if (best !== null) return { ...best, others: rest.without(best.provider) };
    if (isLater) return 'busy';
    if (capped !== null) this.capped = capped;
    return capped !== null ? 'capped' : isTooDear ? 'budget' : 'no-provider';
  }

  /**
   * What a newcomer may cost where single answers are checked the less often the better its provider has done: else it would
   * pay to be dear as long as one is new, and to begin anew when one is caught. The lower median of those who may be asked.
   * Who checks is not bound by it: that work is compared anyway.
   */
  #newcomerMax(job: Job, { audit }: Shard, items: number, isWanted: (peer: PeerId) => boolean): Micro | null {
    if (job.job.policy.type !== 'adaptive' || audit !== null) return null;
    const prices: Micro[] = [];
    for (const { peerId, offer } of this.candidates(job)) {
      const mayBeAsked = isWanted(peerId) && !this.#c.checks.isExcluded(peerId);
      if (mayBeAsked && this.#quotes.of(peerId).standing !== 'never') prices.push(priceOf(offer.price, items));
    }
    prices.sort((a, b) => (micro.less(a, b) ? -1 : micro.less(b, a) ? 1 : 0));
    return prices[Math.floor((prices.length - 1) / 2)] ?? null;
  }

  #isNewcomer({ job: { policy, template, model } }: Job, provider: PeerId): boolean {
    if (policy.type !== 'adaptive') return false;
    return this.#c.checks.standing({ provider, template, model, unit: 'items' }).streak < policy.streak;
  }

  #randomly(): number {
    return this.#c.random.bytes(4).reduce((sum, byte) => sum * 256 + byte, 0) / 2 ** 32;
  }

  #budgetLeft({ jobId, job }: Job): bigint {
    const { payment } = this.#c;
    return BigInt(job.budgetMicro) - BigInt(payment.spentOf(jobId)) - BigInt(payment.reservedOf(jobId));
  }

  /** For one more shard of all jobs' and what others have the better claim to: more would only be declined. */
  #hasRoom(job: Job, quote: SignedQuote, priceMicro: Micro): boolean {
    const { turns, payment } = this.#c;
    const { provider, creditLimitMicro, inFlightMax } = quote.body;
    const before = turns.claimsBefore(job.jobId, provider);
    const open = micro.sum([payment.openWith(provider), before.priceMicro, priceMicro]);
    const hasRoom = turns.at(provider) + before.places < inFlightMax && !micro.less(creditLimitMicro, open);
    if (!hasRoom) turns.denied(job.jobId, provider, priceMicro);
    return hasRoom;
  }
}

function itemsAtMost(shard: Shard): number {
  return itemsOf(shard) + (mayGetCanary(shard) ? 1 : 0);
}

/**
 * Of a shard that nobody has tried: where nobody can take it, nobody can take another that is named alike. A long job looks
 * for the places of its next shard at each end of another, and need not ask for all that wait.
 */
export function alike(shard: Shard): number | null {
  return shard.replicas.length === 0 && shard.audit === null ? itemsAtMost(shard) : null;
}

/** Of many, the few with the highest scores, and one to spare: the chosen one may be among them. */
class Best {
  readonly #few: NotChosen[] = [];

  offer(one: NotChosen): void {
    let at = this.#few.length;
    while (at > 0 && (this.#few[at - 1]?.score ?? 0) < one.score) at--;
    if (at > notChosenMax) return;
    this.#few.splice(at, 0, one);
    this.#few.length = Math.min(this.#few.length, notChosenMax + 1);
  }

  without(chosen: PeerId): NotChosen[] {
    return this.#few.filter(({ provider }) => provider !== chosen).slice(0, notChosenMax);
  }
}

/** Of one job: what a provider runs at once, and as many that wait for it as with one that runs a single shard. */
export function inFlightMax({ body }: SignedQuote, perProviderMax: number): number {
  return Math.min(perProviderMax + (body.runsMax ?? 1) - 1, body.inFlightMax);
}

function sooner(a: Capped | null, b: Capped): Capped {
  const at = ({ freeAt }: Capped): number => freeAt ?? Number.POSITIVE_INFINITY;
  return a === null || at(b) < at(a) ? b : a;
}

/** It ended without a vote, and not because the work cannot be done there. */
function wasInterrupted({ state, commitment, failure }: Replica): boolean {
  if (state === 'failed') return failure !== undefined && interruptions.has(failure.code);
  return state === 'cancelled' || (state === 'lost' && commitment === null);
}

function inThousandths(terms: Readonly<Record<string, number>>): ScoreTerms {
  return Object.fromEntries(Object.entries(terms).map(([name, value]) => [name, Math.round(value * 1000)]));
}
