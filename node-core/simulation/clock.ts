/** Virtual time: nothing waits; the next timer is run when nothing else is left to do. */
import type { Clock } from '../ports/index.ts';
import type { EpochMs } from '../protocol/index.ts';

interface Timer {
  readonly at: number;
  /** Timers of the same moment run in the order in which they were set. */
  readonly order: number;
  run: (() => void) | null;
}

/** The moment at which every run begins: 2026-01-01 00:00 UTC. */
export const beginning: EpochMs = 1_767_225_600_000;

/** Time of the whole simulated world; each node gets a {@link NodeClock} of it. */
export class VirtualTime {
  #elapsed = 0;
  #order = 0;
  #steps = 0;
  /** A binary heap, earliest first. */
  readonly #heap: Timer[] = [];

  /** ms since the beginning of the run. */
  get elapsed(): number {
    return this.#elapsed;
  }

  /** Timers run so far. */
  get steps(): number {
    return this.#steps;
  }

  after(ms: number, run: () => void): () => void {
    const timer: Timer = { at: this.#elapsed + Math.max(0, ms), order: this.#order++, run };
    this.#push(timer);
    return () => {
      timer.run = null;
    };
  }

  /** Runs the next timer. @returns false when there is none until `until`. */
  step(until: number): boolean {
    for (;;) {
      const next = this.#heap[0];
      if (next === undefined || next.at > until) return false;
      this.#pop();
      if (next.run === null) continue;
      this.#elapsed = next.at;
      const { run } = next;
      next.run = null;
      this.#steps++;
      run();
      return true;
    }
  }

  /** Nothing is due before `until`: time passes. */
  skipTo(until: number): void {
    this.#elapsed = Math.max(this.#elapsed, until);
  }

  #push(timer: Timer): void {
    const heap = this.#heap;
    let i = heap.length;
    heap.push(timer);
    while (i > 0) {
      const parent = (i - 1) >> 1;
      const above = heap[parent];
      if (above === undefined || !isBefore(timer, above)) break;
      heap[i] = above;
      i = parent;
    }
    heap[i] = timer;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let i = 0;
    for (;;) {
      let child = 2 * i + 1;
      let least = heap[child];
      if (least === undefined) break;
      const right = heap[child + 1];
      if (right !== undefined && isBefore(right, least)) {
        child++;
        least = right;
      }
      if (!isBefore(least, last)) break;
      heap[i] = least;
      i = child;
    }
    heap[i] = last;
  }
}

function isBefore(a: Timer, b: Timer): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}

/**
 * One node's clock. Its wall clock is off by `skewMs`; a crashed node's timers never run again.
 */
export class NodeClock implements Clock {
  readonly #time: VirtualTime;
  readonly #skewMs: number;
  readonly #onThrow: (error: unknown) => void;
  #dead = false;
  #live = 0;

  /** @param onThrow a timer's callback threw: in a real process nobody would have caught it. */
  constructor(time: VirtualTime, skewMs = 0, onThrow: (error: unknown) => void = () => {}) {
    this.#time = time;
    this.#skewMs = skewMs;
    this.#onThrow = onThrow;
  }

  now(): EpochMs {
    return Math.floor(beginning + this.#time.elapsed + this.#skewMs);
  }

  elapsed(): number {
    return this.#time.elapsed;
  }

  /** The process is gone. */
  get isDead(): boolean {
    return this.#dead;
  }

  /** Timers that are set and did not run yet. */
  get live(): number {
    return this.#live;
  }

  after(ms: number, run: () => void): () => void {
    this.#live++;
    let isOver = false;
    const cancel = this.#time.after(ms, () => {
      isOver = true;
      this.#live--;
      if (this.#dead) return;
      try {
        run();
      } catch (error) {
        this.#onThrow(error);
      }
    });
    return () => {
      if (isOver) return;
      isOver = true;
      this.#live--;
      cancel();
    };
  }

  kill(): void {
    this.#dead = true;
  }
}
