/**
 * Writes groups of requests, one transaction each: one fsync for all that wait. If any of a group asks for `full`, the
 * group is `full`; that also makes durable what earlier groups left to the operating system, since the WAL is one file.
 */
import type Database from 'better-sqlite3';
import { type LogEntry, parseEvent } from '../protocol/events/events.ts';
import { EpochMs } from '../protocol/primitives.ts';
import { z } from '../protocol/zod.ts';
import { type BlobWriter, prepareBlobs, sha256Of } from './blob-table.ts';
import { StoreError } from './errors.ts';
import { type Fault, faultOf } from './faults.ts';
import type { StoreLimits } from './limits.ts';
import { lastSeqOf, prepareInsert } from './log-table.ts';
import type { BlobContent, WriteRequest, WriteResult } from './messages.ts';
import { prepareReadModels } from './read-models/index.ts';
import { prepareSave } from './snapshot-table.ts';

const Entries = z.array(z.object({ seq: z.int(), at: EpochMs, event: z.unknown() }));

export class GroupCommit {
  readonly #db: Database.Database;
  readonly #folder: string;
  readonly #limits: StoreLimits;
  readonly #begin: Database.Statement;
  readonly #commit: Database.Statement;
  readonly #insert: (entry: LogEntry) => void;
  readonly #project: (entry: LogEntry) => void;
  readonly #blobs: BlobWriter;
  readonly #saveSnapshot: ReturnType<typeof prepareSave>;
  #synchronous: 'FULL' | 'NORMAL' = 'FULL';
  #lastSeq: number;
  /** Why the log accepts no more, until it is opened again. */
  #logFault: Fault | null = null;

  constructor(db: Database.Database, folder: string, limits: StoreLimits) {
    this.#db = db;
    this.#folder = folder;
    this.#limits = limits;
    this.#begin = db.prepare('BEGIN IMMEDIATE');
    this.#commit = db.prepare('COMMIT');
    this.#insert = prepareInsert(db);
    this.#project = prepareReadModels(db);
    this.#blobs = prepareBlobs(db);
    this.#saveSnapshot = prepareSave(db);
    this.#lastSeq = lastSeqOf(db);
    db.pragma('synchronous = FULL');
  }

  /** `seq` of the last entry that is written. */
  get lastSeq(): number {
    return this.#lastSeq;
  }

  /** @returns one result per request, in order. Never throws. */
  write(group: readonly WriteRequest[]): WriteResult[] {
    const before = this.#lastSeq;
    // What is wrong with a request by itself fails that request alone, so it is looked for before the transaction.
    const steps = group.map((request) => this.#check(request));
    const shared = this.#run(
      steps.flatMap((step) => step.apply ?? []),
      group.some(isFull),
    );
    if (shared !== null) {
      this.#lastSeq = before;
      if (group.some(({ op }) => op === 'append')) this.#logFault ??= shared;
    }
    return group.map(({ id }, i) => ({ id, fault: steps[i]?.fault ?? shared }));
  }

  #run(steps: readonly (() => void)[], full: boolean): Fault | null {
    if (steps.length === 0) return null;
    try {
      this.#setSynchronous(full ? 'FULL' : 'NORMAL');
      this.#begin.run();
      for (const step of steps) step();
      this.#commit.run();
      return null;
    } catch (error) {
      const fault = faultOf(error, 'Writing to the log and its blobs', this.#folder);
      this.#undo();
      return fault;
    }
  }

  #undo(): void {
    try {
      if (this.#db.inTransaction) this.#db.exec('ROLLBACK');
      // After a failed fsync the frames of the transaction may lie in the WAL, complete, and a restart would take them
      // for written. Emptying the WAL drops them; if even that fails, the disk is past what a program can do.
      this.#db.pragma('wal_checkpoint(TRUNCATE)');
    } catch {
      // The fault that led here is the one to tell.
    }
  }

  #setSynchronous(mode: 'FULL' | 'NORMAL'): void {
    if (this.#synchronous === mode) return;
    this.#db.pragma(`synchronous = ${mode}`);
    this.#synchronous = mode;
  }

  #check(request: WriteRequest): { apply?: () => void; fault: Fault | null } {
    try {
      return { apply: this.#prepare(request), fault: null };
    } catch (error) {
      const fault = faultOf(error, doing[request.op], this.#folder);
      if (request.op === 'append') this.#logFault ??= fault;
      return { fault };
    }
  }

  /** @returns what to do inside the transaction. @throws when the request is wrong by itself. */
  #prepare(request: WriteRequest): () => void {
    switch (request.op) {
      case 'append': {
        if (this.#logFault !== null) throw new StoreError(this.#logFault.kind, this.#logFault.message);
        const entries = this.#parse(request.entries);
        for (const blob of request.blobs) checkHash(blob);
        this.#lastSeq += entries.length;
        return () => {
          for (const { hash, content } of request.blobs) this.#blobs.put(hash, content);
          for (const entry of entries) {
            this.#insert(entry);
            this.#project(entry);
          }
        };
      }
      case 'put-blob': {
        const { hash, content } = request;
        checkHash(request);
        return () => this.#blobs.put(hash, content);
      }
      case 'delete-blobs':
        return () => {
          for (const hash of request.hashes) this.#blobs.delete(hash);
        };
      case 'save-snapshot': {
        const { snapshot } = request;
        if (snapshot.seq > this.#lastSeq) {
          throw new RangeError(`the snapshot covers entry ${snapshot.seq}, but the log ends at ${this.#lastSeq}`);
        }
        return () => this.#saveSnapshot(snapshot);
      }
    }
  }

  /** Parses what will be read back by the same schema: an entry that cannot be read would keep the node from starting. */
  #parse(json: string): LogEntry[] {
    return Entries.parse(JSON.parse(json)).map(({ seq, at, event }, i) => {
      const expected = this.#lastSeq + 1 + i;
      if (seq !== expected) throw new RangeError(`expected entry ${expected} to come next, got entry ${seq}`);
      return { seq, at, event: parseEvent(event) };
    });
  }

  /** @returns how many of the waiting requests make the next group, at least one. */
  groupSize(waiting: readonly WriteRequest[]): number {
    let bytes = 0;
    const over = waiting.findIndex((request) => {
      bytes += request.bytes;
      return bytes > this.#limits.groupBytesMax;
    });
    return over === -1 ? waiting.length : Math.max(1, over);
  }
}

const doing: Readonly<Record<WriteRequest['op'], string>> = {
  append: 'Appending to the log',
  'put-blob': 'Storing a blob',
  'delete-blobs': 'Deleting blobs',
  'save-snapshot': 'Saving the snapshot',
};

/** @throws TypeError */
function checkHash({ hash, content }: BlobContent): void {
  const actual = sha256Of(content);
  if (actual !== hash)
    throw new TypeError(`the blob of ${content.byteLength} bytes has SHA-256 ${actual}, expected ${hash}`);
}

function isFull(request: WriteRequest): boolean {
  return request.op === 'put-blob' || (request.op === 'append' && request.durability === 'full');
}
