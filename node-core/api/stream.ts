/** The event stream: from any cursor through history into the present, without a gap and without a repetition. */
import type { Journal } from '../journal/index.ts';
import type { Logger, Store } from '../ports/index.ts';
import type { LogEntry, StreamItem } from '../protocol/index.ts';

const pageEntries = 500;

export class EventStream {
  readonly #journal: Journal;
  readonly #store: Store;
  readonly #log: Logger;
  readonly #shown: () => readonly StreamItem[];
  /** Each gives an item to one subscriber. */
  readonly #live = new Set<(item: StreamItem) => void>();

  /** @param shown what is shown of answers that are being made, for who begins to listen. */
  constructor(journal: Journal, store: Store, log: Logger, shown: () => readonly StreamItem[] = () => []) {
    this.#shown = shown;
    this.#journal = journal;
    this.#store = store;
    this.#log = log;
  }

  /** Not in the log: progress, and tokens. */
  tell(item: StreamItem): void {
    for (const receive of this.#live) receive(item);
  }

  /** A cursor beyond the log (of a node that was restored from a backup) counts as its end. */
  subscribe(after: number, receive: (item: StreamItem) => void): () => void {
    const until = this.#journal.durableSeq;
    let ended = false;
    let cursor = Math.min(after, until);
    // Entries that become durable while history is still being read.
    let waiting: LogEntry[] | null = [];
    const stop = (): void => {
      ended = true;
      waiting = null;
      off();
      this.#live.delete(give);
    };
    const give = (item: StreamItem): void => {
      if (ended) return;
      try {
        receive(item);
      } catch (error) {
        this.#log.error({ error: String(error) }, 'a subscriber of the event stream failed; its stream ends');
        stop();
      }
    };
    const giveEntry = ({ seq, at, event }: LogEntry): void => {
      if (seq <= cursor) return;
      cursor = seq;
      give({ kind: 'event', seq, at, event });
    };
    const off = this.#journal.subscribe((entry) => {
      if (waiting === null) giveEntry(entry);
      else waiting.push(entry);
    });
    const catchUp = async (): Promise<void> => {
      while (!ended && cursor < until) {
        const page = await this.#store.history.entries({ after: cursor, limit: pageEntries });
        if (page.length === 0) throw new Error(`the log ends at ${cursor}, and had ${until} entries`);
        for (const entry of page) giveEntry(entry);
      }
      for (const entry of waiting ?? []) giveEntry(entry);
      waiting = null;
    };
    catchUp().catch((error: unknown) => {
      this.#log.error({ error: String(error) }, 'an event stream could not read the log and ends');
      stop();
    });
    this.#live.add(give);
    for (const item of this.#shown()) give(item);
    return stop;
  }
}
