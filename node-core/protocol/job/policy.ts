/** What a verification policy means for one shard. */
import type { VerificationPolicy } from './job-spec.ts';

export type SampledPolicy = Exclude<VerificationPolicy, { type: 'replicate' }>;

/** Does a shard begin with one copy, which may be checked afterwards? */
export function isSampled(policy: VerificationPolicy): policy is SampledPolicy {
  return policy.type !== 'replicate';
}

/** Copies that a shard begins with. */
export function copiesOf(policy: VerificationPolicy): number {
  return isSampled(policy) ? 1 : policy.copies;
}

/** Providers that must agree. @param isAudited the shard of a sampled policy is being checked. */
export function quorumOf(policy: VerificationPolicy, isAudited: boolean): number {
  if (!isSampled(policy)) return policy.quorum;
  return isAudited ? 2 : 1;
}
