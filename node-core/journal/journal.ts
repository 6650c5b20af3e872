/**
 * The journal: the node's log over the Store port, and the rooms' states as projections of it.
 *
 *     const view = journal.register(booksProjection);
 *     await journal.open();                       // snapshot + tail
 *     await journal.commit([{ type: 'job.created', … }]);
 *     // view.state holds the job at once; the line after `await` runs when it is durable.
 *
 * Order of things, on which every room relies:
 * 1. `commit` applies the events to all projections before it returns, so that a decision of the same moment sees them.
 * 2. The promise resolves when they are durable. A message to a peer that depends on them is sent after that.
 * 3. Commits that come while a write is under way go together as the next one (group commit).
 * 4. Subscribers see durable events only, in order.
 * If a write fails, or a projection refuses an event (an illegal transition: a defect in a room), memory is no longer what
 * the disk says: the journal takes nothing more and the node has to stop. What was durable stays, and a restart goes on
 * from there.
 */
import type { Clock, Durability, Logger, Signer, Store, StoredBlob, StoredSnapshot, Verifier } from '../ports/index.ts';
import {
  canonicalJson,
  type EventType,
  isSigned,
  type LogEntry,
  type NodeEvent,
  type Sha256,
  sha256Hex,
  signBody,
  z,
} from '../protocol/index.ts';
import type { Projection, View } from './projection.ts';

/**
 * Events that must survive a loss of power before anybody hears of them: reservations, payments, vouchers and the
 * provider's commitment. For the rest, surviving a kill of the process is enough. PAYMENTS, “Crash rules”.
 */
const fullyDurable: ReadonlySet<EventType> = new Set([
  'payment.reserved',
  'payment.paid',
  'payment.received',
  'payment.adopted',
  'payment.renewed',
  'work.committed',
]);

/**
 * What an entry may add to the cost of snapshots: one of a large state waits for more entries. Without that, a job of 100,000
 * items would write its whole state again after every few of its shards.
 */
const snapshotCharsPerEntry = 1_000;

export interface JournalOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly signer: Signer;
  readonly verifier: Verifier;
  readonly log: Logger;
  /** Entries between snapshots, at least; see {@link snapshotCharsPerEntry}. */
  readonly snapshotEntries: number;
  /** Memory and disk differ for good: the node must stop. Called once. */
  onFatal(error: Error): void;
}

export class JournalError extends Error {
  override readonly name = 'JournalError';
}

interface Registered {
  readonly name: string;
  readonly version: number;
  apply(entry: LogEntry): void;
  state(): unknown;
  load(state: unknown): void;
}

interface Waiting {
  readonly entries: LogEntry[];
  readonly blobs: readonly StoredBlob[];
  readonly durability: Durability;
  resolve(): void;
  reject(error: Error): void;
}

const SnapshotState = z.object({ versions: z.record(z.string(), z.int()), states: z.record(z.string(), z.unknown()) });

export class Journal {
  readonly #options: JournalOptions;
  readonly #projections: Registered[] = [];
  readonly #subscribers = new Set<(entry: LogEntry) => void>();
  #waiting: Waiting[] = [];
  /** Those of commits that are not durable yet. */
  readonly #blobs = new Map<Sha256, Uint8Array>();
  #writing: Promise<void> | null = null;
  #seq = 0;
  #durableSeq = 0;
  #snapshotSeq = 0;
  /** Of the last one's text. */
  #snapshotLength = 0;
  #opened = false;
  #closed = false;
  #failed: Error | null = null;

  constructor(options: JournalOptions) {
    this.#options = options;
  }

  /** The last entry that is durable. */
  get durableSeq(): number {
    return this.#durableSeq;
  }

  /** It takes nothing any more, because of {@link JournalOptions.onFatal}. */
  get failed(): boolean {
    return this.#failed !== null;
  }

