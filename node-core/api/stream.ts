/** The event stream: from any cursor through history into the present, without a gap and without a repetition. */
import type { Journal } from '../journal/index.ts';
import type { Logger, Store } from '../ports/index.ts';
import type { LogEntry, StreamItem } from '../protocol/index.ts';

const pageEntries = 500;

export class EventStream {
  readonly #journal: Journal;
  readonly #store: Store;
  readonly #log: Logger;
  readonly #live = new Set<(item: StreamItem) => void>();

  constructor(journal: Journal, store: Store, log: Logger) {
    this.#journal = journal;
    this.#store = store;
    this.#log = log;
  }

  /** Not in the log, and not repeated: progress. */
  tell(item: StreamItem): void {
    for (const receive of this.#live) receive(item);
  }

  subscribe(after: number, receive: (item: StreamItem) => void): () => void {
    let ended = false;
    let cursor = after;
    // Entries that become durable while history is still being read.
    let waiting: LogEntry[] | null = [];
    const give = (entry: LogEntry): void => {
      if (ended || entry.seq <= cursor) return;
      cursor = entry.seq;
      receive({ kind: 'event', seq: entry.seq, at: entry.at, event: entry.event });
    };
    const off = this.#journal.subscribe((entry) => {
      if (waiting === null) give(entry);
      else waiting.push(entry);
    });
    const until = this.#journal.durableSeq;
    const catchUp = async (): Promise<void> => {
      while (!ended && cursor < until) {
        const page = await this.#store.history.entries({ after: cursor, limit: pageEntries });
        if (page.length === 0) break;
        for (const entry of page) give(entry);
      }
      for (const entry of waiting ?? []) give(entry);
      waiting = null;
    };
    catchUp().catch((error: unknown) => {
      this.#log.error({ error: String(error) }, 'an event stream could not read the log and ends');
      stop();
    });
    const stop = (): void => {
      ended = true;
      off();
      this.#live.delete(receive);
    };
    this.#live.add(receive);
    return stop;
  }
}
