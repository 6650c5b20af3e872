/** The table `log`: one row per entry, with a checksum, since SQLite itself does not notice a flipped bit in a row. */
import { crc32 } from 'node:zlib';
import type Database from 'better-sqlite3';
import { isEventType, type LogEntry, parseEvent } from '../protocol/events/events.ts';
import { EpochMs } from '../protocol/primitives.ts';
import { z } from '../protocol/zod.ts';
import { DamageError, NewerError } from './faults.ts';

const Row = z.object({ seq: z.int().min(1), at: EpochMs, type: z.string(), event: z.string(), crc: z.int() });

/** Columns that {@link decodeEntry} reads; `l` is the table's name in the query. */
export const entryColumns = 'l.seq, l.at, l.type, l.event, l.crc';

/** Also parses the event by its schema: the disk is a door. @throws DamageError, NewerError */
export function decodeEntry(raw: unknown): LogEntry {
  const row = Row.parse(raw);
  if (checksum(row.seq, row.at, row.type, row.event) !== row.crc) {
    throw new DamageError(`entry ${row.seq} of the log does not match its checksum`);
  }
  if (!isEventType(row.type)) {
    throw new NewerError(
      `entry ${row.seq} of the log is a ${JSON.stringify(row.type)}, which this version does not know`,
    );
  }
  try {
    return { seq: row.seq, at: row.at, event: parseEvent(JSON.parse(row.event)) };
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error);
    throw new DamageError(`entry ${row.seq} of the log cannot be read: ${detail}`, { cause: error });
  }
}

/** @returns a function that writes one entry; call it inside a transaction. */
export function prepareInsert(db: Database.Database): (entry: LogEntry) => void {
  const insert = db.prepare('INSERT INTO log (seq, at, type, event, crc) VALUES (?, ?, ?, ?, ?)');
  return ({ seq, at, event }) => {
    const json = JSON.stringify(event);
    insert.run(seq, at, event.type, json, checksum(seq, at, event.type, json));
  };
}

/**
 * Entries with `seq` > `after`, in order. The connection cannot write before the walk has ended.
 * @param max at most so many. @throws DamageError also when one is missing
 */
export function* readEntries(db: Database.Database, after: number, max = Number.MAX_SAFE_INTEGER): Generator<LogEntry> {
  let expected = after + 1;
  const query = db.prepare(`SELECT ${entryColumns} FROM log AS l WHERE seq > ? ORDER BY seq LIMIT ?`);
  for (const row of query.iterate(after, max)) {
    const entry = decodeEntry(row);
    if (entry.seq !== expected) throw new DamageError(`the log lacks entry ${expected}`);
    expected++;
    yield entry;
  }
}

const Extent = z.object({ first: z.int().nullable(), last: z.int().nullable(), count: z.int() });

/** @returns `seq` of the last entry, 0 when there is none. @throws DamageError when the log has a gap. */
export function lastSeqOf(db: Database.Database): number {
  const { first, last, count } = Extent.parse(
    db.prepare('SELECT min(seq) AS first, max(seq) AS last, count(*) AS count FROM log').get(),
  );
  if (last === null) return 0;
  if (first !== 1 || count !== last) {
    throw new DamageError(
      `the log has ${count} entries, numbered ${first} to ${last}; expected 1 to ${count} without a gap`,
    );
  }
  return last;
}

function checksum(seq: number, at: number, type: string, event: string): number {
  return crc32(`${seq} ${at} ${type} ${event}`);
}
