/**
 * The Store port on SQLite (better-sqlite3): one file, `<folder>/node.db`, in WAL mode.
 *
 * One worker thread writes and one answers questions, so no fsync and no search blocks the thread of the caller. Calls
 * that wait while a transaction runs share the next one; the read models are brought up to date in that transaction.
 *
 *     const store = createSqliteStore({ folder: '/home/ada/.infernet' });
 *     const { snapshot, tail } = await store.open();
 *     await store.append([{ seq: tail.length + 1, at: Date.now(), event }], 'full');
 *     await store.close();
 */
import type { Logger, Store, StoredLog } from '../ports/index.ts';
import { StoreError } from './errors.ts';
import { defaultLimits, type StoreLimits } from './limits.ts';
import { Session } from './session.ts';

export interface SqliteStoreOptions {
  /** Data folder, created with mode 0700 where it is missing. */
  readonly folder: string;
  /** For migrations, damaged blobs, a run that did not end in order. Default: nowhere. */
  readonly log?: Logger;
  /** Default: see {@link StoreLimits}. */
  readonly limits?: Partial<StoreLimits>;
}

/** After `close` the store may be opened again. Every method rejects with {@link StoreError}. */
export function createSqliteStore({ folder, log, limits }: SqliteStoreOptions): Store {
  let session: Session | null = null;
  const opened = (): Session => {
    if (session === null) throw new StoreError('io', `Expected the store in ${folder} to be open: call open() first.`);
    return session;
  };
  return {
    async open(): Promise<StoredLog> {
      if (session !== null) throw new StoreError('io', `The store in ${folder} is already open.`);
      session = new Session({ folder, limits: { ...defaultLimits, ...limits } }, log);
      try {
        return await session.opened;
      } catch (error) {
        session = null;
        throw error;
      }
    },
    append: async (entries, durability, blobs) => opened().append(entries, durability, blobs),
    saveSnapshot: async (snapshot) => opened().saveSnapshot(snapshot),
    putBlob: async (bytes, hash) => opened().putBlob(bytes, hash),
    getBlob: async (hash) => opened().getBlob(hash),
    deleteBlobs: async (hashes) => opened().deleteBlobs(hashes),
    blobHashes: async () => (await opened().ask('blob-hashes', { op: 'blob-hashes' })).hashes,
    history: {
      jobs: async (query) => (await opened().ask('jobs', { op: 'jobs', query })).rows,
      countJobs: async (query) => (await opened().ask('count-jobs', { op: 'count-jobs', query })).count,
      job: async (jobId) => (await opened().ask('job', { op: 'job', jobId })).row,
      entries: async (query) => (await opened().ask('entries', { op: 'entries', query })).rows,
      ledger: async (query) => (await opened().ask('ledger', { op: 'ledger', query })).rows,
    },
    async close(): Promise<void> {
      const closing = session;
      session = null;
      await closing?.close();
    },
  };
}