  /** Before {@link open}. The state in the view is replaced on opening; do not keep a reference to it from before. */
  register<State>(projection: Projection<State>): View<State> {
    if (this.#opened)
      throw new JournalError(`projection ${projection.name} was registered after the journal was opened`);
    let state = projection.initial();
    this.#projections.push({
      name: projection.name,
      version: projection.version,
      apply: (entry) => projection.apply(state, entry),
      state: () => state,
      load: (saved) => {
        // The snapshot carries our own signature and this projection's version: its form is the one that we wrote.
        state = saved as State;
      },
    });
    return {
      get state() {
        return state;
      },
    };
  }

  /** Reads snapshot and tail. @throws StoreError of the adapter, or JournalError when the snapshot is not our own. */
  async open(): Promise<{ entries: number }> {
    const { snapshot, tail } = await this.#options.store.open();
    this.#opened = true;
    let from: readonly LogEntry[] = tail;
    if (snapshot !== null) {
      const { verifier, signer } = this.#options;
      const signed = {
        body: snapshotBody(snapshot.seq, snapshot.state),
        by: signer.peerId,
        signature: snapshot.signature,
      };
      if (!isSigned(verifier, 'snapshot', signed)) {
        throw new JournalError(
          'the snapshot in the data folder is not signed by this node’s key: key and data do not belong together; restore the key that belongs to it',
        );
      }
      const saved = SnapshotState.parse(JSON.parse(snapshot.state));
      const current = this.#projections.every((p) => saved.versions[p.name] === p.version);
      if (current) {
        for (const projection of this.#projections) projection.load(saved.states[projection.name]);
        this.#seq = snapshot.seq;
      } else {
        from = await this.#readFromStart(snapshot.seq, tail);
      }
    }
    for (const entry of from) {
      if (entry.seq !== this.#seq + 1) throw new JournalError(`the log jumps from ${this.#seq} to ${entry.seq}`);
      this.#apply(entry);
    }
    this.#durableSeq = this.#seq;
    this.#snapshotSeq = snapshot?.seq ?? 0;
    this.#snapshotLength = snapshot?.state.length ?? 0;
    return { entries: this.#seq };
  }

  /**
   * Applies and makes durable; see the module's head. An empty list waits for nothing.
   * @param blobs that the events name, small ones: the disk gets them together, or nothing of all.
   */
  commit(events: readonly NodeEvent[], blobs: readonly StoredBlob[] = []): Promise<void> {
    if (this.#failed !== null) return Promise.reject(this.#failed);
    if (!this.#opened || this.#closed) return Promise.reject(new JournalError('the log is not open'));
    if (events.length === 0) return Promise.resolve();
    const at = this.#options.clock.now();
    const entries: LogEntry[] = [];
    try {
      for (const event of events) {
        const entry: LogEntry = { seq: this.#seq + 1, at, event };
        this.#apply(entry);
        entries.push(entry);
      }
    } catch (error) {
      // Some projections have applied it, others have not.
      const fault = error instanceof Error ? error : new JournalError(String(error));
      this.#fail(fault, [], 'an event does not follow from the log; the node stops');
      return Promise.reject(fault);
    }
    for (const { hash, bytes } of blobs) this.#blobs.set(hash, bytes);
    const durability: Durability = events.some((event) => fullyDurable.has(event.type)) ? 'full' : 'normal';
    return new Promise((resolve, reject) => {
      this.#waiting.push({ entries, blobs, durability, resolve, reject });
      this.#writing ??= this.#write();
    });
  }

  /**
   * Resolves when all that is in memory now is durable: for who tells others of a state that it did not commit itself.
   * @throws what a commit throws.
   */
  settled(): Promise<void> {
    if (this.#failed !== null) return Promise.reject(this.#failed);
    if (this.#durableSeq === this.#seq) return Promise.resolve();
    return new Promise((resolve, reject) => {
      this.#waiting.push({ entries: [], blobs: [], durability: 'normal', resolve, reject });
      this.#writing ??= this.#write();
    });
  }

  /** A blob, also one that was committed and is still on its way to the disk. */
  async getBlob(hash: Sha256): Promise<Uint8Array | null> {
    return this.#blobs.get(hash) ?? (await this.#options.store.getBlob(hash));
  }

  /** Durable entries from now on, in order. @returns a function that ends it. */
  subscribe(receive: (entry: LogEntry) => void): () => void {
    this.#subscribers.add(receive);
    return () => this.#subscribers.delete(receive);
  }

  /** Canonical JSON of all states: what a snapshot holds, and what the simulator compares after a replay. */
  stateText(): string {
    const versions: Record<string, number> = {};
    const states: Record<string, unknown> = {};
    for (const projection of this.#projections) {
      versions[projection.name] = projection.version;
      states[projection.name] = projection.state();
    }
    return canonicalJson({ versions, states });
  }

  /** Writes what waits, then closes the store; takes nothing more. */
  async close(): Promise<void> {
    this.#closed = true;
    while (this.#writing !== null) await this.#writing;
    await this.#options.store.close();
  }

  #apply(entry: LogEntry): void {
    for (const projection of this.#projections) projection.apply(entry);
    this.#seq = entry.seq;
  }

  async #write(): Promise<void> {
    // One turn later, so that all commits of this moment go together.
    await Promise.resolve();
    while (this.#waiting.length > 0 && this.#failed === null) {
      const group = this.#waiting;
      this.#waiting = [];
      const entries = group.flatMap((waiting) => waiting.entries);
      const durability = group.some((waiting) => waiting.durability === 'full') ? 'full' : 'normal';
      // Nothing waits besides this group: memory is exactly what the disk will be after it.
      const snapshot = this.#snapshotIfDue();
      const blobs = group.flatMap((waiting) => waiting.blobs);
      try {
        if (entries.length > 0) await this.#options.store.append(entries, durability, blobs);
      } catch (error) {
        const fault = error instanceof Error ? error : new JournalError(String(error));
        this.#fail(fault, group, 'the log could not be written; the node stops');
        break;
      }
      this.#durableSeq = entries.at(-1)?.seq ?? this.#durableSeq;
      for (const { hash } of blobs) this.#blobs.delete(hash);
      for (const waiting of group) waiting.resolve();
      for (const entry of entries) this.#tell(entry);
      if (snapshot !== null) await this.#save(snapshot);
    }
    this.#writing = null;
  }

  #tell(entry: LogEntry): void {
    for (const receive of this.#subscribers) {
      try {
        receive(entry);
      } catch (error) {
        const text = error instanceof Error ? error.message : String(error);
        this.#options.log.error({ seq: entry.seq, error: text }, 'a subscriber of the log failed');
      }
    }
  }

  /** Once: what waits is refused, and so is all that comes. A group that is being written ends as the disk decides. */
  #fail(error: Error, group: readonly Waiting[], what: string): void {
    if (this.#failed !== null) {
      for (const waiting of group) waiting.reject(error);
      return;
    }
    this.#failed = error;
    for (const waiting of [...group, ...this.#waiting]) waiting.reject(error);
    this.#waiting = [];
    this.#options.log.error({ error: error.message }, what);
    this.#options.onFatal(error);
  }

  /** Only while nothing waits. */
  #snapshotIfDue(): StoredSnapshot | null {
    const entriesMin = Math.max(this.#options.snapshotEntries, this.#snapshotLength / snapshotCharsPerEntry);
    if (this.#seq - this.#snapshotSeq < entriesMin) return null;
    const seq = this.#seq;
    const state = this.stateText();
    const { signature } = signBody(this.#options.signer, 'snapshot', snapshotBody(seq, state));
    this.#snapshotSeq = seq;
    this.#snapshotLength = state.length;
    return { seq, state, signature };
  }

  async #save(snapshot: StoredSnapshot): Promise<void> {
    try {
      await this.#options.store.saveSnapshot(snapshot);
    } catch (error) {
      // The log holds everything; the next snapshot may succeed.
      this.#options.log.warn(
        { error: error instanceof Error ? error.message : String(error) },
        'the snapshot could not be written',
      );
    }
  }

  /** After an update changed a projection's form: everything is rebuilt from the log itself. */
  async #readFromStart(snapshotSeq: number, tail: readonly LogEntry[]): Promise<LogEntry[]> {
    const all: LogEntry[] = [];
    let after = 0;
    while (after < snapshotSeq) {
      const page = await this.#options.store.history.entries({ after, limit: 1000 });
      const last = page.at(-1);
      if (last === undefined) throw new JournalError(`the log ends at ${after}, before its snapshot at ${snapshotSeq}`);
      for (const entry of page) if (entry.seq <= snapshotSeq) all.push(entry);
      after = last.seq;
    }
    return [...all, ...tail];
  }
}

function snapshotBody(seq: number, state: string): { seq: number; state: Sha256 } {
  return { seq, state: sha256Hex(state) };
}
