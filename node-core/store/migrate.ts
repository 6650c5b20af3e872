/** Brings the schema of an open database up to date; `user_version` says where it stands. */
import { chmodSync, closeSync, fsyncSync, openSync, renameSync, rmSync, statfsSync } from 'node:fs';
import { dirname } from 'node:path';
import type Database from 'better-sqlite3';
import { z } from '../protocol/zod.ts';
import { nodeVersion } from '../version.ts';
import { StoreError } from './errors.ts';
import { DamageError, NewerError } from './faults.ts';
import type { Note } from './messages.ts';
import type { Migration } from './migrations/migration.ts';
import { rebuildReadModels } from './read-models/index.ts';

/** “INFR” in the file's header: tells our database from anybody else's. */
const applicationId = 0x494e4652;

const Int = z.int();
const pragma = (db: Database.Database, name: string): number => Int.parse(db.pragma(name, { simple: true }));

/**
 * Looks only: call it before anything is written to the file.
 * @throws NewerError, or DamageError when it is not our database
 */
export function checkVersion(db: Database.Database, latest: number): void {
  const objects = Int.parse(db.prepare('SELECT count(*) FROM sqlite_schema').pluck().get());
  if (objects === 0) return;
  if (pragma(db, 'application_id') !== applicationId) {
    throw new DamageError(`${db.name} is a SQLite database, but not one of Infernet`);
  }
  const version = pragma(db, 'user_version');
  if (version > latest) {
    const by = writerOf(db, version);
    throw new NewerError(
      `${db.name} has schema ${version}${by === null ? '' : `, written by Infernet ${by}`}; this is Infernet ${nodeVersion}, which knows schemas up to ${latest}`,
    );
  }
}

/** The version of Infernet that brought the schema there; null when nobody noted it. */
function writerOf(db: Database.Database, version: number): string | null {
  if (!hasHistory(db)) return null;
  const found = db.prepare('SELECT infernet FROM schema_history WHERE version = ?').pluck().get(version);
  return z.string().max(64).safeParse(found).data ?? null;
}

function hasHistory(db: Database.Database): boolean {
  return db.prepare("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'schema_history'").get() !== undefined;
}

export interface MigrateOptions {
  /** Room on the disk that holds a folder, bytes. Default: what the operating system says. */
  readonly freeBytes?: (folder: string) => number;
}

/**
 * Runs the migrations that are missing, each in its own transaction. A database that holds data is copied first.
 * @returns what was done, for the log.
 */
export function migrate(
  db: Database.Database,
  migrations: readonly Migration[],
  { freeBytes = freeBytesOf }: MigrateOptions = {},
): Note[] {
  const from = pragma(db, 'user_version');
  const missing = migrations.filter(({ version }) => version > from);
  if (missing.length === 0) return [];
  if (from > 0) checkRoom(db, freeBytes(dirname(db.name)));
  const backup = from === 0 ? null : backUp(db, from);
  for (const migration of missing) {
    db.transaction(() => {
      migration.up(db);
      if (migration.rebuild) rebuildReadModels(db);
      db.pragma(`application_id = ${applicationId}`);
      db.pragma(`user_version = ${migration.version}`);
      if (hasHistory(db)) note(db, migration.version);
    }).immediate();
  }
  if (backup === null) return [];
  const to = pragma(db, 'user_version');
  return [{ level: 'info', fields: { from, to, backup }, message: 'the data was migrated; a backup lies beside it' }];
}

function note(db: Database.Database, version: number): void {
  db.prepare('INSERT OR REPLACE INTO schema_history (version, infernet, at) VALUES (?, ?, unixepoch() * 1000)').run(
    version,
    nodeVersion,
  );
}

function freeBytesOf(folder: string): number {
  const { bavail, bsize } = statfsSync(folder);
  return bavail * bsize;
}

/**
 * A disk that runs full half way costs nothing but time; told before, it costs not even that.
 * @throws StoreError `full`
 */
function checkRoom(db: Database.Database, freeBytes: number): void {
  // The copy, and at most as much again in the log of a transaction that writes every page.
  const neededBytes = 2 * pragma(db, 'page_count') * pragma(db, 'page_size');
  if (freeBytes >= neededBytes) return;
  const mib = (bytes: number): string => `${Math.ceil(bytes / 2 ** 20)} MiB`;
  throw new StoreError(
    'full',
    `Bringing ${db.name} to the schema of Infernet ${nodeVersion} takes up to ${mib(neededBytes)} for a backup and the change itself, and the disk has ${mib(freeBytes)} left. Nothing was changed: free some space, then start the node again.`,
  );
}

/** @returns path of the copy, which replaces one that an interrupted migration from the same schema left. */
function backUp(db: Database.Database, version: number): string {
  const backup = `${db.name}.v${version}.bak`;
  const unfinished = `${backup}.part`;
  rmSync(unfinished, { force: true });
  db.prepare('VACUUM INTO ?').run(unfinished);
  chmodSync(unfinished, 0o600);
  sync(unfinished, 'r+');
  renameSync(unfinished, backup);
  syncFolder(dirname(backup));
  return backup;
}

/** Makes new names in a folder survive a loss of power. Windows can neither open a folder nor needs it. */
export function syncFolder(folder: string): void {
  if (process.platform !== 'win32') sync(folder, 'r');
}

function sync(path: string, flags: 'r' | 'r+'): void {
  const fd = openSync(path, flags);
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
