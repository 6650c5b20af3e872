import { rmSync } from 'node:fs';
import type Database from 'better-sqlite3';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Durability } from '../ports/index.ts';
import type { NodeEvent } from '../protocol/events/events.ts';
import { openDatabase } from './database.ts';
import { GroupCommit } from './group-commit.ts';
import { defaultLimits } from './limits.ts';
import { lastSeqOf } from './log-table.ts';
import type { WriteRequest } from './messages.ts';
import { entriesOf, makeTestFolder, sha256, stopped } from './testing.ts';

let folder: string;
let db: Database.Database;
let writer: GroupCommit;
let id = 0;

beforeEach(() => {
  folder = makeTestFolder();
  db = openDatabase(folder, { checkAll: false }).db;
  writer = new GroupCommit(db, folder, { ...defaultLimits, groupBytesMax: 100 });
});
afterEach(() => {
  db.close();
  rmSync(folder, { recursive: true, force: true });
});

const append = (after: number, durability: Durability, ...events: NodeEvent[]): WriteRequest => ({
  id: ++id,
  bytes: 40,
  op: 'append',
  blobs: [],
  durability,
  entries: JSON.stringify(entriesOf(events, after)),
});
const put = (text: string, hash = sha256(text)): WriteRequest => ({
  id: ++id,
  bytes: 40,
  op: 'put-blob',
  hash,
  content: new TextEncoder().encode(text),
});

/** 1 = NORMAL, 2 = FULL: what the last transaction ran with. */
const synchronous = (): unknown => db.pragma('synchronous', { simple: true });
const kinds = (group: readonly WriteRequest[]): (string | null)[] =>
  writer.write(group).map(({ fault }) => fault?.kind ?? null);

test('a group is synced if any of it asks for that', () => {
  kinds([append(0, 'normal', stopped('a'))]);
  expect(synchronous()).toBe(1);
  kinds([append(1, 'normal', stopped('b')), append(2, 'full', stopped('c')), append(3, 'normal', stopped('d'))]);
  expect(synchronous()).toBe(2);
  kinds([append(4, 'normal', stopped('e'))]);
  expect(synchronous()).toBe(1);
  kinds([put('a blob')]);
  expect(synchronous()).toBe(2);
});

test('a blob is written with the entries that name it, or neither is', () => {
  const content = new TextEncoder().encode('outputs');
  const withBlob = (after: number, hash: string): WriteRequest => ({
    id: ++id,
    bytes: 40,
    op: 'append',
    blobs: [{ hash, content }],
    durability: 'normal',
    entries: JSON.stringify(entriesOf([stopped('a')], after)),
  });
  const blobs = () => db.prepare('SELECT hash FROM blobs').pluck().all();
  expect(kinds([withBlob(0, sha256('outputs'))])).toEqual([null]);
  expect([synchronous(), blobs(), lastSeqOf(db)]).toEqual([1, [sha256('outputs')], 1]);
  expect(kinds([withBlob(1, sha256('another'))])).not.toEqual([null]);
  expect([blobs(), lastSeqOf(db)]).toEqual([[sha256('outputs')], 1]);
});

test('groups are cut by size, and one request always fits', () => {
  const requests = [put('a'), put('b'), put('c')];
  expect(writer.groupSize(requests)).toBe(2);
  expect(writer.groupSize(requests.slice(2))).toBe(1);
  expect(writer.groupSize([{ ...put('d'), bytes: 1000 }, put('e')])).toBe(1);
});

test('results come in the order of the requests; a wrong one fails alone', () => {
  const group = [put('a'), put('b', sha256('not b')), append(0, 'full', stopped('a'))];
  expect(writer.write(group).map((result) => [result.id, result.fault?.kind])).toEqual([
    [group[0]?.id, undefined],
    [group[1]?.id, 'io'],
    [group[2]?.id, undefined],
  ]);
});

test('when the disk fails, the whole group is undone and the log stands still', () => {
  expect(kinds([append(0, 'full', stopped('a'))])).toEqual([null]);
  // Stands for any failure of SQLite in the middle of a transaction.
  db.exec("CREATE TRIGGER fail BEFORE INSERT ON log WHEN NEW.seq = 3 BEGIN SELECT RAISE(ABORT, 'no'); END");
  expect(kinds([put('x'), append(1, 'full', stopped('b')), append(2, 'full', stopped('c'))])).toEqual([
    'io',
    'io',
    'io',
  ]);
  expect(db.inTransaction).toBe(false);
  expect(writer.lastSeq).toBe(1);
  expect(lastSeqOf(db)).toBe(1);
  expect(db.prepare('SELECT count(*) FROM blobs').pluck().get()).toBe(0);
  // A blob binds nobody; an entry after a lost one would.
  expect(kinds([append(1, 'full', stopped('b')), put('x')])).toEqual(['io', null]);
});
