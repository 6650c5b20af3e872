/** What lives from `open` to `close`: the two workers and who waits for them. */
import type { Durability, Logger, StoredBlob, StoredLog, StoredSnapshot } from '../ports/index.ts';
import type { LogEntry } from '../protocol/events/events.ts';
import { StoreError } from './errors.ts';
import type { Fault } from './faults.ts';
import type {
  FromReader,
  FromWriter,
  Note,
  ReadAnswer,
  ReadRequest,
  WorkerData,
  WriteRequest,
  WriteResult,
} from './messages.ts';
import { RecentBlobs } from './recent-blobs.ts';
import { WorkerLink } from './worker-link.ts';

interface Waiting<T> {
  resolve(value: T): void;
  reject(error: StoreError): void;
}

type Payload<Request = WriteRequest> = Request extends WriteRequest ? Omit<Request, 'id' | 'bytes'> : never;
type AnswerOf<Op extends ReadAnswer['op']> = Extract<ReadAnswer, { op: Op }>;

type ReaderLink = WorkerLink<{ id: number; request: ReadRequest }, FromReader>;

export class Session {
  readonly opened: Promise<StoredLog>;
  readonly #data: WorkerData;
  readonly #log: Logger | undefined;
  readonly #opening: Waiting<StoredLog>;
  readonly #tail: LogEntry[] = [];
  readonly #writer: WorkerLink<WriteRequest, FromWriter>;
  /** Started with the first question: the database has to be there before. */
  #reader: ReaderLink | null = null;
  readonly #recent: RecentBlobs;
  readonly #writes = new Map<number, Waiting<void> & { bytes: number; isAppend: boolean }>();
  readonly #reads = new Map<number, Waiting<ReadAnswer>>();
  #lastId = 0;
  #queuedBytes = 0;
  #closing: Promise<void> | null = null;
  /** The error of the first append that failed: every later one gets the same. */
  #logError: StoreError | null = null;
  /** Why a worker is gone that should not be. */
  #lost: StoreError | null = null;

