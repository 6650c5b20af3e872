/**
 * Every message of the job protocol. `docs/protocol.md` is generated from this file.
 * Direction: C = the client's aggregator, P = the provider.
 */
import { FailureCode, WireErrorCode } from '../codes.ts';
import { VerificationPolicy } from '../job/job-spec.ts';
import { replicaStates } from '../job/states.ts';
import { protocolLimits } from '../limits.ts';
import {
  Base64Url,
  Cid,
  DurationMs,
  EpochMs,
  Id,
  Json,
  Micro,
  PeerId,
  ReplicaId,
  Sha256,
  ShardId,
} from '../primitives.ts';
import { SignedCommitment, SignedReveal } from '../records/commitment.ts';
import { SignedQuote } from '../records/quote.ts';
import { Evidence, Receipt } from '../records/receipt.ts';
import {
  PaidReplica,
  paidTailMax,
  SignedRelease,
  SignedVoucher,
  SignedVoucherAck,
  Statement,
} from '../records/voucher.ts';
import { z } from '../zod.ts';
import { Verdict } from './verdict.ts';

const message = z.string().max(500).describe('for people');
const retryAfterMs = DurationMs.optional().describe('do not ask again before');
const items = z.int().min(1).max(protocolLimits.itemsPerShardMax);
const ReplicaState = z.enum([...replicaStates, 'unknown']);
const tokens = z.array(z.int().min(0).max(0xffffffff)).max(65_536);

const TokenClaim = z.object({
  tokenIds: tokens,
  given: z.int().min(0).describe('so many at the beginning were forced on that provider'),
});
export type TokenClaim = z.infer<typeof TokenClaim>;

const RunOrCheck = z.discriminatedUnion('type', [
  z.object({ type: z.literal('run') }),
  z.object({
    type: z.literal('check'),
    claims: z
      .array(TokenClaim)
      .min(1)
      .max(protocolLimits.itemsPerShardMax)
      .describe('tokens that another provider answered, per item: how many would this one have chosen?'),
  }),
]);

const Payload = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('plain'),
    inputs: z.array(Json).min(1).max(protocolLimits.itemsPerShardMax),
    itemSalt: Base64Url.describe('salt of the item hashes, the same for all copies of the job'),
  }),
  z
    .object({ type: z.literal('sealed'), ciphertext: z.string().max(protocolLimits.frameBytesMax) })
    .describe('reserved: sealed to the chosen provider by the client of a foreign aggregator'),
]);

const BucketDigest = z
  .string()
  .regex(/^([0-9a-f]{16})?$/, 'expected 16 hex digits, or nothing')
  .describe('first 16 hex digits of the SHA-256 of the sorted hashes in it; empty = none');
const bucket = z
  .int()
  .min(0)
  .max(protocolLimits.receiptBuckets - 1);

const RevealBody = z.object({
  replicaId: ReplicaId,
  outputs: z
    .array(Json)
    .min(1)
    .max(protocolLimits.itemsPerShardMax)
    .describe('one per input item, normalised by the verifier class'),
  reveal: SignedReveal,
});

function define<const From extends 'C' | 'P' | 'CP', Body extends z.ZodType>(from: From, summary: string, body: Body) {
  return { from, summary, body };
}

