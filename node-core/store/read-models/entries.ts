/** Which entries of the log concern which job and which peer, and the questions about them. */
import type Database from 'better-sqlite3';
import type { EntriesQuery } from '../../ports/index.ts';
import type { LogEntry, NodeEvent } from '../../protocol/events/events.ts';
import { decodeEntry, entryColumns } from '../log-table.ts';
import type { Projector } from './projector.ts';

export const entriesProjector: Projector = {
  tables: ['entry_jobs', 'entry_peers'],
  prepare(db) {
    const ofJob = db.prepare('INSERT OR IGNORE INTO entry_jobs (job_id, seq) VALUES (?, ?)');
    const ofPeer = db.prepare('INSERT OR IGNORE INTO entry_peers (peer_id, seq) VALUES (?, ?)');
    return ({ seq, event }) => {
      for (const jobId of jobsOf(event)) ofJob.run(jobId, seq);
      for (const peerId of peersOf(event)) ofPeer.run(peerId, seq);
    };
  },
};

/** A replica's id begins with its job's (`replicaIdOf`). */
const jobOf = (replicaId: string): string => replicaId.slice(0, 32);

/** Jobs that an event concerns; of a provider, those are its clients' jobs. */
function jobsOf(event: NodeEvent): Set<string> {
  const jobs = new Set<string>();
  if ('jobId' in event) jobs.add(event.jobId);
  if ('replicaId' in event) jobs.add(jobOf(event.replicaId));
  if ('replicaIds' in event) for (const replicaId of event.replicaIds) jobs.add(jobOf(replicaId));
  if ('replicas' in event) for (const { replicaId } of event.replicas) jobs.add(jobOf(replicaId));
  if ('receipt' in event) jobs.add(event.receipt.body.jobId);
  return jobs;
}

/** Peers that an event concerns; this node itself may be among them (in a receipt, or in its own start). */
function peersOf(event: NodeEvent): Set<string> {
  const peers = new Set<string>();
  if ('peerId' in event) peers.add(event.peerId);
  if ('peer' in event) peers.add(event.peer);
  if ('provider' in event) peers.add(event.provider);
  if ('client' in event) peers.add(event.client);
  if ('record' in event) peers.add(event.record.peerId);
  if ('receipt' in event) peers.add(event.receipt.body.client).add(event.receipt.body.provider);
  if (event.type === 'payment.received') peers.add(event.voucher.body.payer);
  if (event.type === 'payment.adopted') peers.add(event.voucher.body.payee);
  return peers;
}

/** Entries with `after` < `seq` < `before`, oldest first. No type at all matches an empty list of types. @throws DamageError */
export function queryEntries(db: Database.Database, query: EntriesQuery): LogEntry[] {
  const { sql, values } = select(query);
  const entries = db
    .prepare(sql)
    .all(...values, query.limit)
    .map(decodeEntry);
  return query.before === undefined ? entries : entries.reverse();
}

/**
 * Each query walks one index in the order of `seq`, from the end where `before` is given, and stops at the limit; CROSS
 * JOIN keeps SQLite from starting at the other table, which it would have to sort.
 */
function select(query: EntriesQuery): { sql: string; values: unknown[] } {
  const { after, before, limit, jobId, peerId, types, text } = query;
  const marks = types?.map(() => '?').join(', ');
  const order = before === undefined ? 'ASC' : 'DESC';
  const until = before ?? Number.MAX_SAFE_INTEGER;
  if (jobId !== undefined || peerId !== undefined) {
    const [table, column, value] =
      jobId !== undefined ? ['entry_jobs', 'job_id', jobId] : ['entry_peers', 'peer_id', peerId];
    const conditions = [`e.${column} = ? AND e.seq > ? AND e.seq < ?`];
    const values: unknown[] = [value, after, until];
    if (jobId !== undefined && peerId !== undefined) {
      conditions.push('EXISTS (SELECT 1 FROM entry_peers AS p WHERE p.peer_id = ? AND p.seq = e.seq)');
      values.push(peerId);
    }
    if (types !== undefined) {
      conditions.push(`l.type IN (${marks})`);
      values.push(...types);
    }
    if (text !== undefined) addText(text, conditions, values);
    const where = conditions.join(' AND ');
    return {
      sql: `SELECT ${entryColumns} FROM ${table} AS e CROSS JOIN log AS l ON l.seq = e.seq WHERE ${where} ORDER BY e.seq ${order} LIMIT ?`,
      values,
    };
  }
  if (text !== undefined) {
    const conditions = ['seq > ? AND seq < ?'];
    const values: unknown[] = [after, until];
    if (types !== undefined) {
      conditions.push(`l.type IN (${marks})`);
      values.push(...types);
    }
    addText(text, conditions, values);
    return {
      sql: `SELECT ${entryColumns} FROM log AS l WHERE ${conditions.join(' AND ')} ORDER BY seq ${order} LIMIT ?`,
      values,
    };
  }
  if (types !== undefined && types.length > 0) {
    // Per type, so that a rare one needs no walk through the whole log, nor frequent ones a sort of all their entries.
    const perType = `SELECT * FROM (SELECT seq FROM log WHERE type = ? AND seq > ? AND seq < ? ORDER BY seq ${order} LIMIT ?)`;
    const distinct = [...new Set(types)];
    return {
      sql: `SELECT ${entryColumns} FROM log AS l WHERE seq IN (${distinct.map(() => perType).join(' UNION ALL ')}) ORDER BY seq ${order} LIMIT ?`,
      values: distinct.flatMap((type) => [type, after, until, limit]),
    };
  }
  const nothing = types === undefined ? '' : 'AND FALSE';
  return {
    sql: `SELECT ${entryColumns} FROM log AS l WHERE seq > ? AND seq < ? ${nothing} ORDER BY seq ${order} LIMIT ?`,
    values: [after, until],
  };
}

/** Every row is looked at: whoever asks bounds them by `after` and `before`. */
function addText({ part, types }: NonNullable<EntriesQuery['text']>, conditions: string[], values: unknown[]): void {
  const escaped = part.replaceAll(/[\\%_]/g, (sign) => `\\${sign}`);
  const marks = types.map(() => '?').join(', ');
  conditions.push(`(l.event LIKE ? ESCAPE '\\'${types.length > 0 ? ` OR l.type IN (${marks})` : ''})`);
  values.push(`%${escaped}%`, ...types);
}
