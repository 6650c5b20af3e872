/** What may be said of a shard, its answer and its replicas. */
import { z } from '../zod.ts';

/** Why a provider was asked. A validator runs again what another provider answered; none of them is told. */
export const ReplicaRole = z.enum(['copy', 'validator', 'tie-breaker', 'hedge', 'own-node']);
export type ReplicaRole = z.infer<typeof ReplicaRole>;

/**
 * Why a single answer is checked. `sample`, `adaptive`: drawn by the job's policy. `hedge`: several answers were there
 * anyway. `re-audit`: later work of its provider was found bad.
 */
export const AuditWhy = z.enum(['sample', 'adaptive', 'hedge', 're-audit', 'canary']);
export type AuditWhy = z.infer<typeof AuditWhy>;

/** Somebody runs the shard again, or forces the claimed tokens through the model. */
export const AuditBy = z.enum(['run', 'check']);
export type AuditBy = z.infer<typeof AuditBy>;

/** `replaced`: another answer stood here before. `doubted`: its provider's later work was bad, and it could not be checked. */
export const AnswerMark = z.enum(['replaced', 'doubted']);
export type AnswerMark = z.infer<typeof AnswerMark>;
