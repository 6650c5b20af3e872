/** The aggregator's state: jobs under way, as a projection of the log. Finished jobs leave it; history has them. */
import type { Projection } from '../journal/index.ts';
import {
  type AnswerMark,
  type AuditBy,
  type AuditWhy,
  type Cid,
  copiesOf,
  type EpochMs,
  type Evidence,
  type FailureCode,
  type Id,
  isSampled,
  type JobState,
  jobMachine,
  type LogEntry,
  type Micro,
  type NodeEvent,
  type PeerId,
  type PlannedJob,
  type ReplicaEvent,
  type ReplicaId,
  type ReplicaRole,
  type ReplicaState,
  replicaMachine,
  type ScoreTerms,
  type Sha256,
  type ShardCanary,
  type ShardId,
  type ShardState,
  type SignedCommitment,
  type SignedQuote,
  shardIdOf,
  shardMachine,
  type TokenTrap,
  type Verdict,
} from '../protocol/index.ts';

export type Role = ReplicaRole;
export type How = 'checked' | 'unchecked-by-policy' | 'own-node';

export interface Replica {
  readonly replicaId: ReplicaId;
  readonly shardId: ShardId;
  readonly jobId: Id;
  readonly provider: PeerId;
  readonly attempt: number;
  readonly role: Role;
  readonly priceMicro: Micro;
  readonly assignedAt: EpochMs;
  readonly deadlineAt: EpochMs;
  readonly terms: ScoreTerms;
  /** It checks the tokens of this replica instead of running the shard. */
  readonly checks?: ReplicaId;
  /** Of what it checks. */
  readonly trap?: TokenTrap;
  /** Its answer was not believed: it has no voice any more. */
  isOut?: true;
  state: ReplicaState;
  /** Its provider said that it has it. */
  taken: boolean;
  /** Blob with the tokens that its outputs must begin with. */
  readonly prefixesHash?: Sha256;
  commitment: SignedCommitment | null;
  /** Blob with outputs, item hashes and reveal. */
  resultHash: Sha256 | null;
  endedAt: EpochMs | null;
  /** As its provider told it. */
  failure?: { readonly code: FailureCode; readonly reason: string };
}

export interface Shard {
  readonly shardId: ShardId;
  readonly index: number;
  readonly start: number;
  readonly count: number;
  state: ShardState;
  /** Copies wanted: those of the policy, one more for an audit, and one more for each disagreement. */
  target: number;
  disagreements: number;
  /** Its single copy is being checked, or was. */
  audit: AuditWhy | null;
  auditBy: AuditBy;
  /** Nobody was there to check its answer: it is not drawn again. */
  isUnaudited?: true;
  /** What it had been accepted with before it was opened again. */
  before: { readonly how: How; readonly outputsHash: Sha256 } | null;
  /** It has room for an item with a known answer. */
  place?: true;
  /** All its copies are given this item besides. */
  canary?: ShardCanary;
  mark: AnswerMark | null;
  how: How | null;
  /** Blob with the accepted outputs. */
  outputsHash: Sha256 | null;
  failure: { code: FailureCode; reason: string } | null;
  replicas: Replica[];
}

export interface Job {
  readonly jobId: Id;
  readonly job: PlannedJob;
  readonly createdAt: EpochMs;
  readonly deadlineAt: EpochMs;
  /** Blob with inputs and item salt. */
  readonly inputsHash: Sha256;
  state: JobState;
  shards: Shard[];
  quotes: Record<PeerId, SignedQuote>;
  waiting: { code: FailureCode; reason: string } | null;
  cancelling: { becomes: 'cancelled' | 'failed'; code: FailureCode | null; reason: string } | null;
  /** Answers that their owner has stopped: all, or items by their index in the job. */
  stopping?: { all: boolean; items: number[] };
}

export interface AggregatorState {
  jobs: Record<Id, Job>;
  /** Prices that stay reserved although the attempt is over: it might still have been done. */
  held: Record<ReplicaId, EpochMs>;
  /** Verdicts without payment that their provider has not acknowledged. */
  verdicts: Record<
    ReplicaId,
    { peer: PeerId; verdict: Verdict; evidence: Evidence | null; policy: PlannedJob['policy']; at: EpochMs }
  >;
  /** Results of finished jobs, until their retention ends. */
  kept: Record<Id, { resultsHash: Sha256; endedAt: EpochMs; doubted: ItemRange[] }>;
  /** Per provider, template and model: what was accepted unchecked since its last check. */
  unchecked: Record<string, UncheckedShard[]>;
}

