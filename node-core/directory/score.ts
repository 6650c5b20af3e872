/**
 * Best fit: which provider gets the next shard, and why.
 *
 *     score = fits × liveness × load × speed × warm × reputation × price × share [× favoured]
 *
 * Each term is in (0, 1], 1 being the best that can be, so that no term can hide another, and the product can be read:
 * a candidate with a score of 0.2 says by its terms what it lacks. Where nothing is known a term is neutral, neither best
 * nor worst. The terms are kept with the choice (`replica.assigned`).
 *
 * | term       | formula                                                                  | nothing known |
 * |------------|--------------------------------------------------------------------------|---------------|
 * | fits       | 1; who lacks template, model, memory, tier or room for the items is out  | –             |
 * | liveness   | 1 while connected or the next heartbeat is not due, then falling to 0.25 at `goneMs`; the silent are out | 0.25: named by the DHT only |
 * | load       | 1 − (queued + running) / (queueMax + running + 1)                        | 0.5           |
 * | speed      | measured tokens per second / those of the fastest candidate              | 0.5           |
 * | warm       | 1 with the model in memory, 0.8 without: the work begins at once           | 0.9           |
 * | reputation | as the reputation room says                                              | as it says    |
 * | price      | (cheapest candidate’s + 1) / (own + 1), in micro-credits                 | –             |
 * | share      | 1 / (1 + shards of ours that it has now): spreads a job over providers   | –             |
 * | favoured   | 1 for whom the owner favours, 0.25 for others; no term where nobody is favoured | – |
 *
 * Distance is not a term yet: the Network port measures none.
 */
import { type Cid, type HardwarePassport, HardwareTier, type Offer, type PeerId } from '../protocol/index.ts';
import type { Candidate, FitQuery, Load } from './types.ts';
import type { Liveness } from './vitals.ts';

/** What is known of one provider, gathered by the directory. */
export interface Facts {
  readonly peerId: PeerId;
  readonly offers: readonly Offer[];
  readonly hardware: HardwarePassport | null;
  readonly liveness: Liveness;
  /** Since the last sign of life, ms; null = none yet. */
  readonly silentMs: number | null;
  /** The next heartbeat was promised within this time, ms; null = no promise. */
  readonly nextMs: number | null;
  readonly load: Load | null;
  readonly reputation: number;
  readonly inFlight: number;
}

export interface ScoreOptions {
  readonly goneMs: number;
  /** Price of the shard, micro-credits. */
  price(offer: Offer): number;
  /** By the owner. */
  readonly favoured?: ReadonlySet<PeerId>;
}

const neutral = 0.5;
const livenessMin = 0.25;
const notFavoured = 0.25;
/** A term of 0 would hide all others. Who shall get nothing at all is excluded by name. */
const termMin = 0.001;

/** The best `limit` of those that fit, best first; of equals the lower peer id first. */
export function rank(facts: readonly Facts[], query: FitQuery, options: ScoreOptions, limit: number): Candidate[] {
  const fitting: Fitting[] = [];
  let speedMax = 0;
  let priceMin = Number.POSITIVE_INFINITY;
  for (const fact of facts) {
    const found = cheapest(fact, query, options);
    if (found === null) continue;
    fitting.push(found);
    speedMax = Math.max(speedMax, found.offer.tokensPerSecondMilli);
    priceMin = Math.min(priceMin, found.price);
  }
  // A few of up to 10,000: an ordered list of the best so far is cheaper than sorting all.
  const best: Candidate[] = [];
  for (const { fact, offer, price } of fitting) {
    const fits = 1;
    const liveness = livenessTerm(fact, options.goneMs);
    const load = loadTerm(fact.load);
    const speed = offer.tokensPerSecondMilli === 0 ? neutral : term(offer.tokensPerSecondMilli / speedMax);
    const warm = warmTerm(fact.load, query.model);
    const reputation = term(fact.reputation);
    const priceTerm = term((priceMin + 1) / (price + 1));
    const share = term(1 / (1 + Math.max(0, fact.inFlight)));
    const { peerId } = fact;
    const favoured = favouredTerm(peerId, options);
    const score = fits * liveness * load * speed * warm * reputation * priceTerm * share * (favoured ?? 1);
    const last = best.at(-1);
    if (best.length >= limit && (last === undefined || !isBetter(score, peerId, last))) continue;
    let at = best.length;
    for (let before = best[at - 1]; before !== undefined && isBetter(score, peerId, before); before = best[at - 1])
      at--;
    const terms = { fits, liveness, load, speed, warm, reputation, price: priceTerm, share };
    best.splice(at, 0, { peerId, offer, score, terms: favoured === null ? terms : { ...terms, favoured } });
    if (best.length > limit) best.pop();
  }
  return best;
}

