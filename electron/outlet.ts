/**
 * What main says to one page. One batch is under way at a time, and the next leaves when the page has taken it: what comes
 * meanwhile waits here, where it is counted, and not in a queue of Electron's that nobody sees. A page that is slow, or hangs,
 * costs so no more than {@link OutletLimits}: its tokens are gathered, and its events are read from the log when it is back.
 */
export interface OutletOptions {
  post(batch: number, texts: readonly string[]): void;
  /** Something that waited has left: more may come. */
  onDrain(): void;
  readonly limits?: Partial<OutletLimits>;
}

export interface OutletLimits {
  /** Letters in one batch, but for a single text that has more. Default 256 Ki. */
  readonly batchMax: number;
  /** Letters that wait, from which on tokens are gathered. Default 64 Ki. */
  readonly busyMin: number;
  /** Letters that wait, from which on events stay in the log. Default 1 Mi. */
  readonly fullMin: number;
}

const defaults: OutletLimits = { batchMax: 256 * 1024, busyMin: 64 * 1024, fullMin: 1024 * 1024 };

export class Outlet {
  readonly #o: OutletOptions;
  readonly #limits: OutletLimits;
  #waiting: string[] = [];
  #letters = 0;
  #batch = 0;
  #isUnderWay = false;
  #isClosed = false;

  constructor(options: OutletOptions) {
    this.#o = options;
    this.#limits = { ...defaults, ...options.limits };
  }

  /** Letters that wait to leave. */
  get waiting(): number {
    return this.#letters;
  }

  get isBusy(): boolean {
    return this.#letters > this.#limits.busyMin;
  }

  get isFull(): boolean {
    return this.#letters > this.#limits.fullMin;
  }

  send(text: string): void {
    if (this.#isClosed) return;
    this.#waiting.push(text);
    this.#letters += text.length;
    if (!this.#isUnderWay) this.#post();
  }

  /** The page has taken a batch. An older one is of a page before this one. */
  took(batch: number): void {
    if (this.#isClosed || !this.#isUnderWay || batch !== this.#batch) return;
    this.#isUnderWay = false;
    this.#post();
    if (!this.isBusy) this.#o.onDrain();
  }

  close(): void {
    this.#isClosed = true;
    this.#waiting = [];
    this.#letters = 0;
  }

  #post(): void {
    if (this.#waiting.length === 0) return;
    let count = 0;
    let letters = 0;
    for (const { length } of this.#waiting) {
      if (count > 0 && letters + length > this.#limits.batchMax) break;
      count += 1;
      letters += length;
    }
    this.#letters -= letters;
    this.#batch += 1;
    this.#isUnderWay = true;
    this.#o.post(this.#batch, this.#waiting.splice(0, count));
  }
}
