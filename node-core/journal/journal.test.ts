import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Durability, History, Store, StoredBlob, StoredLog, StoredSnapshot } from '../ports/index.ts';
import type { LogEntry, NodeEvent } from '../protocol/index.ts';
import { Chance } from '../simulation/chance.ts';
import { KeyRing } from '../simulation/keys.ts';
import { Journal, JournalError } from './journal.ts';
import type { Projection } from './projection.ts';

/** A disk whose writes end when the test says so. */
class SlowStore implements Store {
  entries: LogEntry[] = [];
  readonly blobs = new Map<string, Uint8Array>();
  snapshot: StoredSnapshot | null = null;
  /** Groups of entries that were appended, by their events' reasons. */
  readonly groups: Array<{ seqs: number[]; durability: Durability }> = [];
  readonly waiting: Array<() => void> = [];
  isManual = false;
  fails: Error | null = null;
  snapshotFails = false;
  isClosed = false;

  async open(): Promise<StoredLog> {
    const { snapshot } = this;
    return { snapshot, tail: this.entries.filter(({ seq }) => seq > (snapshot?.seq ?? 0)) };
  }
  async append(entries: readonly LogEntry[], durability: Durability, blobs: readonly StoredBlob[] = []): Promise<void> {
    this.groups.push({ seqs: entries.map(({ seq }) => seq), durability });
    if (this.isManual) await new Promise<void>((resolve) => this.waiting.push(resolve));
    if (this.fails !== null) throw this.fails;
    this.entries.push(...structuredClone([...entries]));
    for (const { hash, bytes } of blobs) this.blobs.set(hash, bytes);
  }
  async saveSnapshot(snapshot: StoredSnapshot): Promise<void> {
    if (this.snapshotFails) throw new Error('no room');
    this.snapshot = snapshot;
  }
  async putBlob(): Promise<void> {}
  async getBlob(hash: string): Promise<Uint8Array | null> {
    return this.blobs.get(hash) ?? null;
  }
  async deleteBlobs(): Promise<void> {}
  async blobHashes(): Promise<string[]> {
    return [];
  }
  readonly history: History = {
    jobs: async () => [],
    countJobs: async () => 0,
    job: async () => null,
    ledger: async () => [],
    entries: async ({ after, limit }) => this.entries.filter(({ seq }) => seq > after).slice(0, limit),
  };
  async close(): Promise<void> {
    this.isClosed = true;
  }
}

const keys = new KeyRing();
const chance = new Chance(1);
const signer = keys.make(chance);
const payer = keys.make(chance).peerId;

const said = (reason: string): NodeEvent => ({ type: 'node.stopped', reason });
const reserved: NodeEvent = {
  type: 'payment.reserved',
  jobId: '0'.repeat(32),
  replicaId: `${'0'.repeat(32)}.0.1.${payer.slice(-8)}`,
  peer: payer,
  priceMicro: '1',
};

/** Remembers what was said; refuses `nonsense`. */
const sayings = (version = 1): Projection<{ said: string[] }> => ({
  name: 'sayings',
  version,
  initial: () => ({ said: [] }),
  apply: (state, { event }) => {
    if (event.type !== 'node.stopped') return;
    if (event.reason === 'nonsense') throw new Error('nobody says that');
    state.said.push(event.reason);
  },
});

function journalOn(store: Store, { snapshotEntries = 1000, by = signer, version = 1 } = {}) {
  const fatal: Error[] = [];
  const warned: string[] = [];
  const log = {
    debug() {},
    info() {},
    warn: (_: unknown, message: string) => void warned.push(message),
    error: (_: unknown, message: string) => void warned.push(message),
  };
  let now = 0;
  const journal = new Journal({
    store,
    clock: { now: () => ++now, elapsed: () => now, after: () => () => {} },
    signer: by,
    verifier: keys,
    log,
    snapshotEntries,
    onFatal: (error) => fatal.push(error),
  });
  const view = journal.register(sayings(version));
  return { journal, view, fatal, warned };
}

async function soon(): Promise<void> {
  for (let i = 0; i < 20; i++) await Promise.resolve();
}

