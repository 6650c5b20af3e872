import type { Cid, EpochMs, Id, JobState, LogEntry, Micro, PeerId, Sha256 } from '../protocol/index.ts';

/** `full` survives a loss of power (fsync); `normal` survives a kill of the process. */
export type Durability = 'full' | 'normal';

/** The disk: a log, a snapshot, blobs by hash, and read models of the log for history. One process at a time. */
export interface Store {
  /** Opens or creates, migrates, and reads back. @throws StoreError */
  open(): Promise<StoredLog>;
  /**
   * Appends entries whose `seq` continue the log, all or none. Calls of the same moment share one transaction, and
   * complete in order. Blobs that the entries name go into the same transaction, and are as durable as they.
   * @throws StoreError; then nothing of this call is durable and the log accepts no more.
   */
  append(entries: readonly LogEntry[], durability: Durability, blobs?: readonly StoredBlob[]): Promise<void>;
  /** Replaces the snapshot. The log stays for history. */
  saveSnapshot(snapshot: StoredSnapshot): Promise<void>;

  /** Stores bytes under their SHA-256; durable as `full` when it resolves. Twice is once. */
  putBlob(bytes: Uint8Array, hash: Sha256): Promise<void>;
  getBlob(hash: Sha256): Promise<Uint8Array | null>;
  /** Never durable before what was appended until then. */
  deleteBlobs(hashes: readonly Sha256[]): Promise<void>;
  /** Of all blobs: a node that starts deletes those that nobody needs any more. */
  blobHashes(): Promise<Sha256[]>;

  readonly history: History;
  /** Waits for what was appended, then closes. */
  close(): Promise<void>;
}

/** Bytes and their SHA-256. */
export interface StoredBlob {
  readonly hash: Sha256;
  readonly bytes: Uint8Array;
}

export interface StoredLog {
  readonly snapshot: StoredSnapshot | null;
  /** Entries after the snapshot, in order. */
  readonly tail: readonly LogEntry[];
}

export interface StoredSnapshot {
  /** The last entry that it covers. */
  readonly seq: number;
  /** Canonical JSON of all reducers' states. */
  readonly state: string;
  /** The node's own signature over `{seq, sha256 of state}`. */
  readonly signature: string;
}

/** Questions about the past, answered from read models; pages are newest first. */
export interface History {
  jobs(query: JobsQuery): Promise<JobRow[]>;
  /** How many there are, over all pages. */
  countJobs(query: Pick<JobsQuery, 'state' | 'text'>): Promise<number>;
  job(jobId: Id): Promise<JobRow | null>;
  /** Entries of the log with `seq` > `after`, oldest first; with `before`, the last ones before it. */
  entries(query: EntriesQuery): Promise<LogEntry[]>;
  ledger(query: LedgerQuery): Promise<LedgerRow[]>;
}

export interface Page {
  readonly limit: number;
  /** Rows before this `seq` (exclusive). */
  readonly before?: number;
}

export interface JobsQuery extends Page {
  /** Rows of the page to leave out: for a list that is scrolled to its middle. */
  readonly skip?: number;
  readonly state?: JobState;
  readonly text?: string;
}

export interface EntriesQuery {
  readonly after: number;
  /** Exclusive. */
  readonly before?: number;
  readonly limit: number;
  readonly jobId?: Id;
  readonly peerId?: PeerId;
  readonly types?: readonly string[];
  /** Occurs in the entry's JSON, capitals or not, or it is of one of these types. */
  readonly text?: { readonly part: string; readonly types: readonly string[] };
}

export interface LedgerQuery extends Page {
  readonly peer?: PeerId;
}

export interface JobRow {
  /** `seq` of its first entry: its place in the list. */
  readonly seq: number;
  readonly jobId: Id;
  readonly label: string;
  readonly state: JobState;
  readonly template: Cid;
  readonly templateName: string;
  readonly items: number;
  readonly shardsTotal: number;
  readonly shardsAccepted: number;
  readonly spentMicro: Micro;
  readonly budgetMicro: Micro;
  readonly createdAt: EpochMs;
  readonly endedAt: EpochMs | null;
  readonly code: string | null;
  readonly reason: string;
  readonly resultsHash: Sha256 | null;
}

export interface LedgerRow {
  readonly seq: number;
  readonly at: EpochMs;
  readonly peer: PeerId;
  /** `paid` by this node, or `received`. */
  readonly direction: 'paid' | 'received';
  readonly amountMicro: Micro;
  readonly cumulativeMicro: Micro;
  readonly replicaId: string | null;
}
