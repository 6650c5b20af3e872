/** The table `snapshot`: one row, the latest. Its signature is checked by who asked for it. */
import type Database from 'better-sqlite3';
import type { StoredSnapshot } from '../ports/index.ts';
import { z } from '../protocol/zod.ts';
import { DamageError } from './faults.ts';

const Row = z.object({ seq: z.int().min(0), state: z.string(), signature: z.string() });

/** @param lastSeq end of the log, which a snapshot cannot be ahead of. @throws DamageError */
export function readSnapshot(db: Database.Database, lastSeq: number): StoredSnapshot | null {
  const raw = db.prepare('SELECT seq, state, signature FROM snapshot').get();
  if (raw === undefined) return null;
  const snapshot = Row.parse(raw);
  if (snapshot.seq > lastSeq) {
    throw new DamageError(`the snapshot covers entry ${snapshot.seq}, but the log ends at ${lastSeq}`);
  }
  return snapshot;
}

export function prepareSave(db: Database.Database): (snapshot: StoredSnapshot) => void {
  const save = db.prepare('INSERT OR REPLACE INTO snapshot (id, seq, state, signature) VALUES (1, ?, ?, ?)');
  return ({ seq, state, signature }) => void save.run(seq, state, signature);
}
