/** Colour and word of each state, everywhere the same. */
import type { JobState, ReplicaState } from '../../node-core/protocol/index.ts';

export type Tone = 'good' | 'warn' | 'bad' | 'busy' | 'plain';

export const jobTones: Readonly<Record<JobState, Tone>> = {
  planning: 'busy',
  running: 'busy',
  done: 'good',
  failed: 'bad',
  cancelled: 'plain',
};

export const replicaTones: Readonly<Record<ReplicaState, Tone>> = {
  queued: 'plain',
  assigned: 'busy',
  running: 'busy',
  committed: 'busy',
  revealed: 'busy',
  accepted: 'good',
  rejected: 'bad',
  undecided: 'warn',
  superseded: 'plain',
  declined: 'warn',
  failed: 'bad',
  cancelled: 'plain',
  lost: 'bad',
};
