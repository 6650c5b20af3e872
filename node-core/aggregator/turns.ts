/**
 * Fairness between the jobs of this node, where a provider has room for few of their shards: a small job is not stuck behind
 * one of 10,000 items. A job that found no room says so; the others leave a place to it if its claim is the better one.
 *
 * - Who has nothing out at any provider goes before who has, whatever their priorities: no job starves.
 * - Else the claim is the job's priority less its shards at this provider: a job of a priority two higher gets two more
 *   there. At equal claims nobody waits for the other.
 */
import { type Id, type Micro, micro, type PeerId } from '../protocol/index.ts';

interface Entry {
  readonly priority: number;
  /** There may be room now. */
  readonly wake: () => void;
  inFlight: ReadonlyMap<PeerId, number>;
  /** Where it found no room when it last looked, and what a shard of it costs there. */
  readonly denied: Map<PeerId, Micro>;
}

/** What a job leaves to others at one provider. */
export interface Claims {
  readonly places: number;
  readonly priceMicro: Micro;
}

export class Turns {
  readonly #jobs = new Map<Id, Entry>();

  enter(jobId: Id, priority: number, wake: () => void): void {
    this.#jobs.set(jobId, { priority, wake, inFlight: new Map(), denied: new Map() });
  }

  leave(jobId: Id): void {
    this.#jobs.delete(jobId);
    for (const other of this.#jobs.values()) if (other.denied.size > 0) other.wake();
  }

  /**
   * A job begins to look for places.
   * @param inFlight its shards by provider; read whenever another job asks, so that it may change while places are taken.
   */
  looks(jobId: Id, inFlight: ReadonlyMap<PeerId, number>): void {
    const entry = this.#jobs.get(jobId);
    if (entry === undefined) return;
    const before = entry.inFlight;
    entry.inFlight = inFlight;
    entry.denied.clear();
    for (const [provider, count] of before) {
      if ((inFlight.get(provider) ?? 0) >= count) continue;
      for (const [other] of this.#better(jobId, provider)) other.wake();
    }
  }

  /** It would have taken a place there, at this price. */
  denied(jobId: Id, provider: PeerId, priceMicro: Micro): void {
    this.#jobs.get(jobId)?.denied.set(provider, priceMicro);
  }

  /** Shards of all jobs at a provider. */
  at(provider: PeerId): number {
    let count = 0;
    for (const { inFlight } of this.#jobs.values()) count += inFlight.get(provider) ?? 0;
    return count;
  }

  /** What must stay free at a provider when this job takes a place there. */
  claimsBefore(jobId: Id, provider: PeerId): Claims {
    const better = this.#better(jobId, provider);
    return { places: better.length, priceMicro: micro.sum(better.map(([, priceMicro]) => priceMicro)) };
  }

  #better(jobId: Id, provider: PeerId): Array<[Entry, Micro]> {
    const own = this.#jobs.get(jobId);
    if (own === undefined) return [];
    const better: Array<[Entry, Micro]> = [];
    for (const [id, other] of this.#jobs) {
      const priceMicro = other.denied.get(provider);
      if (id !== jobId && priceMicro !== undefined && hasBetterClaim(other, own, provider))
        better.push([other, priceMicro]);
    }
    return better;
  }
}

function hasBetterClaim(a: Entry, b: Entry, provider: PeerId): boolean {
  const [aIdle, bIdle] = [isIdle(a), isIdle(b)];
  if (aIdle !== bIdle) return aIdle;
  const claim = ({ priority, inFlight }: Entry): number => priority - (inFlight.get(provider) ?? 0);
  return claim(a) > claim(b);
}

/** Nothing out anywhere. */
function isIdle({ inFlight }: Entry): boolean {
  for (const count of inFlight.values()) if (count > 0) return false;
  return true;
}
