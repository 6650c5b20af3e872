/** What the caller's thread and the two workers say to each other. Both ends are this folder's own code. */
import type {
  Durability,
  EntriesQuery,
  JobRow,
  JobsQuery,
  LedgerQuery,
  LedgerRow,
  LogFields,
  StoredSnapshot,
} from '../ports/index.ts';
import type { LogEntry } from '../protocol/events/events.ts';
import type { Fault } from './faults.ts';
import type { StoreLimits } from './limits.ts';

export interface WorkerData {
  readonly folder: string;
  readonly limits: StoreLimits;
}

export interface BlobContent {
  readonly hash: string;
  readonly content: Uint8Array;
}

/** `bytes` is the size of what the request carries, for the limits. */
export type WriteRequest = { readonly id: number; readonly bytes: number } & (
  | {
      readonly op: 'append';
      readonly durability: Durability;
      /** JSON of the entries: one string is cloned much faster than a tree of objects. */
      readonly entries: string;
      readonly blobs: readonly BlobContent[];
    }
  | ({ readonly op: 'put-blob' } & BlobContent)
  | { readonly op: 'delete-blobs'; readonly hashes: readonly string[] }
  | { readonly op: 'save-snapshot'; readonly snapshot: StoredSnapshot }
);

/** Requests of one microtask; `close` comes last and alone. */
export type ToWriter = readonly WriteRequest[] | 'close';

export interface WriteResult {
  readonly id: number;
  readonly fault: Fault | null;
}

export interface Note {
  readonly level: 'info' | 'warn' | 'error';
  readonly fields: LogFields;
  readonly message: string;
}

export type FromWriter =
  | { readonly type: 'note'; readonly note: Note }
  /** Comes several times before `opened`: a long tail in one piece would hold up the caller's thread. */
  | { readonly type: 'tail'; readonly entries: readonly LogEntry[] }
  | { readonly type: 'opened'; readonly snapshot: StoredSnapshot | null }
  | { readonly type: 'open-failed'; readonly fault: Fault }
  /** In the order of the requests. */
  | { readonly type: 'written'; readonly results: readonly WriteResult[] };

export type ReadRequest =
  | { readonly op: 'jobs'; readonly query: JobsQuery }
  | { readonly op: 'count-jobs'; readonly query: Pick<JobsQuery, 'state' | 'text'> }
  | { readonly op: 'job'; readonly jobId: string }
  | { readonly op: 'entries'; readonly query: EntriesQuery }
  | { readonly op: 'ledger'; readonly query: LedgerQuery }
  | { readonly op: 'blob'; readonly hash: string }
  | { readonly op: 'blob-hashes' };

export type ToReader = readonly { readonly id: number; readonly request: ReadRequest }[] | 'close';

export type ReadAnswer =
  | { readonly op: 'jobs'; readonly rows: JobRow[] }
  | { readonly op: 'count-jobs'; readonly count: number }
  | { readonly op: 'job'; readonly row: JobRow | null }
  | { readonly op: 'entries'; readonly rows: LogEntry[] }
  | { readonly op: 'ledger'; readonly rows: LedgerRow[] }
  | { readonly op: 'blob'; readonly content: Uint8Array | null; readonly damage: string | null }
  | { readonly op: 'blob-hashes'; readonly hashes: string[] }
  | { readonly op: 'fault'; readonly fault: Fault };

export interface FromReader {
  readonly id: number;
  readonly answer: ReadAnswer;
}
