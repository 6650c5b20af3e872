/** What lies in the provider's blobs: never in the log, deleted after settlement. */
import type { Store, StoredBlob } from '../ports/index.ts';
import { canonicalBytes, Json, type Sha256, SignedReveal, sha256Hex, utf8, z } from '../protocol/index.ts';

/** The journal, or a store: only the journal also has what is still on its way to the disk. */
type BlobSource = Pick<Store, 'getBlob'>;

const Inputs = z.object({
  /** Makes the blob unique, so that its deletion never takes away another's. */
  replicaId: z.string(),
  params: z.record(z.string(), Json),
  inputs: z.array(Json),
  itemSalt: z.string(),
  /** Tokens are wanted as they come. */
  stream: z.boolean().default(false),
  /** Tokens that the outputs must begin with, per item. */
  prefixes: z.array(z.array(z.int())).optional(),
  /** Of a check: the tokens to check, per item. */
  claims: z.array(z.object({ tokenIds: z.array(z.int()), given: z.int() })).optional(),
});
export type WorkInputs = z.infer<typeof Inputs>;

const WorkResult = z.object({ outputs: z.array(Json), reveal: SignedReveal });
export type WorkResult = z.infer<typeof WorkResult>;

/** It travelled in a message, or will: small enough for the transaction of the event that names it. */
function blobOf(value: unknown): StoredBlob {
  const bytes = canonicalBytes(value);
  return { hash: sha256Hex(bytes), bytes };
}

/** @throws Error when the blob is gone or damaged. */
async function get<T>(from: BlobSource, hash: Sha256, schema: z.ZodType<T>): Promise<T> {
  const bytes = await from.getBlob(hash);
  if (bytes === null) throw new Error(`the blob ${hash} is missing or damaged`);
  return schema.parse(JSON.parse(utf8.decode(bytes)));
}

export const payloads = {
  ofInputs: (inputs: WorkInputs): StoredBlob => blobOf(inputs),
  inputs: (from: BlobSource, hash: Sha256): Promise<WorkInputs> => get(from, hash, Inputs),
  ofResult: (result: WorkResult): StoredBlob => blobOf(result),
  result: (from: BlobSource, hash: Sha256): Promise<WorkResult> => get(from, hash, WorkResult),
};
