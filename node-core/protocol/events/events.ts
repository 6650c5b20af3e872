/**
 * The log: everything that a node decided or learnt and must still know after a kill. Each room's state is a reducer over
 * these events; SQLite's tables are read models of them; the event stream of the control API shows them.
 * Never in here: a token, a payload, a heartbeat. Outputs, inputs and salts lie in blobs, by hash.
 */
import { FailureCode, WhyNot } from '../codes.ts';
import { NodeRecord } from '../discovery/node-record.ts';
import { PlannedJob } from '../job/job-spec.ts';
import { AnswerMark, AuditBy, AuditWhy, ReplicaRole, ShardCanary } from '../job/shards.ts';
import { Verdict } from '../messages/verdict.ts';
import { Cid, DurationMs, EpochMs, Id, Micro, PeerId, ReplicaId, Sha256, ShardId } from '../primitives.ts';
import { SignedCommitment } from '../records/commitment.ts';
import { SignedQuote } from '../records/quote.ts';
import { Evidence, Receipt } from '../records/receipt.ts';
import { PaidReplica, paidTailMax, SignedVoucher } from '../records/voucher.ts';
import { z } from '../zod.ts';

const reason = z.string().max(500);
const ppm = z.int().min(0).max(1_000_000);
const ofReplica = { jobId: Id, shardId: ShardId, replicaId: ReplicaId, provider: PeerId };
const ofWork = { replicaId: ReplicaId, jobId: Id, client: PeerId };
/** `verdicts`: its own, as a checker of tokens. */
const CheckUnit = z.enum(['items', 'tokens', 'verdicts']);

const place = z.int().min(0);
/** Of a check: at one place the token of another place is claimed. */
export const TokenTrap = z.object({ item: place, at: place, fromItem: place, fromAt: place });
export type TokenTrap = z.infer<typeof TokenTrap>;

/** Copies, tie-breakers and hedges of one shard. */
export const witnessesMax = 16;
const ofCheck = { provider: PeerId, template: Cid, model: Cid.nullable() };
const ofBook = { replicaId: ReplicaId, peer: PeerId, priceMicro: Micro };

/** Named factors of a provider's score, each 0…1; thousandths, so that the log holds integers. */
export const ScoreTerms = z.record(z.string(), z.int());
export type ScoreTerms = z.infer<typeof ScoreTerms>;

/** Kept of those that were not chosen: the log is written for every replica. */
export const notChosenMax = 3;

const NotChosen = z.object({
  provider: PeerId,
  score: z.int().describe('thousandths'),
  why: WhyNot,
});
export type NotChosen = z.infer<typeof NotChosen>;

/** What stands against working for others: the computer, or (`hand`) its owner's word. */
export const PauseCause = z.enum(['disk', 'sleep', 'battery', 'full-screen', 'hand']);
export type PauseCause = z.infer<typeof PauseCause>;

function event<const Room extends string, const Type extends string, Shape extends z.ZodRawShape>(
  room: Room,
  type: Type,
  summary: string,
  shape: Shape,
) {
  return { room, summary, schema: z.object({ type: z.literal(type), ...shape }) };
}

