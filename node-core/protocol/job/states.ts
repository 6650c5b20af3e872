/**
 * State machines of job, shard and replica. Each is one table; an event that a state does not list is an error, never a
 * silent correction. Source: ARCHITECTURE “States”.
 */

type Table<State extends string, Event extends string> = { readonly [S in State]: { readonly [E in Event]?: State } };

export class IllegalTransition extends Error {
  constructor(what: string, state: string, event: string) {
    super(`${what}: no transition from ${state} by ${event}`);
    this.name = 'IllegalTransition';
  }
}

function machine<State extends string, Event extends string>(what: string, table: Table<State, Event>) {
  return {
    table,
    /** The state after `event`. @throws IllegalTransition */
    next(state: State, event: Event): State {
      const to = table[state][event];
      if (to === undefined) throw new IllegalTransition(what, state, event);
      return to;
    },
    allows: (state: State, event: Event): boolean => table[state][event] !== undefined,
    isFinal: (state: State): boolean => Object.keys(table[state]).length === 0,
  };
}

export const jobStates = ['planning', 'running', 'done', 'failed', 'cancelled'] as const;
export type JobState = (typeof jobStates)[number];
export type JobEvent = 'plan' | 'finish' | 'fail' | 'cancel';

export const jobMachine = machine<JobState, JobEvent>('job', {
  planning: { plan: 'running', fail: 'failed', cancel: 'cancelled' },
  running: { finish: 'done', fail: 'failed', cancel: 'cancelled' },
  done: {},
  failed: {},
  cancelled: {},
});

export const shardStates = ['open', 'accepted', 'exhausted', 'cancelled'] as const;
export type ShardState = (typeof shardStates)[number];
export type ShardEvent = 'accept' | 'exhaust' | 'cancel' | 'reopen';

export const shardMachine = machine<ShardState, ShardEvent>('shard', {
  open: { accept: 'accepted', exhaust: 'exhausted', cancel: 'cancelled' },
  // Only an answer that nobody had checked, while its job goes on.
  accepted: { reopen: 'open' },
  exhausted: {},
  cancelled: {},
});

/**
 * A replica is one attempt of one provider at one shard. The aggregator and the provider each keep their own view of it
 * by this same machine: on the aggregator `assign` makes the assignment durable, on the provider `start` begins the run.
 */
export const replicaStates = [
  'queued',
  'assigned',
  'running',
  'committed',
  'revealed',
  'accepted',
  'rejected',
  'undecided',
  'superseded',
  'declined',
  'failed',
  'cancelled',
  'lost',
] as const;
export type ReplicaState = (typeof replicaStates)[number];
export type ReplicaEvent =
  | 'assign'
  | 'start'
  | 'commit'
  | 'reveal'
  | 'accept'
  | 'reject'
  | 'leave-undecided'
  | 'supersede'
  | 'decline'
  | 'fail'
  | 'cancel'
  | 'lose';

export const replicaMachine = machine<ReplicaState, ReplicaEvent>('replica', {
  queued: {
    assign: 'assigned',
    start: 'running',
    fail: 'failed',
    cancel: 'cancelled',
    supersede: 'superseded',
    lose: 'lost',
  },
  assigned: {
    start: 'running',
    // The accept may be lost with its channel while the commitment arrives over the next one.
    commit: 'committed',
    decline: 'declined',
    fail: 'failed',
    cancel: 'cancelled',
    supersede: 'superseded',
    lose: 'lost',
  },
  running: { commit: 'committed', fail: 'failed', cancel: 'cancelled', supersede: 'superseded', lose: 'lost' },
  // A committed result is never cancelled: it is revealed and judged, or its provider does not reveal.
  committed: {
    reveal: 'revealed',
    reject: 'rejected',
    fail: 'failed',
    'leave-undecided': 'undecided',
    supersede: 'superseded',
    lose: 'lost',
  },
  revealed: { accept: 'accepted', reject: 'rejected', 'leave-undecided': 'undecided', supersede: 'superseded' },
  accepted: {},
  rejected: {},
  undecided: {},
  superseded: {},
  declined: {},
  failed: {},
  cancelled: {},
  lost: {},
});