describe('commit', () => {
  it('applies before it returns, and resolves when it is durable', async () => {
    const store = new SlowStore();
    const { journal, view } = journalOn(store);
    await journal.open();
    store.isManual = true;
    let durable = false;
    const commit = journal.commit([said('a')]).then(() => {
      durable = true;
    });
    expect(view.state.said).toEqual(['a']);
    await soon();
    expect([durable, journal.durableSeq]).toEqual([false, 0]);
    store.waiting.shift()?.();
    await commit;
    expect([journal.durableSeq, store.entries.length]).toEqual([1, 1]);
  });

  it('gives the disk the blobs together with the events that name them, and others from the same moment on', async () => {
    const store = new SlowStore();
    const { journal } = journalOn(store);
    await journal.open();
    store.isManual = true;
    const first = journal.commit([said('a')], [{ hash: 'h1', bytes: Uint8Array.of(1) }]);
    await soon();
    const second = journal.commit([said('b')], [{ hash: 'h2', bytes: Uint8Array.of(2) }]);
    expect([await journal.getBlob('h1'), await journal.getBlob('h2')]).toEqual([Uint8Array.of(1), Uint8Array.of(2)]);
    expect(store.blobs.size).toBe(0);
    store.waiting.shift()?.();
    await first;
    expect([...store.blobs.keys()]).toEqual(['h1']);
    store.waiting.shift()?.();
    await second;
    expect([...store.blobs.keys()]).toEqual(['h1', 'h2']);
    expect([await journal.getBlob('h1'), await journal.getBlob('h3')]).toEqual([Uint8Array.of(1), null]);
  });

  it('writes what came in one moment at once, and what came during a write as the next one', async () => {
    const store = new SlowStore();
    const { journal } = journalOn(store);
    await journal.open();
    store.isManual = true;
    const first = [journal.commit([said('a')]), journal.commit([said('b'), said('c')])];
    await soon();
    const second = [journal.commit([said('d')]), journal.commit([reserved])];
    await soon();
    expect(store.groups).toEqual([{ seqs: [1, 2, 3], durability: 'normal' }]);
    store.waiting.shift()?.();
    await Promise.all(first);
    await soon();
    expect(store.groups[1]).toEqual({ seqs: [4, 5], durability: 'full' });
    store.waiting.shift()?.();
    await Promise.all(second);
  });

  it('tells subscribers durable entries only, in order, whatever one of them does', async () => {
    const store = new SlowStore();
    const { journal, warned } = journalOn(store);
    await journal.open();
    const seen: Array<[number, number]> = [];
    journal.subscribe(() => {
      throw new Error('broken');
    });
    const end = journal.subscribe(({ seq }) => seen.push([seq, store.entries.length]));
    await Promise.all([journal.commit([said('a'), said('b')]), journal.commit([said('c')])]);
    await journal.commit([said('d')]);
    end();
    await journal.commit([said('e')]);
    expect(seen).toEqual([
      [1, 3],
      [2, 3],
      [3, 3],
      [4, 4],
    ]);
    expect(warned).toContain('a subscriber of the log failed');
  });

  it('takes nothing more after a failed write, and says so once', async () => {
    const store = new SlowStore();
    const { journal, fatal } = journalOn(store);
    await journal.open();
    await journal.commit([said('a')]);
    store.fails = new Error('the disk is full');
    const failed = [journal.commit([said('b')]), journal.commit([said('c')])];
    for (const commit of failed) await expect(commit).rejects.toThrow('the disk is full');
    store.fails = null;
    await expect(journal.commit([said('d')])).rejects.toThrow('the disk is full');
    expect(fatal.map(({ message }) => message)).toEqual(['the disk is full']);
    expect([journal.failed, journal.durableSeq, store.entries.length]).toEqual([true, 1, 1]);
    await journal.close();
  });

  it('stops when a projection refuses an event: memory is not what the log says any more', async () => {
    const store = new SlowStore();
    const { journal, fatal } = journalOn(store);
    await journal.open();
    const before = journal.commit([said('a')]);
    await expect(journal.commit([said('nonsense')])).rejects.toThrow('nobody says that');
    await expect(before).rejects.toThrow();
    await expect(journal.commit([said('b')])).rejects.toThrow('nobody says that');
    expect(fatal).toHaveLength(1);
    // What is on disk is still a log without a gap.
    const again = journalOn(store);
    await again.journal.open();
    await again.journal.commit([said('c')]);
  });

  it('is refused before the log is open and after it is closed, which is no failure of the disk', async () => {
    const store = new SlowStore();
    const { journal, fatal } = journalOn(store);
    await expect(journal.commit([said('a')])).rejects.toThrow(JournalError);
    await journal.open();
    const last = journal.commit([said('b')]);
    const closed = journal.close();
    await expect(journal.commit([said('c')])).rejects.toThrow(JournalError);
    await Promise.all([last, closed]);
    expect([store.isClosed, store.entries.length, fatal.length]).toEqual([true, 1, 0]);
  });

  it('waits for nothing when there is nothing to write', async () => {
    const store = new SlowStore();
    const { journal } = journalOn(store);
    await journal.open();
    await journal.commit([]);
    expect(store.groups).toEqual([]);
  });

  it('refuses a projection that comes too late', async () => {
    const { journal } = journalOn(new SlowStore());
    await journal.open();
    expect(() => journal.register({ ...sayings(), name: 'late' })).toThrow(JournalError);
  });
});

