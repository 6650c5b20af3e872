/** `jobs.why`: who was chosen for each copy and why, from the log. */
import {
  type Id,
  type JobWhy,
  type LogEntry,
  type MethodParams,
  type NodeEvent,
  type ShardId,
  whyNotCodes,
} from '../protocol/index.ts';
import { getJob } from './jobs.ts';
import type { Rooms } from './rooms.ts';
import { termWords } from './why-words.ts';

const types = [
  'replica.assigned',
  'replica.declined',
  'replica.failed',
  'replica.cancelled',
  'replica.lost',
  'replica.judged',
  'shard.accepted',
  'shard.disagreed',
  'shard.exhausted',
  'shard.cancelled',
] as const;
const pageEntries = 1000;
/** Of a job with more entries only the first are looked at. */
const pagesMax = 200;

type ShardWhy = JobWhy['shards'][number];

export async function jobWhy(rooms: Rooms, params: MethodParams<'jobs.why'>): Promise<JobWhy> {
  const { jobId, shardId, limit } = params;
  // Tells an unknown job from one without shards.
  const { endedAt, reason } = await getJob(rooms, jobId);
  const shards = new Map<ShardId, ShardWhy>();
  const closed = new Set<ShardId>();
  for await (const { at, event } of entriesOf(rooms, jobId)) {
    if (!('shardId' in event) || (shardId !== undefined && event.shardId !== shardId)) continue;
    const shard = shards.get(event.shardId) ?? { shardId: event.shardId, outcome: 'it is under way', replicas: [] };
    shards.set(event.shardId, shard);
    if (event.type === 'replica.assigned') shard.replicas.push(chosen(at, event));
    else if (event.type.startsWith('shard.')) {
      shard.outcome = shardOutcome(event);
      if (event.type !== 'shard.disagreed') closed.add(event.shardId);
    } else if ('replicaId' in event) {
      const replica = shard.replicas.find(({ replicaId }) => replicaId === event.replicaId);
      if (replica !== undefined) replica.outcome = replicaOutcome(event);
    }
  }
  const all = [...shards.values()];
  const inOrder = [
    ...all.filter((shard) => !closed.has(shard.shardId)),
    ...all.filter((shard) => closed.has(shard.shardId)),
  ];
  return {
    jobId,
    waitsFor: endedAt === null ? reason : '',
    shards: inOrder.slice(0, limit),
    more: Math.max(0, inOrder.length - limit),
  };
}

async function* entriesOf({ ports }: Rooms, jobId: Id): AsyncGenerator<LogEntry> {
  let after = 0;
  for (let page = 0; page < pagesMax; page++) {
    const entries = await ports.store.history.entries({ after, limit: pageEntries, jobId, types });
    yield* entries;
    const last = entries.at(-1);
    if (last === undefined || entries.length < pageEntries) return;
    after = last.seq;
  }
}

function chosen(at: number, event: NodeEvent & { type: 'replica.assigned' }): ShardWhy['replicas'][number] {
  const terms = Object.entries(event.terms).map(([name, thousandths]) => ({
    name,
    value: thousandths / 1000,
    words: termWords(name, thousandths / 1000),
  }));
  return {
    replicaId: event.replicaId,
    provider: event.provider,
    at,
    role: event.role,
    score: Math.round(terms.reduce((product, { value }) => product * value, 1) * 1000) / 1000,
    terms,
    outcome: 'it is under way',
    others: (event.others ?? []).map(({ provider, score, why }) => ({
      provider,
      score: score / 1000,
      why,
      words: whyNotCodes[why],
    })),
  };
}

function replicaOutcome(event: NodeEvent): string {
  switch (event.type) {
    case 'replica.declined':
      return `declined with ${event.code}: ${event.reason}`;
    case 'replica.failed':
      return `failed with ${event.code}: ${event.reason}`;
    case 'replica.lost':
      return `lost: ${event.reason}`;
    case 'replica.cancelled':
      return 'cancelled';
    case 'replica.judged':
      return event.verdict === 'accepted' ? 'accepted' : `${event.verdict}: ${event.reason}`;
    default:
      return 'it is under way';
  }
}

function shardOutcome(event: NodeEvent): string {
  switch (event.type) {
    case 'shard.accepted':
      return `accepted (${event.how})`;
    case 'shard.disagreed':
      return 'the copies disagreed; one more is asked';
    case 'shard.exhausted':
      return `no attempts left, ${event.code}: ${event.reason}`;
    default:
      return 'cancelled';
  }
}
