/**
 * One process at a time per data folder. The lock is an exclusive transaction on an empty SQLite file, held for as long
 * as the store is open: the operating system drops it with the process, however that ends, so there are no stale locks.
 *
 * `lock.pid` beside it is for people (who holds it?) and tells whether the last run ended in order.
 * Nothing else may open `lock.db` in this process: closing any other descriptor of it would drop a POSIX lock.
 */
import { accessSync, constants, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { StoreError } from './errors.ts';

export interface FolderLock {
  /** The last process that held the lock did not release it in order. */
  readonly unclean: boolean;
  release(): void;
}

/** @throws StoreError `locked`, naming the process that holds it. */
export function lockFolder(folder: string): FolderLock {
  const pidFile = join(folder, 'lock.pid');
  const lockFile = join(folder, 'lock.db');
  // SQLite opens what it cannot write to for reading, and then takes no exclusive lock, without a word.
  if (existsSync(lockFile)) accessSync(lockFile, constants.W_OK);
  const db = new Database(lockFile, { timeout: 0 });
  try {
    db.exec('BEGIN EXCLUSIVE');
  } catch (error) {
    db.close();
    if (error instanceof Database.SqliteError && error.code.startsWith('SQLITE_BUSY')) {
      throw new StoreError('locked', lockedMessage(folder, readPid(pidFile)), { cause: error });
    }
    throw error;
  }
  try {
    const unclean = readPid(pidFile) !== null;
    writeFileSync(pidFile, `${process.pid}\n`, { mode: 0o600 });
    return {
      unclean,
      release() {
        // Before the lock goes: afterwards the file may already be the next holder's.
        rmSync(pidFile, { force: true });
        db.close();
      },
    };
  } catch (error) {
    db.close();
    throw error;
  }
}

function lockedMessage(folder: string, pid: number | null): string {
  const who = pid === null || !isAlive(pid) ? 'another process, which is starting or stopping' : `process ${pid}`;
  return `Expected to be the only process that uses ${folder}, but ${who} has it open. Stop that process, or start this node with another data folder.`;
}

function readPid(file: string): number | null {
  try {
    const pid = Number.parseInt(readFileSync(file, 'utf8'), 10);
    return pid > 0 ? pid : null;
  } catch {
    return null;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM: it lives, under another user.
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}
