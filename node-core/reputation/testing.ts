/** Peers and receipts for the tests of this room; no test in itself. */
import type { Signer } from '../ports/index.ts';
import {
  commitmentDigest,
  hashOf,
  itemHashesOf,
  outputsHashOf,
  type Receipt,
  type ReceiptBody,
  replicaIdOf,
  shardIdOf,
  signBody,
} from '../protocol/index.ts';
import type { ReputationConfig } from './types.ts';

export const testConfig = (change: Partial<ReputationConfig> = {}): ReputationConfig => ({
  gossip: true,
  batchMs: 5_000,
  meetMs: 60_000,
  receiptsMax: 2_000,
  receiptsPerSignerMax: 100,
  receiptsPerProviderMax: 200,
  bytesPerDayMax: 8 * 1024 * 1024,
  bytesPerSignerPerDayMax: 256 * 1024,
  ...change,
});

/** The seed of a key, another one for each number. */
export const seedOf = (n: number): Uint8Array => Uint8Array.from({ length: 32 }, (_, i) => (n >> (8 * (i % 4))) & 0xff);

export const template = `b${'a'.repeat(58)}`;

const jobIdOf = (n: number): string => n.toString(16).padStart(32, '0');

/** Place and time of a piece of work. */
export interface Work {
  readonly client: Signer;
  readonly provider: Signer;
  /** Different for different work. */
  readonly n: number;
  readonly at: number;
  readonly shared?: boolean;
}

function commonOf({ client, provider, n, at, shared = true }: Work) {
  const jobId = jobIdOf(n);
  const shardId = shardIdOf(jobId, 0);
  const replicaId = replicaIdOf(shardId, 1, provider.peerId);
  return {
    v: 1 as const,
    client: client.peerId,
    provider: provider.peerId,
    jobId,
    shardId,
    replicaId,
    template,
    model: null,
    items: 2,
    at,
    shared,
  };
}

function sign(body: ReceiptBody, client: Signer, provider: Signer | null): Receipt {
  return {
    body,
    clientSignature: signBody(client, 'receipt', body).signature,
    providerSignature: provider === null ? null : signBody(provider, 'receipt', body).signature,
  };
}

export function goodReceipt(work: Work): Receipt {
  const check = { type: 'replicate', copies: 2, quorum: 2, agreed: 2 } as const;
  const body: ReceiptBody = { ...commonOf(work), kind: 'good', priceMicro: '1200', check, digest: 'd'.repeat(64) };
  return sign(body, work.client, work.provider);
}

/** What a provider committed to, and what it showed. */
function copyOf(
  signer: Signer,
  { n }: Work,
  outputs: readonly string[],
  salt = 'c2FsdHNhbHRzYWx0c2Fsdw',
  shown = salt,
) {
  const jobId = jobIdOf(n);
  const shardId = shardIdOf(jobId, 0);
  const subject = { jobId, shardId, replicaId: replicaIdOf(shardId, 1, signer.peerId), peerId: signer.peerId };
  const itemHashes = itemHashesOf('aXRlbXNhbHQ', [...outputs]);
  const outputsHash = outputsHashOf(itemHashes);
  const digest = commitmentDigest(subject, outputsHash, salt);
  const commitment = { v: 1 as const, ...subject, taskHash: hashOf('the task'), digest, at: 1 };
  const reveal = { v: 1 as const, replicaId: subject.replicaId, digest, outputsHash, salt: shown };
  return {
    commitment: signBody(signer, 'commitment', commitment),
    opening: { reveal: signBody(signer, 'reveal', reveal), itemHashes },
  };
}

/** The provider differs from what the others agreed on. @param items in each copy. */
export function minorityReceipt(work: Work, quorum: readonly Signer[], items = 2): Receipt {
  const right = Array.from({ length: items }, (_, i) => `answer ${i}`);
  const accused = copyOf(work.provider, work, ['wrong', ...right.slice(1)]);
  const evidence = { accused, quorum: quorum.map((signer) => copyOf(signer, work, right)) };
  return sign(
    { ...commonOf(work), items, kind: 'bad', reason: 'minority', itemsWrong: 1, evidence },
    work.client,
    null,
  );
}

/** The provider signed a reveal that does not open its commitment. */
export function proofReceipt(work: Work): Receipt {
  const accused = copyOf(work.provider, work, ['a', 'b'], undefined, 'AAAA');
  const evidence = { accused, quorum: [] };
  return sign(
    { ...commonOf(work), kind: 'bad', reason: 'reveal-mismatch', itemsWrong: 0, evidence },
    work.client,
    null,
  );
}

/** The same evidence under another client's name. */
export function wrapped(receipt: Receipt, client: Signer): Receipt {
  return sign({ ...receipt.body, client: client.peerId }, client, null);
}
