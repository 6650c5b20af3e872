/** From what SQLite, the file system or our own checks threw to a {@link StoreError} that says what to do. */
import { accessSync, constants, statfsSync } from 'node:fs';
import { StoreError, type StoreErrorKind } from './errors.ts';

/** A row or file that cannot be what was once written. */
export class DamageError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'DamageError';
  }
}

/** Data that a later version of Infernet wrote. */
export class NewerError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'NewerError';
  }
}

/** A StoreError as it crosses between threads: an Error would lose its class and `kind` in the structured clone. */
export interface Fault {
  readonly kind: StoreErrorKind;
  readonly message: string;
}

/** @param doing what failed, as the subject of a sentence: “Appending to the log”. */
export function faultOf(error: unknown, doing: string, folder: string): Fault {
  if (error instanceof StoreError) return { kind: error.kind, message: error.message };
  const kind = kindOf(error, folder);
  return { kind, message: `${doing} failed: ${detailOf(error)}. ${remedies[kind](folder)}` };
}

const remedies: Readonly<Record<StoreErrorKind, (folder: string) => string>> = {
  locked: (folder) => `Another program has the data in ${folder} open; close it, then start the node again.`,
  full: (folder) =>
    `The disk that holds ${folder} has no room left. Nothing of this step was kept, and everything before it is intact: free some space, then start the node again.`,
  'read-only': (folder) =>
    `Expected to be able to write to ${folder}. Check who owns the folder and that its disk is not mounted read-only, or choose another data folder.`,
  corrupt: (folder) =>
    `The data in ${folder} is damaged; nothing was deleted. Copy the folder away, check the disk, and restore node.db from a backup (node.db.v*.bak lies beside it after an update).`,
  newer: (folder) =>
    `Update Infernet, or restore the backup that was made in ${folder} before the update (node.db.v*.bak).`,
  io: (folder) => `Check that the disk that holds ${folder} is connected and healthy, then start the node again.`,
};

function kindOf(error: unknown, folder: string): StoreErrorKind {
  if (error instanceof DamageError) return 'corrupt';
  if (error instanceof NewerError) return 'newer';
  const code = codeOf(error);
  if (/^(SQLITE_FULL|ENOSPC|EDQUOT)/.test(code)) return 'full';
  if (/^(SQLITE_READONLY|SQLITE_PERM|EROFS|EACCES|EPERM)/.test(code)) return 'read-only';
  if (/^(SQLITE_CORRUPT|SQLITE_NOTADB)/.test(code)) return 'corrupt';
  if (/^(SQLITE_BUSY|SQLITE_LOCKED)/.test(code)) return 'locked';
  if (code === 'SQLITE_CANTOPEN' && !isWritable(folder)) return 'read-only';
  // Growing the WAL index, or creating a file, on a full disk is reported as a general I/O error.
  if (/^(SQLITE_IOERR|SQLITE_CANTOPEN)/.test(code) && isFull(folder)) return 'full';
  return 'io';
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
}

function detailOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = codeOf(error);
  const message = error.message.replace(/\.$/, '');
  return code === '' || message.includes(code) ? message : `${message} (${code})`;
}

function isFull(folder: string): boolean {
  try {
    return statfsSync(folder).bavail === 0;
  } catch {
    return false;
  }
}

function isWritable(folder: string): boolean {
  try {
    accessSync(folder, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}
