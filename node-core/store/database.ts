/** Opens `node.db`: checks it, brings its schema up to date, sets how it writes. */
import { closeSync, existsSync, mkdirSync, openSync } from 'node:fs';
import { dirname, join } from 'node:path';
import Database from 'better-sqlite3';
import { z } from '../protocol/zod.ts';
import { DamageError } from './faults.ts';
import type { Note } from './messages.ts';
import { checkVersion, migrate, syncFolder } from './migrate.ts';
import { migrations } from './migrations/index.ts';
import type { Migration } from './migrations/migration.ts';

export const databaseFile = (folder: string): string => join(folder, 'node.db');

/**
 * Creates the data folder, readable by its owner alone: it holds prompts and outputs. Step by step, since Node's own
 * recursive mkdir calls a read-only disk ENOENT, and never ends on some file systems (`/proc`).
 */
export function makeFolder(folder: string): void {
  const parent = dirname(folder);
  if (existsSync(folder) || parent === folder) return;
  makeFolder(parent);
  try {
    mkdirSync(folder, { mode: 0o700 });
  } catch (error) {
    // Another process may have been faster.
    if (!existsSync(folder)) throw error;
  }
  syncFolder(parent);
}

export interface OpenOptions {
  /** Walk through the whole file; worth its time after a run that did not end in order. */
  readonly checkAll: boolean;
  /** For tests. Default: those of this version. */
  readonly migrations?: readonly Migration[];
}

/** @returns the writing connection, and what is worth a line in the log. */
export function openDatabase(folder: string, options: OpenOptions): { db: Database.Database; notes: Note[] } {
  const steps = options.migrations ?? migrations;
  const file = databaseFile(folder);
  // SQLite would create it by the umask; -wal and -shm take over the mode of this file.
  closeSync(openSync(file, 'a', 0o600));
  const db = new Database(file);
  try {
    checkVersion(db, steps.length);
    if (options.checkAll) checkIntegrity(db);
    // Without effect once there are tables: lets the file shrink after many blobs were deleted.
    db.pragma('auto_vacuum = INCREMENTAL');
    db.pragma('journal_mode = WAL');
    db.pragma('synchronous = FULL');
    // On macOS a plain fsync leaves the data in the drive's cache.
    db.pragma('fullfsync = ON');
    db.pragma('checkpoint_fullfsync = ON');
    // A deleted payload is gone, not just unlinked.
    db.pragma('secure_delete = ON');
    db.pragma('cell_size_check = ON');
    db.pragma('trusted_schema = OFF');
    db.pragma(`journal_size_limit = ${64 * 1024 * 1024}`);
    const notes = migrate(db, steps);
    giveBack(db);
    return { db, notes };
  } catch (error) {
    db.close();
    throw error;
  }
}

/** @returns a connection for questions, on a database that a writer has open. */
export function openReadOnly(folder: string): Database.Database {
  const db = new Database(databaseFile(folder), { readonly: true, fileMustExist: true });
  db.pragma('cell_size_check = ON');
  db.pragma('trusted_schema = OFF');
  return db;
}

/** @throws DamageError with SQLite's first finding. */
function checkIntegrity(db: Database.Database): void {
  const finding = db.pragma('quick_check(1)', { simple: true });
  if (finding !== 'ok') throw new DamageError(`SQLite finds in node.db: ${String(finding)}`);
}

/** Free pages are kept for new blobs; only what is far above that goes back to the file system. */
const freeBytesMax = 64 * 1024 * 1024;

function giveBack(db: Database.Database): void {
  const Int = z.int();
  const free = Int.parse(db.pragma('freelist_count', { simple: true }));
  const keep = Math.floor(freeBytesMax / Int.parse(db.pragma('page_size', { simple: true })));
  if (free > keep) db.pragma(`incremental_vacuum(${free - keep})`);
}
