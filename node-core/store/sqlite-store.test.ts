import { mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Durability, LogFields, Logger, Store } from '../ports/index.ts';
import type { LogEntry } from '../protocol/events/events.ts';
import { StoreError } from './errors.ts';
import type { StoreLimits } from './limits.ts';
import { createSqliteStore } from './sqlite-store.ts';
import { entriesOf, jobIdOf, jobStory, makeTestFolder, paid, peerIdOf, sha256, stopped } from './testing.ts';

// Each store starts threads, which takes its time where many tests run at once.
vi.setConfig({ testTimeout: 60_000 });

let folder: string;
let logged: { level: string; fields: LogFields; message: string }[];
const opened = new Set<Store>();

beforeEach(() => {
  folder = makeTestFolder();
  logged = [];
});

afterEach(async () => {
  for (const store of opened) await store.close();
  opened.clear();
  rmSync(folder, { recursive: true, force: true });
});

const log: Logger = {
  debug: (fields, message) => logged.push({ level: 'debug', fields, message }),
  info: (fields, message) => logged.push({ level: 'info', fields, message }),
  warn: (fields, message) => logged.push({ level: 'warn', fields, message }),
  error: (fields, message) => logged.push({ level: 'error', fields, message }),
};

function storeIn(where: string, limits?: Partial<StoreLimits>): Store {
  const store = createSqliteStore({ folder: where, log, ...(limits === undefined ? {} : { limits }) });
  opened.add(store);
  return store;
}

async function failureOf(promise: Promise<unknown>): Promise<StoreError> {
  const error: unknown = await promise.then(
    () => new Error('expected a failure'),
    (reason: unknown) => reason,
  );
  if (error instanceof StoreError) return error;
  throw error;
}

describe('the log', () => {
  test('a new folder gives an empty log, readable by its owner alone', async () => {
    const nested = join(folder, 'a', 'b');
    expect(await storeIn(nested).open()).toEqual({ snapshot: null, tail: [] });
    expect(statSync(nested).mode & 0o777).toBe(0o700);
    expect(statSync(join(nested, 'node.db')).mode & 0o777).toBe(0o600);
  });

  test('whatever groups of entries are appended, a reopened store gives them back', async () => {
    const event = fc.oneof(
      fc.string({ maxLength: 40, unit: 'binary' }).map(stopped),
      fc.nat(30).chain((job) => fc.constantFrom(...jobStory(job, 'Über “grüne” Äpfel 🍏'))),
      fc
        .tuple(fc.nat(30), fc.nat(99), fc.nat(), fc.nat())
        .map(([job, peer, a, b]) => paid(job, peerIdOf(peer), `${a}`, `${b}`)),
    );
    const call = fc.record({ events: fc.array(event, { maxLength: 5 }), full: fc.boolean(), wait: fc.boolean() });
    await fc.assert(
      fc.asyncProperty(fc.array(call, { maxLength: 12 }), async (calls) => {
        const where = makeTestFolder();
        const store = createSqliteStore({ folder: where });
        const expected: LogEntry[] = [];
        try {
          await store.open();
          const pending: Promise<void>[] = [];
          for (const { events, full, wait } of calls) {
            const entries = entriesOf(events, expected.length);
            expected.push(...entries);
            const appended = store.append(entries, full ? 'full' : 'normal');
            pending.push(appended);
            if (wait) await appended;
          }
          await Promise.all(pending);
          await store.close();
          expect(await store.open()).toEqual({ snapshot: null, tail: expected });
          expect(await store.history.entries({ after: 0, limit: 1000 })).toEqual(expected);
        } finally {
          await store.close();
          rmSync(where, { recursive: true, force: true });
        }
      }),
      // More of them, without the threads, in read-models.test.ts.
      { numRuns: 4 },
    );
  });

  test('calls complete in their order, whatever their durability', async () => {
    const store = storeIn(folder);
    await store.open();
    const completed: number[] = [];
    const calls = Array.from({ length: 200 }, async (_, i) => {
      const durability: Durability = i % 7 === 0 ? 'full' : 'normal';
      await store.append(entriesOf([stopped(`${i}`)], i), durability);
      completed.push(i);
    });
    await Promise.all(calls);
    expect(completed).toEqual(Array.from({ length: 200 }, (_, i) => i));
  });

  test('close waits for what was appended', async () => {
    const store = storeIn(folder);
    await store.open();
    const calls = Array.from({ length: 100 }, (_, i) => store.append(entriesOf([stopped(`${i}`)], i), 'normal'));
    await store.close();
    await Promise.all(calls);
    expect((await store.open()).tail).toHaveLength(100);
  });

  test('entries that do not continue the log stop it until it is opened again', async () => {
    const store = storeIn(folder);
    await store.open();
    await store.append(entriesOf([stopped('a')]), 'full');
    const before = store.append(entriesOf([stopped('b')], 1), 'full');
    const gap = store.append(entriesOf([stopped('d')], 3), 'full');
    const after = store.append(entriesOf([stopped('c')], 2), 'full');
    await before;
    const error = await failureOf(gap);
    expect(error.message).toContain('expected entry 3 to come next, got entry 4');
    expect(await failureOf(after)).toBe(error);
    expect(await failureOf(store.append(entriesOf([stopped('c')], 2), 'full'))).toBe(error);

    await store.close();
    expect((await store.open()).tail).toEqual(entriesOf([stopped('a'), stopped('b')]));
    await store.append(entriesOf([stopped('c')], 2), 'full');
  });

  test('an entry that could not be read back is refused, with its whole call', async () => {
    const store = storeIn(folder);
    await store.open();
    const entries = entriesOf([stopped('fine'), stopped('x'.repeat(501))]);
    expect((await failureOf(store.append(entries, 'full'))).message).toContain('Appending to the log failed');
    await store.close();
    expect((await store.open()).tail).toEqual([]);
  });

  test('a snapshot replaces the one before; the tail is what follows it, and the log stays', async () => {
    const store = storeIn(folder);
    await store.open();
    const entries = entriesOf(['a', 'b', 'c', 'd'].map(stopped));
    const appended = store.append(entries, 'normal');
    await store.saveSnapshot({ seq: 2, state: '{"first":true}', signature: 'one' });
    await appended;
    const snapshot = { seq: 3, state: '{"second":"☂"}', signature: 'two' };
    await store.saveSnapshot(snapshot);
    await store.close();
    expect(await store.open()).toEqual({ snapshot, tail: entries.slice(3) });
    expect(await store.history.entries({ after: 0, limit: 10 })).toEqual(entries);
  });

  test('a snapshot of what is not in the log is refused, and nothing else with it', async () => {
    const store = storeIn(folder);
    await store.open();
    const refused = failureOf(store.saveSnapshot({ seq: 1, state: '{}', signature: '' }));
    await store.append(entriesOf([stopped('a')]), 'normal');
    expect((await refused).message).toContain('the log ends at 0');
  });
});