  constructor(data: WorkerData, log: Logger | undefined) {
    this.#data = data;
    this.#recent = new RecentBlobs(data.limits.recentBlobBytesMax);
    this.#log = log;
    const { promise, resolve, reject } = Promise.withResolvers<StoredLog>();
    this.opened = promise;
    this.#opening = { resolve, reject };
    this.#writer = new WorkerLink({
      name: 'writer.worker',
      data,
      receive: (message: FromWriter) => this.#fromWriter(message),
      ended: (error) => this.#writerEnded(error),
    });
  }

  append(entries: readonly LogEntry[], durability: Durability, blobs: readonly StoredBlob[] = []): Promise<void> {
    if (this.#logError !== null) return Promise.reject(this.#logError);
    const json = JSON.stringify(entries);
    const contents = blobs.map(({ hash, bytes }) => ({ hash, content: new Uint8Array(bytes) }));
    const bytes = blobs.reduce((sum, blob) => sum + blob.bytes.byteLength, json.length);
    const transfer = contents.map(({ content }) => content.buffer);
    const written = this.#write({ op: 'append', durability, entries: json, blobs: contents }, bytes, transfer);
    return this.#remember(blobs, written);
  }

  saveSnapshot(snapshot: StoredSnapshot): Promise<void> {
    return this.#write({ op: 'save-snapshot', snapshot }, snapshot.state.length);
  }

  putBlob(bytes: Uint8Array, hash: string): Promise<void> {
    const { blobBytesMax } = this.#data.limits;
    if (bytes.byteLength > blobBytesMax) {
      return Promise.reject(
        new StoreError(
          'io',
          `A blob has ${bytes.byteLength} bytes; the store takes at most ${blobBytesMax} (blobBytesMax).`,
        ),
      );
    }
    // A copy, moved to the worker: the bytes may be a view into a larger buffer, which would be cloned as a whole.
    const content = new Uint8Array(bytes);
    const written = this.#write({ op: 'put-blob', hash, content }, content.byteLength, [content.buffer]);
    return this.#remember([{ hash, bytes }], written);
  }

  async #remember(blobs: readonly StoredBlob[], written: Promise<void>): Promise<void> {
    await written;
    for (const blob of blobs) this.#recent.add(blob);
  }

  deleteBlobs(hashes: readonly string[]): Promise<void> {
    for (const hash of hashes) this.#recent.delete(hash);
    return this.#write({ op: 'delete-blobs', hashes: [...hashes] }, 0);
  }

  async getBlob(hash: string): Promise<Uint8Array | null> {
    const recent = this.#recent.get(hash);
    if (recent !== null) return recent;
    const { content, damage } = await this.ask('blob', { op: 'blob', hash });
    if (damage !== null) this.#log?.error({ hash, damage }, 'a blob is damaged on the disk and is treated as missing');
    return content;
  }

  async ask<Op extends Exclude<ReadAnswer['op'], 'fault'>>(
    op: Op,
    request: ReadRequest & { op: Op },
  ): Promise<AnswerOf<Op>> {
    if (this.#lost !== null) throw this.#lost;
    this.#reader ??= this.#startReader();
    const { promise, resolve, reject } = Promise.withResolvers<ReadAnswer>();
    const id = ++this.#lastId;
    this.#reads.set(id, { resolve, reject });
    this.#reader.send({ id, request });
    const answer = await promise;
    if (isAnswer(answer, op)) return answer;
    throw answer.op === 'fault'
      ? errorOf(answer.fault)
      : this.#workerError('reader', `it answered ${answer.op} to ${op}`);
  }

  /** Everything sent before is done when it resolves, and the folder is free for the next process. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    // The reader first: the last connection that closes empties the WAL, and only the writer may.
    await this.#reader?.close();
    await this.#writer.close();
  }

  #write(payload: Payload, bytes: number, transfer: readonly ArrayBuffer[] = []): Promise<void> {
    const fault = this.#lost ?? this.#overLimit(bytes);
    const isAppend = payload.op === 'append';
    if (fault !== null) {
      if (isAppend) this.#logError ??= fault;
      return Promise.reject(fault);
    }
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const id = ++this.#lastId;
    this.#writes.set(id, { resolve, reject, bytes, isAppend });
    this.#queuedBytes += bytes;
    this.#writer.send({ ...payload, id, bytes }, transfer);
    return promise;
  }

  #overLimit(bytes: number): StoreError | null {
    const { queueBytesMax } = this.#data.limits;
    if (this.#queuedBytes === 0 || this.#queuedBytes + bytes <= queueBytesMax) return null;
    const { folder } = this.#data;
    return new StoreError(
      'io',
      `${this.#queuedBytes} bytes already wait to be written to ${folder}, and at most ${queueBytesMax} may (queueBytesMax): the disk is too slow for this node. Use a faster disk, or give the node less to do.`,
    );
  }

  #fromWriter(message: FromWriter): void {
    switch (message.type) {
      case 'note':
        this.#note(message.note);
        break;
      case 'tail':
        for (const entry of message.entries) this.#tail.push(entry);
        break;
      case 'opened':
        this.#opening.resolve({ snapshot: message.snapshot, tail: this.#tail.splice(0) });
        break;
      case 'open-failed':
        this.#lost = errorOf(message.fault);
        break;
      case 'written':
        for (const result of message.results) this.#written(result);
        break;
    }
  }

  #written({ id, fault }: WriteResult): void {
    const waiting = this.#writes.get(id);
    if (waiting === undefined) return;
    this.#writes.delete(id);
    this.#queuedBytes -= waiting.bytes;
    if (fault === null) {
      waiting.resolve();
    } else if (waiting.isAppend) {
      this.#logError ??= errorOf(fault);
      waiting.reject(this.#logError);
    } else {
      waiting.reject(errorOf(fault));
    }
  }

  #startReader(): ReaderLink {
    return new WorkerLink({
      name: 'reader.worker',
      data: this.#data,
      receive: ({ id, answer }: FromReader) => {
        this.#reads.get(id)?.resolve(answer);
        this.#reads.delete(id);
      },
      ended: (error) => {
        // The next question starts another one.
        this.#reader = null;
        if (this.#closing === null || error !== null)
          this.#failReads(this.#workerError('reader', error?.message ?? 'it ended'));
      },
    });
  }

  #failReads(error: StoreError): void {
    for (const waiting of this.#reads.values()) waiting.reject(error);
    this.#reads.clear();
  }

  #writerEnded(error: Error | null): void {
    // An orderly refusal to open came as a message before; it is told only now, when the folder is free again.
    this.#lost ??= this.#workerError('writer', error?.message ?? 'it ended');
    const reason = this.#lost;
    this.#opening.reject(reason);
    this.#logError ??= reason;
    for (const waiting of this.#writes.values()) waiting.reject(reason);
    this.#writes.clear();
    if (this.#closing === null && error !== null) this.#log?.error({ folder: this.#data.folder }, reason.message);
  }

  #workerError(which: 'writer' | 'reader', what: string): StoreError {
    return new StoreError(
      'io',
      `The store's ${which} thread for ${this.#data.folder} failed: ${what}. Start the node again.`,
    );
  }

  #note({ level, fields, message }: Note): void {
    this.#log?.[level](fields, message);
  }
}

function errorOf({ kind, message }: Fault): StoreError {
  return new StoreError(kind, message);
}

function isAnswer<Op extends ReadAnswer['op']>(answer: ReadAnswer, op: Op): answer is AnswerOf<Op> {
  return answer.op === op;
}
