/**
 * The writer's thread. It has the lock, the only writing connection, and all waiting on the disk: no fsync ever holds up
 * the thread of the caller. Everything that waits when a transaction ends makes the next one.
 */
import { resolve } from 'node:path';
import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import type Database from 'better-sqlite3';
import type { LogEntry } from '../protocol/events/events.ts';
import { makeFolder, openDatabase } from './database.ts';
import { faultOf } from './faults.ts';
import { GroupCommit } from './group-commit.ts';
import { type FolderLock, lockFolder } from './lock.ts';
import { readEntries } from './log-table.ts';
import type { FromWriter, Note, ToWriter, WorkerData, WriteRequest } from './messages.ts';
import { readSnapshot } from './snapshot-table.ts';

/** Entries of the tail in one message: a few milliseconds of the caller's thread. */
const tailBatchMax = 500;

if (parentPort === null) throw new Error('writer.worker runs as a worker thread of the store only');
const port = parentPort;
const { folder, limits }: WorkerData = workerData;
const post = (message: FromWriter): void => port.postMessage(message);

let lock: FolderLock | null = null;
let db: Database.Database | null = null;

try {
  open();
} catch (error) {
  post({ type: 'open-failed', fault: faultOf(error, 'Opening the data', folder) });
  close();
}

function open(): void {
  makeFolder(resolve(folder));
  lock = lockFolder(folder);
  if (lock.unclean)
    note({ level: 'warn', fields: { folder }, message: 'the last run did not end in order; checking the data' });
  const opened = openDatabase(folder, { checkAll: lock.unclean });
  db = opened.db;
  opened.notes.forEach(note);
  const writer = new GroupCommit(db, folder, limits);
  const snapshot = readSnapshot(db, writer.lastSeq);
  postTail(db, snapshot?.seq ?? 0);
  post({ type: 'opened', snapshot });
  port.on('message', (message: ToWriter) => serve(writer, message));
}

function postTail(from: Database.Database, after: number): void {
  let batch: LogEntry[] = [];
  for (const entry of readEntries(from, after)) {
    if (batch.push(entry) < tailBatchMax) continue;
    post({ type: 'tail', entries: batch });
    batch = [];
  }
  if (batch.length > 0) post({ type: 'tail', entries: batch });
}

function serve(writer: GroupCommit, first: ToWriter): void {
  const waiting: WriteRequest[] = [];
  let closing = false;
  const take = (message: ToWriter): void => {
    if (message === 'close') closing = true;
    else waiting.push(...message);
  };
  take(first);
  do {
    for (let next = receiveMessageOnPort(port); next !== undefined; next = receiveMessageOnPort(port))
      take(next.message);
    const group = waiting.splice(0, writer.groupSize(waiting));
    if (group.length > 0) post({ type: 'written', results: writer.write(group) });
  } while (waiting.length > 0);
  if (closing) close();
}

/** Lets the thread end; what was posted before still arrives. */
function close(): void {
  db?.close();
  lock?.release();
  port.close();
}

function note(content: Note): void {
  post({ type: 'note', note: content });
}
