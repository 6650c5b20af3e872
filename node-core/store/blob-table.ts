/** The table `blobs`: payloads by SHA-256. Whoever reads one gets the right bytes or none. */
import { createHash } from 'node:crypto';
import type Database from 'better-sqlite3';
import { z } from '../protocol/zod.ts';

export function sha256Of(content: Uint8Array): string {
  return createHash('sha256').update(content).digest('hex');
}

export interface BlobWriter {
  put(hash: string, content: Uint8Array): void;
  delete(hash: string): void;
}

export function prepareBlobs(db: Database.Database): BlobWriter {
  // Written again even where the hash is known: that mends a damaged blob.
  const put = db.prepare(
    'INSERT INTO blobs (hash, content) VALUES (?, ?) ON CONFLICT (hash) DO UPDATE SET content = excluded.content',
  );
  const remove = db.prepare('DELETE FROM blobs WHERE hash = ?');
  return {
    put: (hash, content) => void put.run(hash, content),
    delete: (hash) => void remove.run(hash),
  };
}

const Content = z.instanceof(Uint8Array);

/** @returns a function that gives the content as stored, or null; it does not check the hash. */
export function prepareBlobRead(db: Database.Database): (hash: string) => Uint8Array | null {
  const get = db.prepare('SELECT content FROM blobs WHERE hash = ?').pluck();
  return (hash) => {
    const content = get.get(hash);
    return content === undefined ? null : Content.parse(content);
  };
}

const Hashes = z.array(z.string());

export function listBlobs(db: Database.Database): string[] {
  return Hashes.parse(db.prepare('SELECT hash FROM blobs').pluck().all());
}