function isBetter(score: number, peerId: PeerId, than: Candidate): boolean {
  return score > than.score || (score === than.score && peerId < than.peerId);
}

/** Why an offer cannot take the shard; null when it can. */
function misfit({ liveness, hardware }: Facts, offer: Offer, query: FitQuery): string | null {
  if (offer.template !== query.template) return 'another template';
  if (offer.model !== query.model) return 'another model';
  if (liveness === 'gone') return 'it fell silent';
  if (query.items > offer.itemsPerShardMax) return `at most ${offer.itemsPerShardMax} items a shard`;
  const { memoryBytes, tier } = query.requirements ?? {};
  if (memoryBytes !== undefined && memoryOf(hardware) < memoryBytes) return `less than ${memoryBytes} bytes of memory`;
  if (tier !== undefined && tierRank(hardware?.tier ?? null) < tierRank(tier)) return `below the tier ${tier}`;
  return null;
}

function memoryOf(hardware: HardwarePassport | null): number {
  if (hardware === null) return 0;
  return hardware.gpus.reduce((most, gpu) => Math.max(most, gpu.memoryBytes), hardware.memoryBytes);
}

function tierRank(tier: HardwareTier | null): number {
  return tier === null ? -1 : HardwareTier.options.indexOf(tier);
}

function livenessTerm({ liveness, silentMs, nextMs }: Facts, goneMs: number): number {
  if (liveness === 'connected') return 1;
  if (liveness !== 'heard' || silentMs === null) return livenessMin;
  const dueMs = Math.min(nextMs ?? 0, goneMs);
  if (silentMs <= dueMs) return 1;
  return Math.max(livenessMin, 1 - ((silentMs - dueMs) / (goneMs - dueMs)) * (1 - livenessMin));
}

function loadTerm(load: Load | null): number {
  if (load === null) return neutral;
  const { running, queueMax } = load;
  const queued = Math.min(load.queued, queueMax);
  return term(1 - (queued + running) / (queueMax + running + 1));
}

/** A template without a model has nothing to load. */
function warmTerm(load: Load | null, model: Cid | null): number {
  if (model === null) return 1;
  if (load?.warm === undefined) return 0.9;
  return load.warm.includes(model) ? 1 : 0.8;
}

/** Null where nobody is favoured. */
function favouredTerm(peerId: PeerId, { favoured }: ScoreOptions): number | null {
  if (favoured === undefined || favoured.size === 0) return null;
  return favoured.has(peerId) ? 1 : notFavoured;
}

function term(value: number): number {
  return Math.min(1, Math.max(termMin, value));
}

interface Fitting {
  readonly fact: Facts;
  readonly offer: Offer;
  readonly price: number;
}

/** The cheapest of a provider's offers that fit, or null. */
function cheapest(fact: Facts, query: FitQuery, options: ScoreOptions): Fitting | null {
  let best: Fitting | null = null;
  for (const offer of fact.offers) {
    if (misfit(fact, offer, query) !== null) continue;
    const price = Math.max(0, options.price(offer));
    if (best === null || price < best.price) best = { fact, offer, price };
  }
  return best;
}
