import type { Clock } from '../ports/index.ts';
import type { PeerId } from '../protocol/index.ts';

export interface RateOptions {
  readonly clock: Clock;
  readonly atOnceMax: number;
  readonly perMinuteMax: number;
  /** Peers that are remembered; the one that was quiet longest is forgotten first. */
  readonly peersMax: number;
}

/** How often each peer may do something: a bucket per peer that refills with time. */
export class Rates {
  readonly #o: RateOptions;
  readonly #left = new Map<PeerId, { tokens: number; at: number }>();

  constructor(options: RateOptions) {
    this.#o = options;
  }

  /** @returns false when the peer is over its rate. */
  take(peer: PeerId): boolean {
    const { clock, atOnceMax, perMinuteMax, peersMax } = this.#o;
    const at = clock.elapsed();
    const last = this.#left.get(peer) ?? { tokens: atOnceMax, at };
    const tokens = Math.min(atOnceMax, last.tokens + ((at - last.at) / 60_000) * perMinuteMax);
    this.#left.delete(peer);
    this.#left.set(peer, { tokens: Math.max(0, tokens - 1), at });
    for (const oldest of this.#left.keys()) {
      if (this.#left.size <= peersMax) break;
      this.#left.delete(oldest);
    }
    return tokens >= 1;
  }
}