export interface ItemRange {
  readonly start: number;
  readonly count: number;
}

export interface UncheckedShard extends ItemRange {
  readonly jobId: Id;
  readonly shardId: ShardId;
}

/** Newest kept; older ones are not looked at again. */
const uncheckedPerProviderMax = 1_000;
const uncheckedProvidersMax = 1_000;

export function uncheckedKey(provider: PeerId, template: Cid, model: Cid | null): string {
  return `${provider} ${template} ${model ?? '-'}`;
}

const verdictEvents = {
  accepted: 'accept',
  rejected: 'reject',
  undecided: 'leave-undecided',
  superseded: 'supersede',
} as const;

function jobOf(state: AggregatorState, jobId: Id): Job {
  const job = state.jobs[jobId];
  if (job === undefined) throw new Error(`the log speaks of the unknown job ${jobId}`);
  return job;
}

export function shardIndexOf(shardId: ShardId): number {
  return Number(shardId.slice(shardId.indexOf('.') + 1));
}

function shardOf(state: AggregatorState, event: { jobId: Id; shardId: ShardId }): Shard {
  const shard = jobOf(state, event.jobId).shards[shardIndexOf(event.shardId)];
  if (shard === undefined) throw new Error(`the log speaks of the unknown shard ${event.shardId}`);
  return shard;
}

function moveReplica(
  state: AggregatorState,
  entry: LogEntry,
  event: { jobId: Id; shardId: ShardId; replicaId: ReplicaId },
  by: ReplicaEvent,
): Replica {
  const replica = shardOf(state, event).replicas.find((candidate) => candidate.replicaId === event.replicaId);
  if (replica === undefined) throw new Error(`the log speaks of the unknown replica ${event.replicaId}`);
  replica.state = replicaMachine.next(replica.state, by);
  if (!replicaMachine.isFinal(replica.state)) return replica;
  replica.endedAt = entry.at;
  // It did not do it: then others may, with as many copies as the policy wants.
  if (replica.role === 'own-node' && replica.state !== 'accepted') {
    const shard = shardOf(state, event);
    shard.target = copiesOf(jobOf(state, event.jobId).job.policy) + shard.disagreements;
  }
  return replica;
}

