/** What others asked of this provider since it started, and what it declined: for `provider.why`. Lost with the process. */
import type { EpochMs, FailureCode, PeerId } from '../protocol/index.ts';

export interface Declined {
  readonly code: FailureCode;
  count: number;
  lastAt: EpochMs;
  /** As it was told to the last one. */
  message: string;
}

export interface DemandCounts {
  readonly since: EpochMs;
  readonly quotes: number;
  readonly assignments: number;
  readonly taken: number;
  /** At least; more than {@link clientsMax} are not told apart. */
  readonly clients: number;
  readonly lastAt: EpochMs | null;
  /** The most frequent first. */
  readonly declined: readonly Declined[];
}

const clientsMax = 1_000;

export class Demand {
  readonly #now: () => EpochMs;
  readonly #since: EpochMs;
  readonly #clients = new Set<PeerId>();
  readonly #declined = new Map<FailureCode, Declined>();
  #quotes = 0;
  #assignments = 0;
  #taken = 0;
  #lastAt: EpochMs | null = null;

  constructor(now: () => EpochMs) {
    this.#now = now;
    this.#since = now();
  }

  asked(client: PeerId, what: 'quote' | 'assignment'): void {
    if (what === 'quote') this.#quotes++;
    else this.#assignments++;
    this.#lastAt = this.#now();
    if (this.#clients.size < clientsMax) this.#clients.add(client);
  }

  took(): void {
    this.#taken++;
  }

  declined(code: FailureCode, message: string): void {
    const known = this.#declined.get(code) ?? { code, count: 0, lastAt: 0, message };
    known.count++;
    known.lastAt = this.#now();
    known.message = message;
    this.#declined.set(code, known);
  }

  counts(): DemandCounts {
    return {
      since: this.#since,
      quotes: this.#quotes,
      assignments: this.#assignments,
      taken: this.#taken,
      clients: this.#clients.size,
      lastAt: this.#lastAt,
      declined: [...this.#declined.values()].sort((a, b) => b.count - a.count).map((each) => ({ ...each })),
    };
  }
}
