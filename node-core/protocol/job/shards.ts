/** What may be said of a shard, its answer and its replicas. */
import { Sha256 } from '../primitives.ts';
import { z } from '../zod.ts';

/** Why a provider was asked. A validator runs again what another provider answered; none of them is told. */
export const ReplicaRole = z.enum(['copy', 'validator', 'tie-breaker', 'hedge', 'own-node']);
export type ReplicaRole = z.infer<typeof ReplicaRole>;

/**
 * Why a single answer is checked. `sample`, `adaptive`: drawn by the job's policy. `hedge`: several answers were there
 * anyway. `re-audit`: later work of its provider was found bad. `canary`: it gave another answer to an item whose answer is known.
 */
export const AuditWhy = z.enum(['sample', 'adaptive', 'hedge', 're-audit', 'canary']);
export type AuditWhy = z.infer<typeof AuditWhy>;

/** Somebody runs the shard again, or forces the claimed tokens through the model. */
export const AuditBy = z.enum(['run', 'check']);
export type AuditBy = z.infer<typeof AuditBy>;

/** `replaced`: another answer stood here before. `doubted`: its provider's later work was bad, and it could not be checked. */
export const AnswerMark = z.enum(['replaced', 'doubted']);
export type AnswerMark = z.infer<typeof AnswerMark>;

/** An item whose answer is known, among those of a shard: all copies of the shard have it, and no result does. */
export const ShardCanary = z.object({
  at: z.int().min(0).describe('its index among the items of the shard'),
  hash: Sha256.describe('blob of the job with its input and output'),
  of: Sha256.describe('the same in the pool'),
});
export type ShardCanary = z.infer<typeof ShardCanary>;
