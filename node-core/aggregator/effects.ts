/** Effects under way, by what they are about: none is begun twice, and one that failed is tried again after a while. */
import type { Clock } from '../ports/index.ts';

/** Before a step that failed (the disk, mostly) is tried again, ms. */
export const againMs = 1_000;

export interface EffectsOptions {
  readonly clock: Clock;
  /** The effect is over, or may be tried again. */
  freed(key: string): void;
  failed(error: unknown): void;
}

export class Effects {
  readonly #o: EffectsOptions;
  readonly #busy = new Set<string>();

  constructor(options: EffectsOptions) {
    this.#o = options;
  }

  /** Begins an effect unless the same is under way. One that failed stays so for `againMs`. */
  run(key: string, effect: () => Promise<void>): void {
    if (this.#busy.has(key)) return;
    this.#busy.add(key);
    void this.guard(effect).then((ok) => {
      if (ok) this.#free(key);
      else this.#o.clock.after(againMs, () => this.#free(key));
    });
  }

  /** Not while the same is under way. */
  async once(key: string, effect: () => Promise<void>): Promise<void> {
    if (this.#busy.has(key)) return;
    this.#busy.add(key);
    try {
      await effect();
    } finally {
      this.#busy.delete(key);
    }
  }

  /** For what nobody waits for. @returns whether it went well; never rejects. */
  async guard(effect: () => Promise<void>): Promise<boolean> {
    try {
      await effect();
      return true;
    } catch (error) {
      this.#o.failed(error);
      return false;
    }
  }

  #free(key: string): void {
    this.#busy.delete(key);
    this.#o.freed(key);
  }
}
