/** Brings the schema of an open database up to date; `user_version` says where it stands. */
import { chmodSync, closeSync, fsyncSync, openSync, renameSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import type Database from 'better-sqlite3';
import { z } from '../protocol/zod.ts';
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
    throw new NewerError(`${db.name} has schema ${version}; this version of Infernet knows schemas up to ${latest}`);
  }
}

/**
 * Runs the migrations that are missing, each in its own transaction. A database that holds data is copied first.
 * @returns what was done, for the log.
 */
export function migrate(db: Database.Database, migrations: readonly Migration[]): Note[] {
  const from = pragma(db, 'user_version');
  const missing = migrations.filter(({ version }) => version > from);
  if (missing.length === 0) return [];
  const backup = from === 0 ? null : backUp(db, from);
  for (const migration of missing) {
    db.transaction(() => {
      migration.up(db);
      if (migration.rebuild) rebuildReadModels(db);
      db.pragma(`application_id = ${applicationId}`);
      db.pragma(`user_version = ${migration.version}`);
    }).immediate();
  }
  if (backup === null) return [];
  const to = pragma(db, 'user_version');
  return [{ level: 'info', fields: { from, to, backup }, message: 'the data was migrated; a backup lies beside it' }];
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