function apply(state: AggregatorState, entry: LogEntry): void {
  const event: NodeEvent = entry.event;
  switch (event.type) {
    case 'job.created':
      state.jobs[event.jobId] = {
        jobId: event.jobId,
        job: event.job,
        createdAt: entry.at,
        deadlineAt: event.deadlineAt,
        inputsHash: event.inputsHash,
        state: 'planning',
        shards: [],
        quotes: {},
        waiting: null,
        cancelling: null,
      };
      break;
    case 'job.planned': {
      const job = jobOf(state, event.jobId);
      job.state = jobMachine.next(job.state, 'plan');
      const places = new Set(event.places);
      let start = 0;
      job.shards = event.counts.map((count, index) => {
        const shard: Shard = {
          shardId: shardIdOf(event.jobId, index),
          index,
          start,
          count,
          state: 'open',
          target: copiesOf(job.job.policy),
          disagreements: 0,
          audit: null,
          auditBy: 'run',
          before: null,
          mark: null,
          how: null,
          outputsHash: null,
          failure: null,
          replicas: [],
          ...(places.has(index) && { place: true as const }),
        };
        start += count;
        return shard;
      });
      break;
    }
    case 'job.waiting':
      jobOf(state, event.jobId).waiting = { code: event.code, reason: event.reason };
      break;
    case 'job.cancelling':
      jobOf(state, event.jobId).cancelling = { becomes: event.becomes, code: event.code, reason: event.reason };
      break;
    case 'job.stopping': {
      const job = jobOf(state, event.jobId);
      job.stopping ??= { all: false, items: [] };
      if (event.item === null) job.stopping.all = true;
      else if (!job.stopping.items.includes(event.item)) job.stopping.items.push(event.item);
      break;
    }
    case 'job.ended': {
      const job = jobOf(state, event.jobId);
      jobMachine.next(job.state, ({ done: 'finish', failed: 'fail', cancelled: 'cancel' } as const)[event.state]);
      delete state.jobs[event.jobId];
      if (event.resultsHash !== null)
        state.kept[event.jobId] = { resultsHash: event.resultsHash, endedAt: entry.at, doubted: [] };
      break;
    }
    case 'job.forgotten':
      delete state.kept[event.jobId];
      break;
    case 'quote.taken':
      jobOf(state, event.jobId).quotes[event.quote.body.provider] = event.quote;
      break;
    case 'shard.accepted': {
      const shard = shardOf(state, event);
      shard.state = shardMachine.next(shard.state, 'accept');
      shard.how = event.how;
      shard.outputsHash = event.outputsHash;
      shard.mark = event.mark ?? null;
      if (event.how === 'unchecked-by-policy' && shard.mark === null)
        noteUnchecked(state, jobOf(state, event.jobId), shard);
      break;
    }
    case 'shard.audited': {
      const shard = shardOf(state, event);
      shard.audit = event.why;
      shard.auditBy = event.by;
      shard.target++;
      break;
    }
    case 'shard.unaudited': {
      const shard = shardOf(state, event);
      shard.audit = null;
      shard.auditBy = 'run';
      shard.target = 1;
      shard.isUnaudited = true;
      break;
    }
    case 'shard.reopened': {
      const shard = shardOf(state, event);
      shard.state = shardMachine.next(shard.state, 'reopen');
      const { how, outputsHash } = shard;
      shard.before = how === null || outputsHash === null ? null : { how, outputsHash };
      shard.audit = event.why;
      shard.auditBy = event.by;
      // What was accepted is one voice, and another provider's is wanted.
      shard.target = 2;
      shard.disagreements = 0;
      break;
    }
    case 'shard.restarted': {
      const shard = shardOf(state, event);
      const accused = shard.replicas.find(({ replicaId }) => replicaId === event.accused);
      if (accused !== undefined) accused.isOut = true;
      shard.audit = null;
      shard.auditBy = 'run';
      shard.target = 1;
      shard.disagreements = 0;
      delete shard.isUnaudited;
      break;
    }
    case 'job.doubted': {
      const kept = state.kept[event.jobId];
      if (kept !== undefined) kept.doubted.push(...event.items);
      break;
    }
    case 'check.recorded':
      // One item says little of all that was not looked at.
      if ((event.canary && event.ok) || event.unit === 'verdicts') break;
      delete state.unchecked[uncheckedKey(event.provider, event.template, event.model)];
      break;
    case 'shard.disagreed': {
      const shard = shardOf(state, event);
      shard.disagreements++;
      shard.target++;
      break;
    }
    case 'shard.exhausted': {
      const shard = shardOf(state, event);
      shard.state = shardMachine.next(shard.state, 'exhaust');
      shard.failure = { code: event.code, reason: event.reason };
      break;
    }
    case 'shard.cancelled': {
      const shard = shardOf(state, event);
      shard.state = shardMachine.next(shard.state, 'cancel');
      break;
    }
    case 'replica.assigned': {
      const {
        jobId,
        shardId,
        replicaId,
        provider,
        attempt,
        role,
        priceMicro,
        deadlineAt,
        terms,
        prefixesHash,
        checks,
        canary,
        trap,
      } = event;
      const job = jobOf(state, jobId);
      job.waiting = null;
      const shard = shardOf(state, event);
      // A job that only the own node can run has one copy; the policy's copies are for providers.
      if (role === 'own-node') shard.target = 1;
      if (canary !== undefined) shard.canary = canary;
      shard.replicas.push({
        replicaId,
        shardId,
        jobId,
        provider,
        attempt,
        role,
        priceMicro,
        assignedAt: entry.at,
        deadlineAt,
        terms,
        ...(prefixesHash === undefined ? {} : { prefixesHash }),
        ...(checks === undefined ? {} : { checks }),
        ...(trap === undefined ? {} : { trap }),
        state: replicaMachine.next('queued', 'assign'),
        taken: false,
        commitment: null,
        resultHash: null,
        endedAt: null,
      });
      break;
    }
    case 'replica.started':
      moveReplica(state, entry, event, 'start').taken = true;
      break;
    case 'replica.declined':
      moveReplica(state, entry, event, 'decline');
      break;
    case 'replica.failed':
      moveReplica(state, entry, event, 'fail').failure = { code: event.code, reason: event.reason };
      break;
    case 'replica.cancelled':
      moveReplica(state, entry, event, 'cancel');
      break;
    case 'replica.lost': {
      const replica = moveReplica(state, entry, event, 'lose');
      if (replica.role !== 'own-node') state.held[event.replicaId] = event.holdUntil;
      break;
    }
    case 'replica.committed': {
      const replica = moveReplica(state, entry, event, 'commit');
      replica.taken = true;
      replica.commitment = event.commitment;
      break;
    }
    case 'replica.revealed':
      moveReplica(state, entry, event, 'reveal').resultHash = event.resultHash;
      break;
    case 'replica.judged': {
      const { peer, verdict, evidence } = { ...event, peer: event.provider };
      moveReplica(state, entry, event, verdictEvents[verdict]);
      if (verdict !== 'accepted') {
        const { policy } = jobOf(state, event.jobId).job;
        state.verdicts[event.replicaId] = { peer, verdict, evidence, policy, at: entry.at };
      }
      break;
    }
    case 'verdict.delivered':
      delete state.verdicts[event.replicaId];
      break;
    case 'payment.released':
      delete state.held[event.replicaId];
      break;
  }
}

