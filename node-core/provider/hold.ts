import type { HoldSignal } from '../ports/index.ts';

/** Stops a run where it stands, and lets it go on; the executor listens. */
export class HoldSwitch implements HoldSignal {
  #held = false;
  readonly #listeners: Array<(held: boolean) => void> = [];

  get held(): boolean {
    return this.#held;
  }

  onChange(run: (held: boolean) => void): void {
    this.#listeners.push(run);
  }

  set(held: boolean): void {
    if (held === this.#held) return;
    this.#held = held;
    for (const listener of this.#listeners) listener(held);
  }
}
