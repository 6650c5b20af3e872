/** A timer that can be held: the time for which it is held does not count. */
export class Countdown {
  readonly #run: () => void;
  #leftMs: number;
  #since = performance.now();
  #timer: NodeJS.Timeout | null = null;
  #over = false;

  constructor(ms: number, run: () => void) {
    this.#leftMs = ms;
    this.#run = () => {
      this.#over = true;
      run();
    };
    this.resume();
  }

  hold(): void {
    if (this.#timer === null) return;
    clearTimeout(this.#timer);
    this.#timer = null;
    this.#leftMs -= performance.now() - this.#since;
  }

  resume(): void {
    if (this.#timer !== null || this.#over) return;
    this.#since = performance.now();
    this.#timer = setTimeout(this.#run, Math.max(0, this.#leftMs));
  }

  clear(): void {
    this.hold();
    this.#over = true;
  }
}