export const messages = {
  'job.quote': define(
    'C',
    'Asks what a job would cost here, and whether it would be taken.',
    z.object({ jobId: Id, template: Cid, model: Cid.nullable(), items: z.int().min(1), itemsPerShard: items }),
  ),
  'job.offer': define('P', 'Answers with a signed quote.', z.object({ quote: SignedQuote })),
  'job.decline': define(
    'P',
    'Answers that the job would not be taken.',
    z.object({ jobId: Id, code: FailureCode, message, retryAfterMs }),
  ),

  'shard.assign': define(
    'C',
    'Gives a replica to a provider. Sent again it is a query: the answer is the replica’s present state.',
    z.object({
      replicaId: ReplicaId,
      jobId: Id,
      shardId: ShardId,
      attempt: z.int().min(1),
      kind: RunOrCheck,
      quote: SignedQuote.describe('the provider’s own quote that this assignment relies on'),
      params: z.record(z.string(), Json),
      payload: Payload,
      inputsHash: Sha256.describe('SHA-256 of the canonical inputs'),
      priceMicro: Micro,
      deadlineAt: EpochMs.describe('nobody waits for the result after this'),
      leaseMs: DurationMs.describe('without a renewal for this long the provider may stop'),
      graceMs: DurationMs.describe('a committed result is kept for leaseMs + graceMs without the aggregator'),
      reveal: z.enum(['with-commit', 'on-request']),
      priority: z.int().min(0).max(9),
      stream: z.boolean().optional().describe('tokens are wanted as they come, by `shard.token`'),
      prefixes: z
        .array(tokens)
        .max(protocolLimits.itemsPerShardMax)
        .optional()
        .describe('per item, tokens that its output must begin with: another provider had shown them and is lost'),
    }),
  ),
  'shard.accept': define(
    'P',
    'The replica is taken; or, to a repeated assign, its present state.',
    z.object({ replicaId: ReplicaId, state: ReplicaState, itemsDone: z.int().min(0) }),
  ),
  'shard.decline': define(
    'P',
    'The replica is not taken.',
    z.object({ replicaId: ReplicaId, code: FailureCode, message, retryAfterMs }),
  ),

  'lease.renew': define(
    'C',
    'The aggregator still wants these replicas; sent every second while work is out.',
    z.object({ replicaIds: z.array(ReplicaId).min(1).max(protocolLimits.leasesPerMessageMax) }),
  ),
  'lease.ack': define(
    'P',
    'State of each replica named.',
    z.object({
      replicas: z
        .array(z.object({ replicaId: ReplicaId, state: ReplicaState, itemsDone: z.int().min(0) }))
        .max(protocolLimits.leasesPerMessageMax),
    }),
  ),

  'shard.progress': define(
    'P',
    'Items done so far.',
    z.object({ replicaId: ReplicaId, itemsDone: z.int().min(0), itemsTotal: items }),
  ),
  'shard.token': define(
    'P',
    'Tokens as they come, provisional until the verdict. After a break of the channel all of an item is said again.',
    z.object({
      replicaId: ReplicaId,
      item: z.int().min(0).max(1_000_000),
      index: z.int().min(0).max(1_000_000).describe('tokens of the item before these, a forced prefix among them'),
      letters: z.int().min(0).max(1_000_000_000).describe('of its text before this one, UTF-16 code units'),
      tokens,
      text: z.string().max(protocolLimits.inlineBytesMax).describe('may lag behind the tokens'),
      runningHash: Sha256.describe('of all tokens and text of the item up to here'),
      signature: Base64Url.describe('of the StreamHead after these tokens, by the provider'),
    }),
  ),
  'shard.stop': define(
    'C',
    'Ends items early: what was generated by then is committed to, and paid. Said again until the replica has committed.',
    z.object({ replicaId: ReplicaId, item: z.int().min(0).max(1_000_000).nullable().describe('null = all items') }),
  ),

  'shard.commit': define(
    'P',
    'Binds the provider to its outputs before it can see others’.',
    z.object({ commitment: SignedCommitment, result: RevealBody.optional().describe('with `reveal: "with-commit"`') }),
  ),
  'shard.reveal.request': define(
    'C',
    'All copies have committed, or their deadline passed: show yours.',
    z.object({ replicaId: ReplicaId }),
  ),
  'shard.reveal': define('P', 'The outputs, with the salt that opens the commitment.', RevealBody),
  'shard.fail': define(
    'P',
    'The replica failed; its provider will never claim anything for it.',
    z.object({ replicaId: ReplicaId, code: FailureCode, message, release: SignedRelease }),
  ),

  'shard.cancel': define(
    'C',
    'The result is not wanted any more.',
    z.object({ replicaId: ReplicaId, reason: message }),
  ),
  'shard.cancelled': define(
    'P',
    'Answers a cancel: released, or already committed.',
    z.object({ replicaId: ReplicaId, state: ReplicaState, release: SignedRelease.nullable() }),
  ),
  'shard.verdict': define(
    'C',
    'What was decided on a revealed replica, with evidence if it was rejected.',
    z.object({ replicaId: ReplicaId, verdict: Verdict, policy: VerificationPolicy, evidence: Evidence.nullable() }),
  ),

  'shard.verdict.ack': define('P', 'The verdict is stored.', z.object({ replicaId: ReplicaId })),

  receipt: define('CP', 'A receipt to countersign, or countersigned.', z.object({ receipt: Receipt })),
  'receipts.compare': define(
    'CP',
    'Asks for receipts that the sender may lack; of those that it holds it says one digest per bucket.',
    z.object({ buckets: z.array(BucketDigest).length(protocolLimits.receiptBuckets), from: bucket }),
  ),
  'receipts.offer': define(
    'CP',
    'Answers with receipts of the buckets that differ, beginning with bucket `from` of the question.',
    z.object({
      receipts: z
        .array(z.object({ hash: Sha256, client: PeerId, provider: PeerId, at: EpochMs, bytes: z.int().min(1) }))
        .max(protocolLimits.receiptsOfferedMax),
      next: bucket.nullable().describe('more buckets differ, the first of them is this one'),
    }),
  ),
  'receipts.want': define(
    'CP',
    'Asks for receipts that were offered.',
    z.object({ hashes: z.array(Sha256).min(1).max(protocolLimits.receiptsPerBatchMax) }),
  ),
  'receipts.page': define(
    'CP',
    'The receipts, as far as they are still there and fit.',
    z.object({ receipts: z.array(Receipt).max(protocolLimits.receiptsPerBatchMax) }),
  ),
  'payment.voucher': define(
    'C',
    'The cumulative voucher of the credit channel, with the replicas that it pays since the last acknowledged one.',
    z.object({ voucher: SignedVoucher, replicas: z.array(PaidReplica).max(paidTailMax) }),
  ),
  'payment.ack': define('P', 'The highest voucher that the payee has stored.', z.object({ ack: SignedVoucherAck })),
  'payment.statement': define(
    'CP',
    'State of the books of both directions, on every new connection between peers that have books.',
    z.object({ statements: z.array(Statement).max(2) }),
  ),

  error: define('CP', 'The message named in `re` was refused.', z.object({ code: WireErrorCode, message })),
} as const;

export type MessageType = keyof typeof messages;
export type MessageBody<T extends MessageType> = z.infer<(typeof messages)[T]['body']>;
/** As a sender writes it. */
export type AnyMessage = { [T in MessageType]: { type: T; body: MessageBody<T> } }[MessageType];

/** The messages with one of the types `T`, as a discriminated union. */
export type MessageOf<T extends MessageType> = Extract<AnyMessage, { type: T }>;

/** The same schemas, indexable by a type that is only known as one of them. */
const schemas: { readonly [T in MessageType]: { readonly body: z.ZodType<MessageBody<T>> } } = messages;

/** Parses the body of a message. @throws z.ZodError */
export function parseMessage<T extends MessageType>(type: T, body: unknown): MessageBody<T> {
  return schemas[type].body.parse(body);
}

export function isMessageType(type: string): type is MessageType {
  return Object.hasOwn(messages, type);
}