describe('open', () => {
  it('rebuilds the same state from any snapshot and its tail', async () => {
    const groups = fc.array(
      fc.array(
        fc.string({ maxLength: 5 }).filter((text) => text !== 'nonsense'),
        { maxLength: 4 },
      ),
    );
    await fc.assert(
      fc.asyncProperty(groups, fc.integer({ min: 1, max: 6 }), async (all, snapshotEntries) => {
        const store = new SlowStore();
        const live = journalOn(store, { snapshotEntries });
        await live.journal.open();
        await Promise.all(all.map((texts) => live.journal.commit(texts.map(said))));
        await live.journal.close();
        const again = journalOn(store, { snapshotEntries });
        await again.journal.open();
        expect(again.journal.stateText()).toBe(live.journal.stateText());
        expect(again.journal.durableSeq).toBe(live.journal.durableSeq);
        store.snapshot = null;
        const whole = journalOn(store);
        await whole.journal.open();
        expect(whole.journal.stateText()).toBe(live.journal.stateText());
      }),
      { numRuns: 50 },
    );
  });

  it('snapshots while it is never idle, too', async () => {
    const store = new SlowStore();
    const { journal } = journalOn(store, { snapshotEntries: 10 });
    await journal.open();
    let committed = 0;
    // Each entry that becomes durable brings the next: there is always something waiting.
    const ends: Array<Promise<void>> = [];
    journal.subscribe(() => {
      if (committed++ < 50) ends.push(journal.commit([said(String(committed))]));
    });
    await journal.commit([said('first')]);
    while (committed < 50) await soon();
    await Promise.all(ends);
    await journal.close();
    expect(store.snapshot?.seq).toBeGreaterThanOrEqual(10);
  });

  it('snapshots a large state after more entries: what is written of it stays in proportion to the log', async () => {
    const store = new SlowStore();
    const saved: number[] = [];
    const save = store.saveSnapshot.bind(store);
    store.saveSnapshot = async (snapshot) => {
      saved.push(snapshot.seq);
      await save(snapshot);
    };
    const { journal } = journalOn(store, { snapshotEntries: 1 });
    await journal.open();
    await journal.commit([said('a'.repeat(20_000))]);
    for (let i = 0; i < 30; i++) await journal.commit([said('b')]);
    await journal.close();
    // One of 20 kB counts as much as 20 entries, also after a restart.
    expect(saved).toEqual([1, 22]);
    const again = journalOn(store, { snapshotEntries: 1 });
    await again.journal.open();
    for (let i = 0; i < 15; i++) await again.journal.commit([said('c')]);
    await again.journal.close();
    expect(saved).toEqual([1, 22, 43]);
  });

  it('goes on when a snapshot cannot be written', async () => {
    const store = new SlowStore();
    store.snapshotFails = true;
    const { journal, warned, fatal } = journalOn(store, { snapshotEntries: 1 });
    await journal.open();
    await journal.commit([said('a')]);
    await journal.commit([said('b')]);
    expect([store.entries.length, fatal.length]).toEqual([2, 0]);
    expect(warned).toContain('the snapshot could not be written');
  });

  it('reads the whole log again when a projection has changed its form', async () => {
    const store = new SlowStore();
    const first = journalOn(store, { snapshotEntries: 1 });
    await first.journal.open();
    for (let i = 0; i < 3; i++) await first.journal.commit([said(String(i))]);
    await first.journal.close();
    expect(store.snapshot?.seq).toBe(3);
    const second = journalOn(store, { version: 2 });
    await second.journal.open();
    expect(second.view.state.said).toEqual(['0', '1', '2']);
    await second.journal.commit([said('3')]);
    expect(store.entries.map(({ seq }) => seq)).toEqual([1, 2, 3, 4]);
  });

  it('refuses a snapshot by another key', async () => {
    const store = new SlowStore();
    const first = journalOn(store, { snapshotEntries: 1 });
    await first.journal.open();
    await first.journal.commit([said('a')]);
    await first.journal.close();
    const other = journalOn(store, { by: keys.make(new Chance(2)) });
    await expect(other.journal.open()).rejects.toThrow(/not signed by this node’s key/);
    if (store.snapshot !== null) store.snapshot = { ...store.snapshot, state: store.snapshot.state.replace('a', 'b') };
    await expect(journalOn(store).journal.open()).rejects.toThrow(JournalError);
  });

  it('refuses a log with a gap', async () => {
    const store = new SlowStore();
    store.entries = [
      { seq: 1, at: 1, event: said('a') },
      { seq: 3, at: 1, event: said('c') },
    ];
    await expect(journalOn(store).journal.open()).rejects.toThrow('jumps from 1 to 3');
  });
});
