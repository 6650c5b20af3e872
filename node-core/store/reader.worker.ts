/** The reader's thread: history, search and blobs, over a read-only connection, so that no question delays a commit. */
import { parentPort, workerData } from 'node:worker_threads';
import type Database from 'better-sqlite3';
import { listBlobs, prepareBlobRead, sha256Of } from './blob-table.ts';
import { openReadOnly } from './database.ts';
import { faultOf } from './faults.ts';
import type { FromReader, ReadAnswer, ReadRequest, ToReader, WorkerData } from './messages.ts';
import { queryEntries } from './read-models/entries.ts';
import { countJobs, queryJob, queryJobs } from './read-models/jobs.ts';
import { queryLedger } from './read-models/ledger.ts';

if (parentPort === null) throw new Error('reader.worker runs as a worker thread of the store only');
const port = parentPort;
const { folder, limits }: WorkerData = workerData;

let opened: { db: Database.Database; readBlob: (hash: string) => Uint8Array | null } | null = null;

port.on('message', (message: ToReader) => {
  if (message === 'close') {
    opened?.db.close();
    port.close();
    return;
  }
  for (const { id, request } of message) reply(id, answerOrFault(request));
});

function reply(id: number, answer: ReadAnswer): void {
  const transfer = answer.op === 'blob' && answer.content?.buffer instanceof ArrayBuffer ? [answer.content.buffer] : [];
  const message: FromReader = { id, answer };
  port.postMessage(message, transfer);
}

function answerOrFault(request: ReadRequest): ReadAnswer {
  try {
    return answer(request);
  } catch (error) {
    return { op: 'fault', fault: faultOf(error, 'Reading the history', folder) };
  }
}

function answer(request: ReadRequest): ReadAnswer {
  opened ??= open();
  const { db } = opened;
  switch (request.op) {
    case 'jobs':
      return { op: 'jobs', rows: queryJobs(db, limited(request.query)) };
    case 'count-jobs':
      return { op: 'count-jobs', count: countJobs(db, request.query) };
    case 'job':
      return { op: 'job', row: queryJob(db, request.jobId) };
    case 'entries':
      return { op: 'entries', rows: queryEntries(db, limited(request.query)) };
    case 'ledger':
      return { op: 'ledger', rows: queryLedger(db, limited(request.query)) };
    case 'blob':
      return blob(request.hash, opened.readBlob(request.hash));
    case 'blob-hashes':
      return { op: 'blob-hashes', hashes: listBlobs(db) };
  }
}

function open(): NonNullable<typeof opened> {
  const db = openReadOnly(folder);
  return { db, readBlob: prepareBlobRead(db) };
}

function blob(hash: string, content: Uint8Array | null): ReadAnswer {
  if (content === null) return { op: 'blob', content, damage: null };
  const actual = sha256Of(content);
  if (actual !== hash)
    return { op: 'blob', content: null, damage: `its ${content.byteLength} bytes have SHA-256 ${actual}` };
  // A copy with memory of its own: SQLite's buffer cannot move to another thread.
  return { op: 'blob', content: new Uint8Array(content), damage: null };
}

/** SQLite takes a negative limit for none. */
function limited<Query extends { readonly limit: number }>(query: Query): Query {
  return { ...query, limit: Math.max(0, Math.min(query.limit, limits.pageRowsMax)) };
}
