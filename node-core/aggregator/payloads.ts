/** What lies in the aggregator's blobs: never in the log, deleted when the job is over; results by their retention. */
import type { Store } from '../ports/index.ts';
import { AnswerMark, canonicalBytes, Json, Opening, type Sha256, sha256Hex, utf8, z } from '../protocol/index.ts';

const Inputs = z.object({ jobId: z.string(), inputs: z.array(Json), itemSalt: z.string() });
export type JobInputs = z.infer<typeof Inputs>;

const Revealed = z.object({ replicaId: z.string(), outputs: z.array(Json), opening: Opening });
/** What a provider revealed, checked. */
export type Revealed = z.infer<typeof Revealed>;

/** Tokens that a replica was given to begin with, per item. */
const Prefixes = z.object({ replicaId: z.string(), prefixes: z.array(z.array(z.int())) });

const given = z.array(z.int()).optional().describe('tokens at the beginning of each output that another provider made');
const ShardOutputs = z.object({ shardId: z.string(), outputs: z.array(Json), given });

const Results = z.object({
  jobId: z.string(),
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

/** The hash is known at once, the bytes are on the disk later. */
function begin(store: Store, value: unknown): { hash: Sha256; stored: Promise<void> } {
  const bytes = canonicalBytes(value);
  const hash = sha256Hex(bytes);
  return { hash, stored: store.putBlob(bytes, hash) };
}

async function put(store: Store, value: unknown): Promise<Sha256> {
  const { hash, stored } = begin(store, value);
  await stored;
  return hash;
}

async function get<T>(store: Store, hash: Sha256, schema: z.ZodType<T>): Promise<T | null> {
  const bytes = await store.getBlob(hash);
  return bytes === null ? null : schema.parse(JSON.parse(utf8.decode(bytes)));
}

/** Readers answer null when the blob is gone or damaged. */
export const payloads = {
  storeInputs: (store: Store, inputs: JobInputs) => begin(store, inputs),
  inputs: (store: Store, hash: Sha256) => get(store, hash, Inputs),
  putRevealed: (store: Store, revealed: Revealed) => put(store, revealed),
  revealed: (store: Store, hash: Sha256) => get(store, hash, Revealed),
  storePrefixes: (store: Store, replicaId: string, prefixes: number[][]) => begin(store, { replicaId, prefixes }),
  prefixes: (store: Store, hash: Sha256) => get(store, hash, Prefixes),
  putShardOutputs: (store: Store, shardId: string, outputs: Json[], given?: number[]) =>
    put(store, { shardId, outputs, ...(given === undefined ? {} : { given }) }),
  shardOutputs: (store: Store, hash: Sha256) => get(store, hash, ShardOutputs),
  putResults: (store: Store, results: Results) => put(store, results),
  results: (store: Store, hash: Sha256) => get(store, hash, Results),
};
