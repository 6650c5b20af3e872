/**
 * The container engine, for people who ask. Where the executor watches one, what it sees is shown, at no cost. Where it
 * watches none, the engine is shown as it was last looked at: a look can take seconds, and who asks for the state of a node
 * waits for none.
 */
import type { Clock, Host } from '../ports/index.ts';
import type { EngineStatus, Template } from '../protocol/index.ts';

/** A look that is older is followed by another. */
const freshMs = 15_000;

export interface EngineLookOptions {
  readonly host: Host | undefined;
  readonly clock: Clock;
  templates(): readonly Template[];
  /** What the executor sees; null where it watches no engine. */
  watched(): EngineStatus | null;
}

export class EngineLook {
  readonly #o: EngineLookOptions;
  #latest: EngineStatus | null = null;
  #lookedAt = Number.NEGATIVE_INFINITY;
  #looking: Promise<EngineStatus | null> | null = null;

  constructor(options: EngineLookOptions) {
    this.#o = options;
  }

  /** As it was; looks again in the background when that was a while ago. */
  get latest(): EngineStatus | null {
    const watched = this.#o.watched();
    if (watched !== null) return watched;
    if (this.#o.clock.elapsed() - this.#lookedAt > freshMs) void this.look();
    return this.#latest;
  }

  /** As it is now. */
  async look(): Promise<EngineStatus | null> {
    const watched = this.#o.watched();
    if (watched !== null) return watched;
    this.#looking ??= this.#ask().finally(() => {
      this.#looking = null;
    });
    return this.#looking;
  }

  async #ask(): Promise<EngineStatus | null> {
    const { host, clock, templates } = this.#o;
    this.#lookedAt = clock.elapsed();
    this.#latest = (await host?.engine?.(templates()).catch(() => null)) ?? null;
    this.#lookedAt = clock.elapsed();
    return this.#latest;
  }
}