/** For a re-audit. A job that wants no checks at all gets none later. */
function noteUnchecked(state: AggregatorState, { jobId, job }: Job, { shardId, start, count, replicas }: Shard): void {
  const { template, model, policy } = job;
  if (!isSampled(policy)) return;
  for (const replica of replicas) {
    if (replica.state !== 'accepted' || replica.role === 'own-node') continue;
    const key = uncheckedKey(replica.provider, template, model);
    const list = state.unchecked[key] ?? [];
    state.unchecked[key] = list;
    const [first = key] =
      Object.keys(state.unchecked).length > uncheckedProvidersMax ? Object.keys(state.unchecked).sort() : [];
    if (first !== key) delete state.unchecked[first];
    list.push({ jobId, shardId, start, count });
    if (list.length > uncheckedPerProviderMax) list.shift();
  }
}

export const aggregatorProjection: Projection<AggregatorState> = {
  name: 'aggregator',
  version: 9,
  initial: () => ({ jobs: {}, held: {}, verdicts: {}, kept: {}, unchecked: {} }),
  apply,
};

/**
 * Attempts that count against `attemptsPerShardMax`. Those that were declined do not, nor those that never reached their
 * provider: in a partition a few hedges would use up all that a shard has, long before its job's deadline; nor who checked
 * an answer that was given up.
 */
export function attemptsOf(shard: Shard): number {
  const counts = (replica: Replica): boolean =>
    replica.state !== 'declined' && (replica.taken || replica.state !== 'lost') && !isStale(replica, shard);
  return shard.replicas.filter(counts).length;
}

/** The provider may still be working on it, or hold its result. */
export function isActive(replica: Replica): boolean {
  return !replicaMachine.isFinal(replica.state);
}

export function isFinalShard(shard: Shard): boolean {
  return shard.state !== 'open';
}

/** It has a say in the answer: revealed and not yet judged, or accepted before its shard was opened again. */
export function hasVoice({ state, isOut }: Replica): boolean {
  return isOut !== true && (state === 'revealed' || state === 'accepted');
}

/** The answer whose tokens are checked. */
export function accusedOf({ replicas }: Shard): Replica | undefined {
  return replicas.find((replica) => replica.checks === undefined && hasVoice(replica));
}

/** It checks an answer that does not count any more. */
export function isStale(replica: Replica, shard: Shard): boolean {
  return replica.checks !== undefined && replica.checks !== accusedOf(shard)?.replicaId;
}

/** Of the payload of a shard: the canary is one of them. */
export function itemsOf({ count, canary }: Shard): number {
  return count + (canary === undefined ? 0 : 1);
}

/** May its first copy get a canary? */
/** Its single answer was neither drawn to be checked nor let through because nobody could check it. */
export function mayBeAudited({ audit, isUnaudited }: Shard): boolean {
  return audit === null && isUnaudited !== true;
}

export function mayGetCanary({ place, canary, replicas }: Shard): boolean {
  return place === true && canary === undefined && replicas.length === 0;
}
