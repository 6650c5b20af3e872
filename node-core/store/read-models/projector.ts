import type Database from 'better-sqlite3';
import type { LogEntry } from '../../protocol/events/events.ts';

/**
 * Keeps some tables in step with the log, inside the transaction that appends. It never refuses an entry: what it cannot
 * place (a job's end without its beginning) it passes over, since the log decides, and a table must not stop it.
 */
export interface Projector {
  /** All of them are empty when the log is. */
  readonly tables: readonly string[];
  prepare(db: Database.Database): (entry: LogEntry) => void;
}
