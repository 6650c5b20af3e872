import { existsSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { databaseFile, openDatabase } from './database.ts';
import { StoreError } from './errors.ts';
import { GroupCommit } from './group-commit.ts';
import { defaultLimits } from './limits.ts';
import { readEntries } from './log-table.ts';
import { migrate } from './migrate.ts';
import { migrations } from './migrations/index.ts';
import type { Migration } from './migrations/migration.ts';
import { createSqliteStore } from './sqlite-store.ts';
import { entriesOf, jobIdOf, jobStory, makeTestFolder } from './testing.ts';

// Each store starts threads, which takes its time where many tests run at once.
vi.setConfig({ testTimeout: 60_000 });

let folder: string;
let backup: string;

beforeEach(() => {
  folder = makeTestFolder();
  backup = join(folder, `node.db.v${migrations.length}.bak`);
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const entries = entriesOf([...jobStory(1), ...jobStory(2)]);

/** A folder as the present version leaves it: the old schema for the migrations of these tests. */
async function fillWithPresentSchema(): Promise<void> {
  const store = createSqliteStore({ folder });
  await store.open();
  await store.append(entries, 'full');
  await store.close();
}

const next = (up: Migration['up'], rebuild = false): Migration[] => [
  ...migrations,
  { version: migrations.length + 1, rebuild, up },
];

const labelsOf = (db: Database.Database): unknown[] => db.prepare('SELECT label FROM jobs ORDER BY seq').pluck().all();

test('the list of migrations has no gap', () => {
  expect(migrations.map(({ version }) => version)).toEqual(migrations.map((_, i) => i + 1));
});

test('a new database needs no backup', () => {
  const { db, notes } = openDatabase(folder, { checkAll: false, migrations: next(() => {}) });
  expect(db.pragma('user_version', { simple: true })).toBe(migrations.length + 1);
  db.close();
  expect(notes).toEqual([]);
  expect(existsSync(backup)).toBe(false);
});

test('before a migration the data is copied; the copy opens with the version that wrote it', async () => {
  await fillWithPresentSchema();
  const steps = next((db) => db.exec("UPDATE jobs SET label = 'migrated'"));
  const { db, notes } = openDatabase(folder, { checkAll: false, migrations: steps });
  expect(labelsOf(db)).toEqual(['migrated', 'migrated']);
  expect([...readEntries(db, 0)]).toEqual(entries);
  db.close();
  expect(notes).toEqual([
    expect.objectContaining({ fields: { from: migrations.length, to: migrations.length + 1, backup } }),
  ]);
  expect(statSync(backup).mode & 0o777).toBe(0o600);

  const old = new Database(backup, { readonly: true });
  expect(old.pragma('user_version', { simple: true })).toBe(migrations.length);
  expect(labelsOf(old)).toEqual(['job 1', 'job 2']);
  expect([...readEntries(old, 0)]).toEqual(entries);
  old.close();
});

test('a migration that asks for it gets read models made anew from the log', async () => {
  await fillWithPresentSchema();
  const steps = next(
    (db) => db.exec("DELETE FROM entry_peers; UPDATE jobs SET label = 'wrong'; DELETE FROM ledger"),
    true,
  );
  const { db } = openDatabase(folder, { checkAll: false, migrations: steps });
  expect(labelsOf(db)).toEqual(['job 1', 'job 2']);
  expect(db.prepare('SELECT count(*) FROM ledger').pluck().get()).toBe(2);
  expect(db.prepare('SELECT count(*) FROM entry_peers').pluck().get()).not.toBe(0);
  db.close();
});

test('a migration that fails leaves schema and data as they were, and can be tried again', async () => {
  await fillWithPresentSchema();
  const failing = next((db) => {
    db.exec('DELETE FROM log');
    throw new Error('half way');
  });
  for (let attempt = 0; attempt < 2; attempt++) {
    expect(() => openDatabase(folder, { checkAll: false, migrations: failing })).toThrow('half way');
  }
  const store = createSqliteStore({ folder });
  expect((await store.open()).tail).toEqual(entries);
  expect((await store.history.job(jobIdOf(2)))?.label).toBe('job 2');
  await store.close();
  expect(existsSync(backup)).toBe(true);
});

test('without room for the backup nothing is changed, and the message says how much is needed', async () => {
  await fillWithPresentSchema();
  const before = readFileSync(databaseFile(folder));
  const db = new Database(databaseFile(folder));
  const attempt = () =>
    migrate(
      db,
      next(() => {}),
      { freeBytes: () => 2 ** 10 },
    );
  expect(attempt).toThrow(StoreError);
  expect(attempt).toThrow(/takes up to \d MiB for a backup and the change itself, and the disk has 1 MiB left/);
  db.close();
  expect(existsSync(backup)).toBe(false);
  expect(readFileSync(databaseFile(folder)).equals(before)).toBe(true);
});

test('data of a later version is refused untouched, with what to do', async () => {
  await fillWithPresentSchema();
  const { db: later } = openDatabase(folder, { checkAll: false, migrations: next(() => {}) });
  later.exec(`UPDATE schema_history SET infernet = '9.1.0' WHERE version = ${migrations.length + 1}`);
  later.close();
  const before = readFileSync(databaseFile(folder));
  const store = createSqliteStore({ folder });
  const error: unknown = await store.open().catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(StoreError);
  expect(error).toMatchObject({ kind: 'newer' });
  expect(String(error)).toContain(`has schema ${migrations.length + 1}, written by Infernet 9.1.0; this is Infernet`);
  expect(String(error)).toContain('Update Infernet');
  expect(readFileSync(databaseFile(folder)).equals(before)).toBe(true);
});

test('somebody else’s database is refused untouched', async () => {
  const db = new Database(databaseFile(folder));
  db.exec('CREATE TABLE bookmarks (url TEXT)');
  db.close();
  const error: unknown = await createSqliteStore({ folder })
    .open()
    .catch((reason: unknown) => reason);
  expect(error).toMatchObject({ kind: 'corrupt' });
  expect(String(error)).toContain('not one of Infernet');
  const again = new Database(databaseFile(folder));
  expect(again.prepare('SELECT name FROM sqlite_schema').pluck().all()).toEqual(['bookmarks']);
  again.close();
});

test('an interrupted creation is simply finished', () => {
  openDatabase(folder, { checkAll: false, migrations: [] }).db.close();
  const { db } = openDatabase(folder, { checkAll: true });
  const writer = new GroupCommit(db, folder, defaultLimits);
  expect(
    writer.write([{ id: 1, bytes: 0, op: 'append', durability: 'full', blobs: [], entries: JSON.stringify(entries) }]),
  ).toEqual([{ id: 1, fault: null }]);
  db.close();
});
