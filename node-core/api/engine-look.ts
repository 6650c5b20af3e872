/** The container engine as it was last looked at: a look can take seconds, and who asks for the state of a node waits for none. */
import type { Clock, Host } from '../ports/index.ts';
import type { EngineStatus, Template } from '../protocol/index.ts';

/** A look that is older is followed by another. */
const freshMs = 15_000;

export class EngineLook {
  readonly #host: Host | undefined;
  readonly #clock: Clock;
  readonly #templates: () => readonly Template[];
  #latest: EngineStatus | null = null;
  #lookedAt = Number.NEGATIVE_INFINITY;
  #looking: Promise<EngineStatus | null> | null = null;

  constructor(host: Host | undefined, clock: Clock, templates: () => readonly Template[]) {
    this.#host = host;
    this.#clock = clock;
    this.#templates = templates;
  }

  /** As it was; looks again in the background when that was a while ago. */
  get latest(): EngineStatus | null {
    if (this.#clock.elapsed() - this.#lookedAt > freshMs) void this.look();
    return this.#latest;
  }

  /** As it is now. */
  look(): Promise<EngineStatus | null> {
    this.#looking ??= this.#ask().finally(() => {
      this.#looking = null;
    });
    return this.#looking;
  }

  async #ask(): Promise<EngineStatus | null> {
    this.#lookedAt = this.#clock.elapsed();
    this.#latest = (await this.#host?.engine?.(this.#templates()).catch(() => null)) ?? null;
    this.#lookedAt = this.#clock.elapsed();
    return this.#latest;
  }
}
