import type { CancelSignal } from '../ports/index.ts';

/** A switch that ends a run; the executor listens. */
export class CancelSwitch implements CancelSignal {
  #cancelled = false;
  #listeners: Array<() => void> = [];

  get cancelled(): boolean {
    return this.#cancelled;
  }

  onCancel(run: () => void): void {
    if (this.#cancelled) run();
    else this.#listeners.push(run);
  }

  cancel(): void {
    if (this.#cancelled) return;
    this.#cancelled = true;
    for (const listener of this.#listeners.splice(0)) listener();
  }
}
