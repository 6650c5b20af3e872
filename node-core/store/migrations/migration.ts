import type Database from 'better-sqlite3';

/** One step of the schema. Never change one that was released: add the next. */
export interface Migration {
  /** `user_version` after it; rises by one. */
  readonly version: number;
  /** Runs inside a transaction. */
  up(db: Database.Database): void;
  /** Whether the read models must be made anew from the log afterwards. */
  readonly rebuild: boolean;
}
