import type { Clock } from '../ports/index.ts';

/** One pending call at most: setting it anew replaces what waits. */
export class Timer {
  readonly #clock: Clock;
  #cancel: (() => void) | null = null;
  #at = Number.POSITIVE_INFINITY;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  set(ms: number, run: () => void): void {
    this.cancel();
    this.#at = this.#clock.elapsed() + ms;
    this.#cancel = this.#clock.after(ms, () => {
      this.#cancel = null;
      this.#at = Number.POSITIVE_INFINITY;
      run();
    });
  }

  /** Unless a call is due by then anyway. */
  setEarlier(ms: number, run: () => void): void {
    if (this.#clock.elapsed() + ms < this.#at) this.set(ms, run);
  }

  cancel(): void {
    this.#cancel?.();
    this.#cancel = null;
    this.#at = Number.POSITIVE_INFINITY;
  }
}
