/**
 * Commit, then reveal: a provider binds itself to its outputs before it can see anybody else's.
 *
 * Outputs are hashed item by item with the job's salt, so that two copies can be compared by hashes alone (by a third
 * party too) while the hashes of short outputs, such as labels, cannot be guessed by who does not know the salt.
 */
import { hashOf } from '../codec/canonical.ts';
import { protocolLimits } from '../limits.ts';
import { Base64Url, type Cid, EpochMs, Id, type Json, PeerId, ReplicaId, Sha256, ShardId } from '../primitives.ts';
import { signedSchema } from '../signed.ts';
import { z } from '../zod.ts';
import { ShownItem } from './stream.ts';

export const Commitment = z.object({
  v: z.literal(1),
  jobId: Id,
  shardId: ShardId,
  replicaId: ReplicaId,
  peerId: PeerId,
  taskHash: Sha256.describe(
    'what the provider was given, the hash of `{template, model, params, inputsHash, itemSalt}`, with `prefixes` and `stopped` where there are some: only copies of one task can be compared',
  ),
  digest: Sha256.describe('SHA-256 of the canonical `{jobId, shardId, replicaId, peerId, outputsHash, salt}`'),
  at: EpochMs,
  stopped: z
    .array(z.int().min(0))
    .max(protocolLimits.itemsPerShardMax)
    .optional()
    .describe('items that the client ended early, ascending: their outputs are what there was by then'),
  shown: z
    .array(ShownItem)
    .max(protocolLimits.itemsPerShardMax)
    .optional()
    .describe('of a replica that streams: how far each item was shown before, in the order of the items'),
});
export type Commitment = z.infer<typeof Commitment>;
export const SignedCommitment = signedSchema(Commitment);
export type SignedCommitment = z.infer<typeof SignedCommitment>;

/** The provider's signed word on what it had committed to; a reveal that does not match is thereby evidence against it. */
export const Reveal = z.object({
  v: z.literal(1),
  replicaId: ReplicaId,
  digest: Sha256.describe(
    'of the commitment that this opens: an honest reveal fits no other, not even under the same replica id',
  ),
  outputsHash: Sha256.describe('SHA-256 of the canonical `{items: itemHashes}`'),
  salt: Base64Url.describe('the provider’s salt, 16 bytes'),
});
export type Reveal = z.infer<typeof Reveal>;
export const SignedReveal = signedSchema(Reveal);
export type SignedReveal = z.infer<typeof SignedReveal>;

/** What opens a commitment. */
export const Opening = z.object({
  reveal: SignedReveal,
  itemHashes: z.array(Sha256).min(1).max(protocolLimits.itemsPerShardMax),
});
export type Opening = z.infer<typeof Opening>;

/** @param itemSalt the job's salt, the same for all copies. */
export function itemHashOf(itemSalt: string, index: number, output: Json): Sha256 {
  return hashOf({ itemSalt, index, output });
}

export function itemHashesOf(itemSalt: string, outputs: readonly Json[]): Sha256[] {
  return outputs.map((output, index) => itemHashOf(itemSalt, index, output));
}

export function outputsHashOf(itemHashes: readonly Sha256[]): Sha256 {
  return hashOf({ items: itemHashes });
}

export interface Task {
  readonly template: Cid;
  readonly model: Cid | null;
  readonly params: { readonly [name: string]: Json };
  readonly inputsHash: Sha256;
  readonly itemSalt: string;
  /** Tokens that its outputs had to begin with, per item. */
  readonly prefixes?: readonly (readonly number[])[] | undefined;
  /** Items that the client ended early. */
  readonly stopped?: readonly number[] | undefined;
  /** Of a check: the tokens to check, per item. */
  readonly claims?: ReadonlyArray<{ readonly tokenIds: readonly number[]; readonly given: number }> | undefined;
}

/**
 * SHA-256 of the canonical `{template, model, params, inputsHash, itemSalt}`, with `prefixes`, `stopped` and `claims` where there
 * are some. Each provider signs it with its commitment: else a client could give one of them other inputs, force a text on it or
 * stop it early, and show its honest answer as a wrong one.
 */
export function taskHashOf({ template, model, params, inputsHash, itemSalt, ...more }: Task): Sha256 {
  const { prefixes, stopped, claims } = more;
  return hashOf({
    template,
    model,
    params,
    inputsHash,
    itemSalt,
    ...(prefixes === undefined ? {} : { prefixes }),
    ...(stopped === undefined || stopped.length === 0 ? {} : { stopped }),
    ...(claims === undefined ? {} : { claims }),
  });
}

export type CommitmentSubject = Pick<Commitment, 'jobId' | 'shardId' | 'replicaId' | 'peerId'>;

export function commitmentDigest(subject: CommitmentSubject, outputsHash: Sha256, salt: string): Sha256 {
  const { jobId, shardId, replicaId, peerId } = subject;
  return hashOf({ jobId, shardId, replicaId, peerId, outputsHash, salt });
}

/** Does the revealed hash and salt belong to the commitment? */
export function opens(commitment: Commitment, reveal: Reveal): boolean {
  return (
    reveal.replicaId === commitment.replicaId &&
    reveal.digest === commitment.digest &&
    commitmentDigest(commitment, reveal.outputsHash, reveal.salt) === commitment.digest
  );
}