describe('opening', () => {
  test('a store that is not open says so', async () => {
    const store = storeIn(folder);
    expect((await failureOf(store.append([], 'full'))).message).toContain('call open() first');
    expect((await failureOf(store.history.jobs({ limit: 1 }))).message).toContain('call open() first');
    await store.close();
  });

  test('a second store on the folder is refused, and may open it after the first has closed', async () => {
    const first = storeIn(folder);
    const second = storeIn(folder);
    await first.open();
    const error = await failureOf(second.open());
    expect(error.kind).toBe('locked');
    expect(error.message).toContain(`process ${process.pid}`);
    expect(error.message).toContain(folder);
    await first.append(entriesOf([stopped('the first goes on')]), 'full');
    await first.close();
    expect((await second.open()).tail).toHaveLength(1);
  });

  test('a folder that cannot be made names it', async () => {
    const file = join(folder, 'file');
    writeFileSync(file, '');
    expect((await failureOf(storeIn(join(file, 'below')).open())).message).toContain(file);
  });

  test('an orderly end leaves nothing to check; another one is noted', async () => {
    const store = storeIn(folder);
    await store.open();
    await store.close();
    await store.open();
    await store.close();
    expect(logged).toEqual([]);
    writeFileSync(join(folder, 'lock.pid'), '1\n');
    await store.open();
    expect(logged.map(({ message }) => message)).toEqual(['the last run did not end in order; checking the data']);
  });

  test.each(['node.db', 'lock.db'])('garbage instead of %s is corrupt, and stays as it is', async (name) => {
    const garbage = Buffer.alloc(8192, 'not a database ');
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, name), garbage);
    const error = await failureOf(storeIn(folder).open());
    expect(error.kind).toBe('corrupt');
    expect(error.message).toContain('nothing was deleted');
    expect(readFileSync(join(folder, name)).equals(garbage)).toBe(true);
  });
});

