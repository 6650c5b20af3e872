/** Which single answers are checked: the chance of an audit, by policy and by what is known of the provider. Pure. */
import type { SampledPolicy } from '../protocol/index.ts';

/** What earlier checks of a provider with a template and model have shown. */
export interface CheckStanding {
  /** Good checks since the last bad one. */
  readonly streak: number;
  /** What was gathered of its disagreement is well on the way to being too much, or already was. */
  readonly isSuspect: boolean;
}

const million = 1_000_000;

/**
 * Per million. `adaptive`: always below the wanted streak, then 1/streak, and never less than the floor. Who is suspect is
 * checked every time under either policy: else what decides comes in at the pace of the sample, and much passes meanwhile.
 */
export function auditChancePpm(policy: SampledPolicy, { streak, isSuspect }: CheckStanding): number {
  if (isSuspect) return million;
  if (policy.type === 'sample') return policy.ratePpm;
  if (streak < policy.streak) return million;
  return Math.max(policy.floorPpm, Math.ceil(million / Math.max(1, streak)));
}

/** @param bytes six random ones. */
export function isDrawn(chancePpm: number, bytes: Uint8Array): boolean {
  const number = bytes.reduce((sum, byte) => sum * 256 + byte, 0);
  return number * million < chancePpm * 2 ** 48;
}
