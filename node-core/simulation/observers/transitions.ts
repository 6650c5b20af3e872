/**
 * I1: what may become what, written down once more from the design ("States") and not taken from `protocol/`: a mistake in
 * the node's own tables would hide itself in them.
 */
import type { JobState, ReplicaEvent, ReplicaState, ShardEvent, ShardState } from '../../protocol/index.ts';

type Successors<State extends string> = Readonly<Record<State, readonly State[]>>;

export const jobMayBecome: Successors<JobState> = {
  planning: ['running', 'failed', 'cancelled'],
  running: ['done', 'failed', 'cancelled'],
  done: [],
  failed: [],
  cancelled: [],
};

export const shardMayBecome: Successors<ShardState> = {
  open: ['accepted', 'exhausted', 'cancelled'],
  // Only an answer that nobody had checked, while its job goes on.
  accepted: ['open'],
  exhausted: [],
  cancelled: [],
};

export const replicaMayBecome: Successors<ReplicaState> = {
  queued: ['assigned', 'running', 'failed', 'cancelled', 'superseded', 'lost'],
  assigned: ['running', 'committed', 'declined', 'failed', 'cancelled', 'superseded', 'lost'],
  running: ['committed', 'failed', 'cancelled', 'superseded', 'lost'],
  // Never cancelled: it is revealed and judged, or its provider does not reveal.
  committed: ['revealed', 'rejected', 'failed', 'undecided', 'superseded', 'lost'],
  revealed: ['accepted', 'rejected', 'undecided', 'superseded'],
  accepted: [],
  rejected: [],
  undecided: [],
  superseded: [],
  declined: [],
  failed: [],
  cancelled: [],
  lost: [],
};

/** What an event of the log makes of a replica. */
export const replicaAfter: Readonly<Record<ReplicaEvent, ReplicaState>> = {
  assign: 'assigned',
  start: 'running',
  commit: 'committed',
  reveal: 'revealed',
  accept: 'accepted',
  reject: 'rejected',
  'leave-undecided': 'undecided',
  supersede: 'superseded',
  decline: 'declined',
  fail: 'failed',
  cancel: 'cancelled',
  lose: 'lost',
};

export const shardAfter: Readonly<Record<ShardEvent, ShardState>> = {
  accept: 'accepted',
  exhaust: 'exhausted',
  cancel: 'cancelled',
  reopen: 'open',
};

export function isOver(state: ReplicaState): boolean {
  return replicaMayBecome[state].length === 0;
}
