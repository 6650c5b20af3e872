/** What lies in the provider's blobs: never in the log, deleted after settlement. */
import type { Store } from '../ports/index.ts';
import { canonicalBytes, Json, type Sha256, SignedReveal, sha256Hex, utf8, z } from '../protocol/index.ts';

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
});
export type WorkInputs = z.infer<typeof Inputs>;

const WorkResult = z.object({ outputs: z.array(Json), reveal: SignedReveal });
export type WorkResult = z.infer<typeof WorkResult>;

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

/** @throws Error when the blob is gone or damaged. */
async function get<T>(store: Store, hash: Sha256, schema: z.ZodType<T>): Promise<T> {
  const bytes = await store.getBlob(hash);
  if (bytes === null) throw new Error(`the blob ${hash} is missing or damaged`);
  return schema.parse(JSON.parse(utf8.decode(bytes)));
}

export const payloads = {
  storeInputs: (store: Store, inputs: WorkInputs) => begin(store, inputs),
  inputs: (store: Store, hash: Sha256): Promise<WorkInputs> => get(store, hash, Inputs),
  putResult: (store: Store, result: WorkResult): Promise<Sha256> => put(store, result),
  result: (store: Store, hash: Sha256): Promise<WorkResult> => get(store, hash, WorkResult),
};
