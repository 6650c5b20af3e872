/**
 * Measures what is offered and was never measured, one after the other and only while no work is in hand: a node is
 * online at once, and says its speed when it knows it.
 */
import type { Executor, HoldSignal, Logger } from '../ports/index.ts';
import type { Cid, Offer } from '../protocol/index.ts';

export interface CalibrationOptions {
  readonly executor: Executor;
  readonly log: Logger;
  /** Is there work that the measurement would disturb, and be disturbed by? */
  busy(): boolean;
  readonly hold: HoldSignal;
  onMeasured(offer: Offer, tokensPerSecondMilli: number): void;
  /** It does not run here after all. */
  onBroken(template: Cid, model: Cid | null, reason: string): void;
}

export class Calibration {
  readonly #o: CalibrationOptions;
  #waiting: Offer[] = [];
  #measuring = false;
  #stopped = false;

  constructor(options: CalibrationOptions) {
    this.#o = options;
  }

  start(offers: readonly Offer[]): void {
    this.#waiting = offers.filter((offer) => offer.tokensPerSecondMilli === 0);
    this.next();
  }

  stop(): void {
    this.#stopped = true;
  }

  /** Work has ended: perhaps there is time now. */
  next(): void {
    if (this.#measuring || this.#stopped || this.#waiting.length === 0 || this.#o.busy()) return;
    this.#measuring = true;
    void this.#measure().finally(() => {
      this.#measuring = false;
      this.next();
    });
  }

  async #measure(): Promise<void> {
    const offer = this.#waiting.shift();
    if (offer === undefined) return;
    const { executor, log } = this.#o;
    const { template, model } = offer;
    try {
      const measured = await executor.measure(template, model, this.#o.hold);
      if (this.#stopped) return;
      if (measured.ok) this.#o.onMeasured(offer, measured.tokensPerSecondMilli);
      else this.#o.onBroken(template, model, measured.reason);
    } catch (error) {
      log.warn(
        { template, error: error instanceof Error ? error.message : String(error) },
        'a speed could not be measured',
      );
    }
  }
}
