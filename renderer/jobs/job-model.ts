/**
 * A job as its log tells it: shards, attempts, verdicts. The same for one that runs and for one that ended a month ago,
 * since both are told by the same entries.
 */
import type { EventOf, LogEntry, NodeEvent, ReplicaState, ShardState } from '../../node-core/protocol/index.ts';

export interface Attempt {
  readonly replicaId: string;
  readonly provider: string;
  readonly attempt: number;
  readonly role: string;
  readonly priceMicro: string;
  /** Thousandths. */
  readonly terms: Readonly<Record<string, number>>;
  readonly assignedAt: number;
  state: ReplicaState;
  endedAt: number | null;
  itemsDone: number;
  commitment: string | null;
  reason: string;
}

export interface ShardOfJob {
  readonly shardId: string;
  readonly index: number;
  readonly start: number;
  readonly count: number;
  state: ShardState;
  how: EventOf<'shard.accepted'>['how'] | null;
  readonly attempts: Attempt[];
}

export interface JobStory {
  /** Null until its first entry was read. */
  created: (EventOf<'job.created'> & { readonly at: number }) | null;
  ended: (EventOf<'job.ended'> & { readonly at: number }) | null;
  waiting: string | null;
  readonly shards: ShardOfJob[];
  readonly timeline: LogEntry[];
  /** Attempts that failed, were declined, rejected or lost. */
  failures: number;
  cursor: number;
}

export const newStory = (): JobStory => ({
  created: null,
  ended: null,
  waiting: null,
  shards: [],
  timeline: [],
  failures: 0,
  cursor: 0,
});

/** What an attempt has come to. */
const attemptStates: Readonly<Partial<Record<NodeEvent['type'], ReplicaState>>> = {
  'replica.started': 'running',
  'replica.declined': 'declined',
  'replica.failed': 'failed',
  'replica.cancelled': 'cancelled',
  'replica.lost': 'lost',
  'replica.committed': 'committed',
  'replica.revealed': 'revealed',
};

const failures: readonly ReplicaState[] = ['declined', 'failed', 'lost', 'rejected'];
const finals: readonly ReplicaState[] = [...failures, 'accepted', 'undecided', 'superseded', 'cancelled'];

/** Changes the story by an entry of its job; one that it knows already changes nothing. */
export function tell(story: JobStory, entry: LogEntry): void {
  const { seq, at, event } = entry;
  if (seq <= story.cursor) return;
  story.cursor = seq;
  story.timeline.push(entry);
  switch (event.type) {
    case 'job.created':
      story.created = { ...event, at };
      return;
    case 'job.planned': {
      let start = 0;
      for (const [index, count] of event.counts.entries()) {
        story.shards.push({
          shardId: `${event.jobId}.${index}`,
          index,
          start,
          count,
          state: 'open',
          how: null,
          attempts: [],
        });
        start += count;
      }
      return;
    }
    case 'job.waiting':
      story.waiting = event.reason;
      return;
    case 'job.ended':
      story.ended = { ...event, at };
      story.waiting = null;
      return;
    case 'shard.accepted': {
      const shard = shardOf(story, event.shardId);
      if (shard === undefined) return;
      shard.state = 'accepted';
      shard.how = event.how;
      return;
    }
    case 'shard.exhausted':
    case 'shard.cancelled': {
      const shard = shardOf(story, event.shardId);
      if (shard !== undefined) shard.state = event.type === 'shard.exhausted' ? 'exhausted' : 'cancelled';
      return;
    }
    case 'replica.assigned':
      story.waiting = null;
      shardOf(story, event.shardId)?.attempts.push({
        replicaId: event.replicaId,
        provider: event.provider,
        attempt: event.attempt,
        role: event.role,
        priceMicro: event.priceMicro,
        terms: event.terms,
        assignedAt: at,
        state: 'assigned',
        endedAt: null,
        itemsDone: 0,
        commitment: null,
        reason: '',
      });
      return;
  }
  if (!('replicaId' in event) || !event.type.startsWith('replica.')) return;
  const attempt = attemptOf(story, event.replicaId);
  if (attempt === undefined) return;
  const state = event.type === 'replica.judged' ? event.verdict : attemptStates[event.type];
  if (state === undefined) return;
  attempt.state = state;
  if ('reason' in event && event.reason !== '') attempt.reason = event.reason;
  if (event.type === 'replica.committed') attempt.commitment = event.commitment.signature;
  if (state === 'committed' || state === 'revealed' || state === 'accepted') {
    attempt.itemsDone = shardOfReplica(story, event.replicaId)?.count ?? attempt.itemsDone;
  }
  if (finals.includes(state)) attempt.endedAt = at;
  if (failures.includes(state)) story.failures += 1;
}

/** Progress is not in the log. */
export function tellProgress(story: JobStory, replicaId: string, itemsDone: number): void {
  const attempt = attemptOf(story, replicaId);
  if (attempt !== undefined) attempt.itemsDone = Math.max(attempt.itemsDone, itemsDone);
}

export function itemsDone(story: JobStory): number {
  return story.shards.reduce((sum, shard) => {
    if (shard.state === 'accepted') return sum + shard.count;
    return sum + Math.max(0, ...shard.attempts.map((attempt) => (attempt.endedAt === null ? attempt.itemsDone : 0)));
  }, 0);
}

const shardOf = (story: JobStory, shardId: string): ShardOfJob | undefined =>
  story.shards[Number(shardId.slice(shardId.indexOf('.') + 1))];

/** A replica's id begins with its shard's. */
const shardOfReplica = (story: JobStory, replicaId: string): ShardOfJob | undefined =>
  story.shards[Number(replicaId.split('.', 2)[1])];

const attemptOf = (story: JobStory, replicaId: string): Attempt | undefined =>
  shardOfReplica(story, replicaId)?.attempts.find((attempt) => attempt.replicaId === replicaId);
