/**
 * Is the clock of this computer right? Peers sign the time into each heartbeat, so those that a wrong clock refuses still tell
 * how far off it is. Of one peer alone nobody knows which of the two is wrong; several that say the same are believed, as
 * long as most of those that are heard say so.
 */
import type { Clock } from '../ports/index.ts';
import { type PeerId, protocolLimits } from '../protocol/index.ts';
import { BoundedMap } from './bounded-map.ts';
import { directoryLimits as limits } from './limits.ts';

interface Sample {
  /** The peer's clock less ours. */
  readonly offMs: number;
  /** The peer's time: a replay of an older heartbeat is no newer sample. */
  readonly at: number;
  /** Monotonic ms. */
  readonly heardAt: number;
}

export class ClockWatch {
  readonly #clock: Clock;
  readonly #samples: BoundedMap<PeerId, Sample>;

  constructor(clock: Clock, peersMax: number) {
    this.#clock = clock;
    this.#samples = new BoundedMap(Math.min(peersMax, limits.clockPeersMax));
  }

  /** Whether a heartbeat of that time tells more than what is known: it is worth to verify its signature. */
  wants(peer: PeerId, at: number): boolean {
    const known = this.#samples.get(peer);
    if (known === undefined) return true;
    const ageMs = this.#clock.elapsed() - known.heardAt;
    return ageMs > limits.clockSampleMsMax || (ageMs > limits.clockSampleMsMin && at > known.at);
  }

  /** @param at the time in a heartbeat of that peer, whose signature holds. */
  note(peer: PeerId, at: number): void {
    if (!this.wants(peer, at)) return;
    this.#samples.set(peer, { offMs: at - this.#clock.now(), at, heardAt: this.#clock.elapsed() });
  }

  /** What is wrong with the clock and what to do, or null. */
  fault(): string | null {
    const now = this.#clock.elapsed();
    const offs: number[] = [];
    for (const { offMs, heardAt } of this.#samples.values()) {
      if (now - heardAt <= limits.clockSampleMsMax) offs.push(offMs);
    }
    offs.sort((a, b) => a - b);
    // Of an even number the one nearer to none: what half of the peers say is not yet believed.
    const [low = 0, high = 0] = [offs[(offs.length - 1) >> 1], offs[offs.length >> 1]];
    const offMs = Math.abs(low) < Math.abs(high) ? low : high;
    const { clockSkewMsMax } = protocolLimits;
    const isBehind = offMs > 0;
    const agree = offs.filter((each) => Math.abs(each) > clockSkewMsMax && each > 0 === isBehind).length;
    if (Math.abs(offMs) <= clockSkewMsMax || agree < limits.clockPeersMin) return null;
    const minutes = Math.round(Math.abs(offMs) / 60_000);
    return (
      `clock: it is ${minutes} min ${isBehind ? 'behind' : 'ahead of'} the clocks of ${agree} peers, which refuse what is more than ` +
      `${clockSkewMsMax / 60_000} min off; set it by network time (timedatectl set-ntp true)`
    );
  }
}