describe('blobs', () => {
  test('are given back, once however often stored, until they are deleted', async () => {
    const store = storeIn(folder);
    await store.open();
    // A view into a larger buffer: only the view may be stored, and the caller keeps its memory.
    const whole = Uint8Array.from({ length: 5000 }, (_, i) => i % 251);
    const bytes = whole.subarray(100, 4100);
    const hash = sha256(bytes);
    await Promise.all([store.putBlob(bytes, hash), store.putBlob(bytes, hash)]);
    expect(whole.byteLength).toBe(5000);
    await store.putBlob(new Uint8Array(0), sha256(''));
    await store.close();
    await store.open();
    expect(await store.getBlob(hash)).toEqual(Uint8Array.from(bytes));
    expect(await store.getBlob(sha256(''))).toEqual(new Uint8Array(0));
    expect(await store.getBlob(sha256('another'))).toBeNull();
    expect((await store.blobHashes()).sort()).toEqual([hash, sha256('')].sort());
    await store.deleteBlobs([hash, sha256('another')]);
    expect(await store.blobHashes()).toEqual([sha256('')]);
    expect(await store.getBlob(hash)).toBeNull();
    expect(await store.getBlob(sha256(''))).toEqual(new Uint8Array(0));
  });

  test('a deleted payload cannot be found in the files any more', async () => {
    const store = storeIn(folder);
    await store.open();
    const secret = Buffer.from('a prompt that nobody should read '.repeat(500));
    await store.putBlob(secret, sha256(secret));
    await store.deleteBlobs([sha256(secret)]);
    await store.close();
    expect(readFileSync(join(folder, 'node.db')).includes('a prompt that nobody')).toBe(false);
  });

  test('bytes that do not have the hash are refused; what shares their transaction is not', async () => {
    const store = storeIn(folder);
    await store.open();
    const appended = store.append(entriesOf([stopped('a')]), 'normal');
    const error = await failureOf(store.putBlob(new Uint8Array([1]), sha256('other')));
    await appended;
    expect(error.message).toContain(sha256('other'));
    expect(await store.getBlob(sha256('other'))).toBeNull();
    await store.append(entriesOf([stopped('b')], 1), 'normal');
  });

  test('too large a blob, and more than may wait, are refused by name of the limit', async () => {
    const store = storeIn(folder, { blobBytesMax: 1000, queueBytesMax: 1500 });
    await store.open();
    const blob = (fill: number, size: number): [Uint8Array, string] => {
      const bytes = new Uint8Array(size).fill(fill);
      return [bytes, sha256(bytes)];
    };
    expect((await failureOf(store.putBlob(...blob(0, 1001)))).message).toContain('blobBytesMax');
    const first = store.putBlob(...blob(1, 1000));
    expect((await failureOf(store.putBlob(...blob(2, 1000)))).message).toContain('queueBytesMax');
    await first;
    await store.putBlob(...blob(2, 1000));
  });

  test('one megabyte and more goes through', async () => {
    const store = storeIn(folder, { groupBytesMax: 1024 });
    await store.open();
    const bytes = new Uint8Array(3_000_000).fill(7);
    await Promise.all([store.putBlob(bytes, sha256(bytes)), store.append(entriesOf([stopped('a')]), 'normal')]);
    expect(sha256((await store.getBlob(sha256(bytes))) ?? '')).toBe(sha256(bytes));
  });
});

test('history sees an entry as soon as its append resolves', async () => {
  const store = storeIn(folder, { pageRowsMax: 5 });
  await store.open();
  const entries = entriesOf(jobStory(1));
  for (const entry of entries) {
    await store.append([entry], 'normal');
    expect(await store.history.entries({ after: entry.seq - 1, limit: 10 })).toEqual([entry]);
  }
  expect((await store.history.job(jobIdOf(1)))?.state).toBe('done');
  expect(await store.history.job(jobIdOf(2))).toBeNull();
  expect(await store.history.jobs({ limit: 10 })).toHaveLength(1);
  expect((await store.history.ledger({ limit: 10 })).map((row) => row.amountMicro)).toEqual(['100']);
  expect(await store.history.entries({ after: 0, limit: 1000 })).toEqual(entries.slice(0, 5));
  expect(await store.history.entries({ after: 0, limit: -1 })).toEqual([]);
});
