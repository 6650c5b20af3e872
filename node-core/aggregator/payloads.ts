/** What lies in the aggregator's blobs: never in the log, deleted when the job is over; results by their retention. */
import type { Store, StoredBlob } from '../ports/index.ts';
import { AnswerMark, canonicalBytes, Json, Opening, type Sha256, sha256Hex, utf8, z } from '../protocol/index.ts';

/** The journal, or a store: only the journal also has what is still on its way to the disk. */
type BlobSource = Pick<Store, 'getBlob'>;

const Inputs = z.object({ jobId: z.string(), inputs: z.array(Json), itemSalt: z.string() });
export type JobInputs = z.infer<typeof Inputs>;

const Revealed = z.object({ replicaId: z.string(), outputs: z.array(Json), opening: Opening });
/** What a provider revealed, checked. */
export type Revealed = z.infer<typeof Revealed>;

/** Tokens that a replica was given to begin with, per item. */
const Prefixes = z.object({ replicaId: z.string(), prefixes: z.array(z.array(z.int())) });

/** An item and its known answer. Of the pool, by its task; or of a shard, and deleted with the job. */
const Canary = z.object({ input: Json, output: Json });
export type Canary = z.infer<typeof Canary>;

const given = z.array(z.int()).optional().describe('tokens at the beginning of each output that another provider made');
const ShardOutputs = z.object({ shardId: z.string(), outputs: z.array(Json), given });

const Results = z.object({
  jobId: z.string(),
  /** For a copy of the job, or a repetition of what failed; absent in results of earlier versions. */
  inputs: z.array(Json).optional(),
  outputs: z.array(
    z.object({
      output: Json,
      how: z.enum(['checked', 'unchecked-by-policy', 'own-node', 'missing']),
      given: z.int().optional(),
      mark: AnswerMark.optional(),
    }),
  ),
});
export type Results = z.infer<typeof Results>;

function blobOf(value: unknown): StoredBlob {
  const bytes = canonicalBytes(value);
  return { hash: sha256Hex(bytes), bytes };
}

/** Of a blob that goes into one transaction with the event that names it. */
const withEventBytesMax = 1024 * 1024;

/**
 * Writes a blob that is too large for the transaction of its event before it.
 * @returns what is still to be committed with the event.
 */
export async function writtenBefore(store: Store, blob: StoredBlob): Promise<StoredBlob[]> {
  if (blob.bytes.length <= withEventBytesMax) return [blob];
  await store.putBlob(blob.bytes, blob.hash);
  return [];
}

async function get<T>(from: BlobSource, hash: Sha256, schema: z.ZodType<T>): Promise<T | null> {
  const bytes = await from.getBlob(hash);
  return bytes === null ? null : schema.parse(JSON.parse(utf8.decode(bytes)));
}

/** Readers answer null when the blob is gone or damaged. */
export const payloads = {
  ofInputs: (inputs: JobInputs) => blobOf(inputs),
  inputs: (from: BlobSource, hash: Sha256) => get(from, hash, Inputs),
  ofRevealed: (revealed: Revealed) => blobOf(revealed),
  revealed: (from: BlobSource, hash: Sha256) => get(from, hash, Revealed),
  ofPrefixes: (replicaId: string, prefixes: number[][]) => blobOf({ replicaId, prefixes }),
  prefixes: (from: BlobSource, hash: Sha256) => get(from, hash, Prefixes),
  ofCanary: (task: string, { input, output }: Canary) => blobOf({ task, input, output }),
  ofShardCanary: (shardId: string, { input, output }: Canary) => blobOf({ shardId, input, output }),
  canary: (from: BlobSource, hash: Sha256) => get(from, hash, Canary),
  ofShardOutputs: (shardId: string, outputs: Json[], given?: number[]) =>
    blobOf({ shardId, outputs, ...(given === undefined ? {} : { given }) }),
  shardOutputs: (from: BlobSource, hash: Sha256) => get(from, hash, ShardOutputs),
  ofResults: (results: Results) => blobOf(results),
  results: (from: BlobSource, hash: Sha256) => get(from, hash, Results),
};
