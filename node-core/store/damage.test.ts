/** What a bad disk may do to the files, and what the store says of it. */
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { databaseFile } from './database.ts';
import { StoreError } from './errors.ts';
import { createSqliteStore } from './sqlite-store.ts';
import { entriesOf, jobStory, makeTestFolder, sha256 } from './testing.ts';

// Each store starts threads, which takes its time where many tests run at once.
vi.setConfig({ testTimeout: 60_000 });

let folder: string;

beforeEach(() => {
  folder = makeTestFolder();
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const bytes = new TextEncoder().encode('outputs');

async function fill(): Promise<void> {
  const store = createSqliteStore({ folder });
  await store.open();
  await store.append(entriesOf(jobStory(1)), 'full');
  await store.saveSnapshot({ seq: 2, state: '{}', signature: 's' });
  await store.putBlob(bytes, sha256(bytes));
  await store.close();
}

function damage(sql: string): void {
  const db = new Database(databaseFile(folder), { fileMustExist: true });
  db.unsafeMode();
  db.exec(sql);
  db.close();
}

async function openFailure(): Promise<StoreError> {
  const store = createSqliteStore({ folder });
  try {
    await store.open();
  } catch (error) {
    if (error instanceof StoreError) return error;
    throw error;
  } finally {
    await store.close();
  }
  throw new Error('expected open to fail');
}

test.each([
  [
    'a flipped digit in an amount',
    `UPDATE log SET event = replace(event, '"100"', '"900"')`,
    'does not match its checksum',
  ],
  ['a row with another time', 'UPDATE log SET at = at + 1 WHERE seq = 4', 'entry 4 of the log does not match'],
  ['a missing entry in the middle', 'DELETE FROM log WHERE seq = 5', 'without a gap'],
  ['a missing beginning', 'DELETE FROM log WHERE seq < 3', 'without a gap'],
  ['a lost end that the snapshot covers', 'DELETE FROM log WHERE seq > 1', 'the log ends at 1'],
])('%s is corrupt, and nothing is deleted', async (_, sql, message) => {
  await fill();
  damage(sql);
  const error = await openFailure();
  expect(error.kind).toBe('corrupt');
  expect(error.message).toContain(message);
  expect(error.message).toContain(folder);
  // The folder is free again, so that a copy or another version can be tried.
  expect((await openFailure()).kind).toBe('corrupt');
});

test('an event of a type that this version does not know is newer data', async () => {
  await fill();
  const event = '{"type":"job.teleported"}';
  damage(`INSERT INTO log VALUES (10, 1, 'job.teleported', '${event}', ${crc32(`10 1 job.teleported ${event}`)})`);
  const error = await openFailure();
  expect(error.kind).toBe('newer');
  expect(error.message).toContain('Update Infernet');
});

test('after a run that did not end in order, a broken index is found on opening', async () => {
  await fill();
  damage(`
    PRAGMA writable_schema = ON;
    UPDATE sqlite_schema SET rootpage = (SELECT rootpage FROM sqlite_schema WHERE name = 'ledger_by_peer')
      WHERE name = 'jobs_by_state';`);
  writeFileSync(join(folder, 'lock.pid'), '1\n');
  expect((await openFailure()).kind).toBe('corrupt');
});

test('a damaged blob is missing, is logged, and is mended by storing it again', async () => {
  await fill();
  damage(`UPDATE blobs SET content = CAST('0utputs' AS BLOB)`);
  const errors: string[] = [];
  const ignore = (): void => {};
  const log = {
    debug: ignore,
    info: ignore,
    warn: ignore,
    error: (fields: object, message: string) => void errors.push(`${message} ${JSON.stringify(fields)}`),
  };
  const store = createSqliteStore({ folder, log });
  await store.open();
  expect(await store.getBlob(sha256(bytes))).toBeNull();
  expect(errors).toHaveLength(1);
  expect(errors[0]).toContain(sha256(bytes));
  await store.putBlob(bytes, sha256(bytes));
  expect(await store.getBlob(sha256(bytes))).toEqual(bytes);
  await store.close();
});
