import type { StopSignal } from '../ports/index.ts';

/** Ends items of a run early; the executor listens. */
export class StopSwitch implements StopSignal {
  readonly #stops = new Set<number | null>();
  readonly #listeners: Array<(item: number | null) => void> = [];

  onStop(run: (item: number | null) => void): void {
    for (const item of this.#stops) run(item);
    this.#listeners.push(run);
  }

  /** @param item null = all. Twice is once. */
  stop(item: number | null): void {
    if (this.isStopped(item)) return;
    this.#stops.add(item);
    for (const listener of this.#listeners) listener(item);
  }

  isStopped(item: number | null): boolean {
    return this.#stops.has(null) || this.#stops.has(item);
  }
}
