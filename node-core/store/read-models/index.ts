import type Database from 'better-sqlite3';
import type { LogEntry } from '../../protocol/events/events.ts';
import { readEntries } from '../log-table.ts';
import { entriesProjector } from './entries.ts';
import { jobsProjector } from './jobs.ts';
import { ledgerProjector } from './ledger.ts';

const projectors = [entriesProjector, jobsProjector, ledgerProjector];

/** @returns a function that brings all read models up to an entry; call it inside the transaction that appends it. */
export function prepareReadModels(db: Database.Database): (entry: LogEntry) => void {
  const projections = projectors.map((projector) => projector.prepare(db));
  return (entry) => {
    for (const project of projections) project(entry);
  };
}

/** Makes all read models anew from the log; call it inside a transaction. @throws DamageError */
export function rebuildReadModels(db: Database.Database): void {
  for (const { tables } of projectors) for (const table of tables) db.exec(`DELETE FROM ${table}`);
  const project = prepareReadModels(db);
  // By pages: a connection cannot write while it walks through an open query.
  for (let after = 0; ; ) {
    const page = [...readEntries(db, after, 1000)];
    for (const entry of page) project(entry);
    const last = page.at(-1);
    if (last === undefined) return;
    after = last.seq;
  }
}