export const events = {
  'node.started': event('node', 'node.started', 'The node started.', {
    version: z.string(),
    peerId: PeerId,
    unclean: z.boolean().describe('the last run did not end in order'),
  }),
  'node.stopped': event('node', 'node.stopped', 'The node stopped in order.', { reason }),
  'provider.switched': event('node', 'provider.switched', 'The owner switched the provider on or off.', {
    on: z.boolean(),
  }),
  'provider.paused': event(
    'node',
    'provider.paused',
    'The computer is to work for nobody for now: what runs stands still.',
    {
      by: PauseCause,
      reason,
    },
  ),
  'provider.resumed': event('node', 'provider.resumed', 'What held work back is over.', { by: PauseCause }),

  'peer.joined': event('directory', 'peer.joined', 'A peer’s record was seen for the first time, or has changed.', {
    record: NodeRecord,
  }),
  'peer.left': event('directory', 'peer.left', 'A peer left, or fell silent.', {
    peerId: PeerId,
    how: z.enum(['tombstone', 'silent', 'expired']),
  }),

  'job.created': event('aggregator', 'job.created', 'A job was submitted.', {
    jobId: Id,
    job: PlannedJob,
    inputsHash: Sha256.describe('blob with inputs and item salt'),
    itemBytes: z.int().min(0),
    deadlineAt: EpochMs,
  }),
  'job.planned': event('aggregator', 'job.planned', 'The job was cut into shards.', {
    jobId: Id,
    counts: z.array(z.int().min(1)).describe('items of each shard, in order'),
    places: z.array(z.int().min(0)).optional().describe('shards with room for an item whose answer is known'),
  }),
  'canary.kept': event('aggregator', 'canary.kept', 'An item whose answer was checked is kept to test others with.', {
    template: Cid,
    model: Cid.nullable(),
    paramsHash: Sha256,
    hash: Sha256.describe('blob with input and output'),
    seenBy: z.array(PeerId).max(64).describe('who was given the item'),
    drops: z.array(Sha256).max(8).describe('those that make room for it'),
  }),
  'canary.dropped': event(
    'aggregator',
    'canary.dropped',
    'A provider contradicted it, or it is older than results are kept: nobody is tested with it again.',
    {
      hash: Sha256,
    },
  ),
  'job.waiting': event('aggregator', 'job.waiting', 'The job cannot go on at present; why, and what would help.', {
    jobId: Id,
    code: FailureCode,
    reason,
  }),
  'job.stopping': event(
    'aggregator',
    'job.stopping',
    'Answers of the job are ended early; what there is of them holds.',
    {
      jobId: Id,
      item: z.int().min(0).nullable().describe('index in the job; null = all'),
    },
  ),
  'job.cancelling': event('aggregator', 'job.cancelling', 'The job is being ended before it is complete.', {
    jobId: Id,
    becomes: z.enum(['cancelled', 'failed']),
    code: FailureCode.nullable(),
    reason,
  }),
  'quote.taken': event('aggregator', 'quote.taken', 'A provider’s quote that this job’s assignments rely on.', {
    jobId: Id,
    quote: SignedQuote,
  }),
  'job.ended': event('aggregator', 'job.ended', 'The job reached its final state.', {
    jobId: Id,
    state: z.enum(['done', 'failed', 'cancelled']),
    code: FailureCode.nullable(),
    reason,
    resultsHash: Sha256.nullable().describe('blob with the merged outputs'),
    shardsAccepted: z.int().min(0),
    shardsTotal: z.int().min(0),
    itemsAccepted: z.int().min(0),
    spentMicro: Micro,
  }),

  'shard.accepted': event('aggregator', 'shard.accepted', 'A shard has its answer.', {
    jobId: Id,
    shardId: ShardId,
    how: z.enum(['checked', 'unchecked-by-policy', 'own-node']),
    outputsHash: Sha256.describe('blob with the outputs'),
    mark: AnswerMark.optional(),
  }),
  'shard.audited': event(
    'aggregator',
    'shard.audited',
    'A single copy is durable, and was drawn to be checked: another provider runs the shard as well.',
    {
      jobId: Id,
      shardId: ShardId,
      why: AuditWhy,
      chancePpm: ppm.describe('with which it was drawn'),
      by: AuditBy.default('run'),
    },
  ),
  'shard.unaudited': event(
    'aggregator',
    'shard.unaudited',
    'It was drawn to be checked, and nobody is there who could: its answer stands, unchecked.',
    { jobId: Id, shardId: ShardId, reason },
  ),
  'shard.reopened': event(
    'aggregator',
    'shard.reopened',
    'An answer that had been accepted unchecked is checked after all.',
    { jobId: Id, shardId: ShardId, why: AuditWhy, by: AuditBy.default('run') },
  ),
  'shard.restarted': event(
    'aggregator',
    'shard.restarted',
    'Its answer was not believed by who checked it: somebody else begins anew.',
    { jobId: Id, shardId: ShardId, accused: ReplicaId, reason },
  ),
  'job.doubted': event(
    'aggregator',
    'job.doubted',
    'Answers of a job that has ended were accepted unchecked from a provider whose later work was found bad.',
    {
      jobId: Id,
      provider: PeerId,
      items: z.array(z.object({ start: z.int().min(0), count: z.int().min(1) })).min(1),
    },
  ),
  'shard.disagreed': event('aggregator', 'shard.disagreed', 'The copies found no quorum; one more is asked.', {
    jobId: Id,
    shardId: ShardId,
  }),
  'shard.exhausted': event('aggregator', 'shard.exhausted', 'A shard has no attempts left.', {
    jobId: Id,
    shardId: ShardId,
    code: FailureCode,
    reason,
  }),
  'shard.cancelled': event('aggregator', 'shard.cancelled', 'A shard was cancelled with its job.', {
    jobId: Id,
    shardId: ShardId,
  }),

  'replica.assigned': event('aggregator', 'replica.assigned', 'A provider was chosen for an attempt at a shard.', {
    ...ofReplica,
    attempt: z.int().min(1),
    role: ReplicaRole,
    priceMicro: Micro,
    deadlineAt: EpochMs,
    terms: ScoreTerms.describe('why this node'),
    others: z
      .array(NotChosen)
      .max(notChosenMax)
      .optional()
      .describe('why not those: the best of the rest, by their scores'),
    checks: ReplicaId.optional().describe('it checks the tokens of this replica instead of running the shard'),
    prefixesHash: Sha256.optional().describe('blob with the tokens that it was given to begin with'),
    canary: ShardCanary.optional().describe('an item with a known answer among those of the shard'),
    trap: TokenTrap.optional().describe('a wrong token among those that it checks'),
  }),
  'replica.started': event('aggregator', 'replica.started', 'The provider took the replica.', ofReplica),
  'replica.declined': event('aggregator', 'replica.declined', 'The provider did not take it.', {
    ...ofReplica,
    code: FailureCode,
    reason,
  }),
  'replica.failed': event('aggregator', 'replica.failed', 'The attempt failed.', {
    ...ofReplica,
    code: FailureCode,
    reason,
  }),
  'replica.cancelled': event('aggregator', 'replica.cancelled', 'The attempt was cancelled.', ofReplica),
  'replica.lost': event('aggregator', 'replica.lost', 'The provider did not answer in time, or did not reveal.', {
    ...ofReplica,
    reason,
    committed: z.boolean(),
    holdUntil: EpochMs.describe('its price stays reserved until then: it might still have been done'),
  }),
  'replica.committed': event('aggregator', 'replica.committed', 'The provider committed to its outputs.', {
    ...ofReplica,
    commitment: SignedCommitment,
  }),
  'replica.revealed': event(
    'aggregator',
    'replica.revealed',
    'The provider revealed outputs that open its commitment.',
    { ...ofReplica, resultHash: Sha256.describe('blob with outputs, item hashes and reveal'), outputsHash: Sha256 },
  ),
  'replica.judged': event('aggregator', 'replica.judged', 'The verdict.', {
    ...ofReplica,
    verdict: Verdict,
    itemsWrong: z.int().min(0),
    reason,
    evidence: Evidence.nullable(),
  }),
  'verdict.delivered': event(
    'aggregator',
    'verdict.delivered',
    'The provider knows that it will not be paid for a replica, and why; or it was away for a week.',
    {
      replicaId: ReplicaId,
    },
  ),
  'job.forgotten': event('aggregator', 'job.forgotten', 'The results of a job were deleted by their retention.', {
    jobId: Id,
  }),

  'work.admitted': event('provider', 'work.admitted', 'A client’s replica was taken into the queue.', {
    ...ofWork,
    shardId: ShardId,
    attempt: z.int().min(1),
    template: Cid,
    model: Cid.nullable(),
    items: z.int().min(1),
    priceMicro: Micro,
    inputsHash: Sha256.describe('blob with params, inputs and item salt'),
    inputsBytes: z.int().min(0).default(0).describe('of that blob'),
    deadlineAt: EpochMs,
    leaseMs: DurationMs,
    graceMs: DurationMs,
    reveal: z.enum(['with-commit', 'on-request']),
    priority: z.int().min(0).max(9),
  }),
  'work.started': event('provider', 'work.started', 'Its run began.', ofWork),
  'work.committed': event('provider', 'work.committed', 'Its outputs are durable and committed to.', {
    ...ofWork,
    commitment: SignedCommitment,
    resultHash: Sha256.describe('blob with outputs and reveal'),
    resultBytes: z.int().min(0).default(0).describe('of that blob'),
  }),
  'work.revealed': event('provider', 'work.revealed', 'Its outputs were shown to the client.', ofWork),
  'work.failed': event('provider', 'work.failed', 'It failed.', { ...ofWork, code: FailureCode, reason }),
  'work.cancelled': event('provider', 'work.cancelled', 'Its client cancelled it.', ofWork),
  'work.judged': event('provider', 'work.judged', 'Its client’s verdict.', { ...ofWork, verdict: Verdict }),
  'work.lost': event('provider', 'work.lost', 'Its client did not come back for it.', ofWork),
  'work.forgotten': event('provider', 'work.forgotten', 'Its payloads were deleted; nobody may ask for it any more.', {
    replicaIds: z.array(ReplicaId),
  }),

  'payment.reserved': event('payment', 'payment.reserved', 'Payer: the price is set aside before the work leaves.', {
    ...ofBook,
    jobId: Id,
  }),
  'payment.released': event('payment', 'payment.released', 'Payer: the reservation ended without payment.', {
    ...ofBook,
    jobId: Id,
    reason,
  }),
  'payment.paid': event('payment', 'payment.paid', 'Payer: the replica is paid; the voucher follows from here.', {
    ...ofBook,
    jobId: Id,
    cumulativeMicro: Micro,
    seq: z.int().min(1),
    head: Sha256,
  }),
  'payment.acked': event('payment', 'payment.acked', 'Payer: the payee has stored the voucher.', {
    peer: PeerId,
    cumulativeMicro: Micro,
  }),
  'payment.adopted': event(
    'payment',
    'payment.adopted',
    'Payer, restored from a backup: adopts a higher voucher that it had signed itself.',
    { voucher: SignedVoucher, replicas: z.array(PaidReplica).max(paidTailMax) },
  ),
  'payment.renewed': event(
    'payment',
    'payment.renewed',
    'Payer, restored from a backup: its books and the payee’s can never agree again; a new channel begins, and what the payee does not hold is written off.',
    { peer: PeerId, epoch: z.int().min(1), held: SignedVoucher.describe('what the payee keeps of the old channel') },
  ),
  'payment.extended': event('payment', 'payment.extended', 'Payee: unpaid work for a client began.', ofBook),
  'payment.earned': event('payment', 'payment.earned', 'Payee: the client accepted the work.', ofBook),
  'payment.dropped': event('payment', 'payment.dropped', 'Payee: work that will not be paid.', {
    ...ofBook,
    reason,
    shown: z.boolean().describe('the client has seen its results: that lowers the credit that it is granted'),
    worked: z
      .boolean()
      .default(false)
      .describe('this node worked on it for nothing: that counts against the hourly cap for strangers'),
  }),
  'payment.received': event('payment', 'payment.received', 'Payee: a higher voucher was stored.', {
    voucher: SignedVoucher,
    amountMicro: Micro,
    replicas: z.array(PaidReplica).max(paidTailMax),
  }),

  'check.recorded': event('reputation', 'check.recorded', 'Work of a provider was compared with that of others.', {
    ...ofCheck,
    replicaId: ReplicaId,
    unit: CheckUnit.default('items'),
    canary: z
      .literal(true)
      .optional()
      .describe('one item whose answer was known; good ones do not count in the streak'),
    compared: z.int().min(0),
    differed: z.int().min(0),
    ok: z.boolean().describe('honest disagreement explains the difference'),
    honestPpm: ppm.describe('disagreement of honest providers, by the template'),
    falseAlarmPpm: ppm,
    witnesses: z.array(PeerId).max(witnessesMax).optional().describe('providers who gave the other answer'),
  }),
  'check.voided': event(
    'reputation',
    'check.voided',
    'A check in which a provider differed loses its weight: fewer than two of its witnesses are not excluded.',
    { ...ofCheck, unit: CheckUnit, replicaId: ReplicaId, liars: z.array(PeerId).max(witnessesMax) },
  ),
  'peer.readmitted': event(
    'reputation',
    'peer.readmitted',
    'What is left against an excluded provider is no more than honest computers have.',
    ofCheck,
  ),
  'peer.excluded': event(
    'reputation',
    'peer.excluded',
    'What was gathered of a provider’s disagreement is more than honest computers have: this node gives it no paid work.',
    { ...ofCheck, compared: z.int().min(0), differed: z.int().min(0), until: EpochMs },
  ),
  'receipt.stored': event('reputation', 'receipt.stored', 'A receipt that convinces.', { receipt: Receipt }),
  'receipt.heard': event('reputation', 'receipt.heard', 'A receipt for work between others, that convinces.', {
    receipt: Receipt,
    from: PeerId.describe('who told it'),
    stranger: z.boolean().describe('nobody who vouches for it had done good work for this node'),
  }),
  'reputation.noted': event(
    'reputation',
    'reputation.noted',
    'Own experience without proof: lowers the score that this node keeps, and makes no receipt.',
    { peerId: PeerId, what: z.enum(['lost', 'failed', 'no-reveal']), replicaId: ReplicaId },
  ),
  'peer.penalised': event('reputation', 'peer.penalised', 'A peer’s answer was rejected with evidence.', {
    peerId: PeerId,
    jobId: Id,
    replicaId: ReplicaId,
    reason,
    evidence: Evidence,
  }),
} as const;

export type EventType = keyof typeof events;
export type EventOf<T extends EventType> = z.infer<(typeof events)[T]['schema']>;
export type NodeEvent = { [T in EventType]: EventOf<T> }[EventType];

/** An event with its place in the log. */
export interface LogEntry {
  /** Rises by one, from 1; also the cursor of the event stream. */
  readonly seq: number;
  readonly at: EpochMs;
  readonly event: NodeEvent;
}

export function isEventType(type: string): type is EventType {
  return Object.hasOwn(events, type);
}

const Typed = z.object({ type: z.string() });

/** Parses an event read from disk. @throws z.ZodError */
export function parseEvent(value: unknown): NodeEvent {
  const { type } = Typed.parse(value);
  if (!isEventType(type))
    throw new TypeError(
      `the log holds an event of unknown type ${JSON.stringify(type)}; it was written by a later version`,
    );
  const schema: z.ZodType<NodeEvent> = events[type].schema;
  return schema.parse(value);
}
