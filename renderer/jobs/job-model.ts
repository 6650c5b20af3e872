/**
 * A job as its log tells it: shards, attempts, verdicts. The same for one that runs and for one that ended a month ago,
 * since both are told by the same entries.
 */
import type {
  EventOf,
  JobState,
  LogEntry,
  NodeEvent,
  ReplicaState,
  ShardState,
} from '../../node-core/protocol/index.ts';

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
  /** It goes on from what a provider that was lost had shown already. */
  readonly goesOn: boolean;
  /** It looks at the tokens of this attempt, instead of doing the work. */
  readonly checks: string | null;
}

/**
 * What befell a shard. `audited`: drawn to be checked by another provider. `reopened`: its answer stood, and is checked
 * after all. `taken-over`: somebody else was asked since the first was slow, lost or wrong. `disagreed`: copies differed.
 * `restarted`: what was shown of it was taken back. `unaudited`: drawn to be checked, and nobody was there who could.
 */
export const shardNotes = [
  'audited',
  'reopened',
  'taken-over',
  'disagreed',
  'restarted',
  'doubted',
  'unaudited',
] as const;
export type ShardNote = (typeof shardNotes)[number];

export interface ShardOfJob {
  readonly shardId: string;
  readonly index: number;
  readonly start: number;
  readonly count: number;
  state: ShardState;
  how: EventOf<'shard.accepted'>['how'] | null;
  readonly notes: ShardNote[];
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

const noteOf = {
  'shard.audited': 'audited',
  'shard.reopened': 'reopened',
  'shard.disagreed': 'disagreed',
  'shard.restarted': 'restarted',
} as const;

function note({ notes }: ShardOfJob, one: ShardNote): void {
  if (!notes.includes(one)) notes.push(one);
}

/** Its work fell to somebody else. */
const lost: readonly ReplicaState[] = ['failed', 'lost', 'rejected'];
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
          notes: [],
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
      if (event.mark === 'doubted') note(shard, 'doubted');
      return;
    }
    case 'shard.audited':
    case 'shard.reopened':
    case 'shard.disagreed':
    case 'shard.restarted': {
      const shard = shardOf(story, event.shardId);
      if (shard === undefined) return;
      if (event.type === 'shard.reopened') shard.state = 'open';
      note(shard, noteOf[event.type]);
      return;
    }
    case 'shard.unaudited': {
      const shard = shardOf(story, event.shardId);
      if (shard === undefined) return;
      // It was not checked after all.
      const at = shard.notes.indexOf('audited');
      if (at !== -1) shard.notes.splice(at, 1);
      note(shard, 'unaudited');
      return;
    }
    case 'job.doubted':
      for (const { start, count } of event.items) {
        for (const shard of story.shards) {
          if (shard.start < start + count && start < shard.start + shard.count) note(shard, 'doubted');
        }
      }
      return;
    case 'shard.exhausted':
    case 'shard.cancelled': {
      const shard = shardOf(story, event.shardId);
      if (shard !== undefined) shard.state = event.type === 'shard.exhausted' ? 'exhausted' : 'cancelled';
      return;
    }
    case 'replica.assigned': {
      story.waiting = null;
      const shard = shardOf(story, event.shardId);
      if (shard === undefined) return;
      if (event.role === 'hedge' || shard.attempts.some(({ state }) => lost.includes(state))) note(shard, 'taken-over');
      shard.attempts.push({
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
        goesOn: event.prefixesHash !== undefined,
        checks: event.checks ?? null,
      });
      return;
    }
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

export interface Standing {
  readonly state: JobState;
  readonly shardsAccepted: number;
  readonly shardsTotal: number;
  readonly spentMicro: string;
  readonly endedAt: number | null;
}

/**
 * What head, count and squares of a job's page say alike: they are of one source, the log, as far as it is read. The node's
 * summary is asked for a moment later, and is for what the log does not tell yet.
 */
export function standingOf({ ended, shards }: JobStory, summary: Standing): Standing {
  return {
    state: ended?.state ?? summary.state,
    endedAt: ended?.at ?? summary.endedAt,
    // Later checks of what was answered are paid too, and only the node knows of them.
    spentMicro: ended !== null && summary.endedAt === null ? ended.spentMicro : summary.spentMicro,
    shardsAccepted:
      shards.length === 0 ? summary.shardsAccepted : shards.filter(({ state }) => state === 'accepted').length,
    shardsTotal: shards.length === 0 ? summary.shardsTotal : shards.length,
  };
}

const shardOf = (story: JobStory, shardId: string): ShardOfJob | undefined =>
  story.shards[Number(shardId.slice(shardId.indexOf('.') + 1))];

/** A replica's id begins with its shard's. */
const shardOfReplica = (story: JobStory, replicaId: string): ShardOfJob | undefined =>
  story.shards[Number(replicaId.split('.', 2)[1])];

const attemptOf = (story: JobStory, replicaId: string): Attempt | undefined =>
  shardOfReplica(story, replicaId)?.attempts.find((attempt) => attempt.replicaId === replicaId);
