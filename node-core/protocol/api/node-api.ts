/**
 * The control API: what desktop, browser, command line and phone may ask of a node. JSON-RPC 2.0 over several carriers
 * (`control/`); each method names the scope that its caller needs.
 */
import { FailureCode, WhyNot } from '../codes.ts';
import { HardwarePassport, Offer, Price } from '../discovery/node-record.ts';
import { events, type NodeEvent, PauseCause } from '../events/events.ts';
import { JobSpec } from '../job/job-spec.ts';
import { AnswerMark, ReplicaRole } from '../job/shards.ts';
import { jobStates, replicaStates, shardStates } from '../job/states.ts';
import { Cid, DurationMs, EpochMs, Id, Json, Micro, PeerId, ReplicaId, ShardId } from '../primitives.ts';
import { z } from '../zod.ts';
import { EngineStatus } from './engine.ts';
import { PeerReputation } from './reputation.ts';

/** Each scope includes the ones before it. */
export const scopes = ['follow', 'submit', 'manage', 'owner'] as const;
export const Scope = z.enum(scopes);
export type Scope = z.infer<typeof Scope>;

export function scopeIncludes(held: Scope, needed: Scope): boolean {
  return scopes.indexOf(held) >= scopes.indexOf(needed);
}

export const NodeStatus = z.object({
  peerId: PeerId,
  version: z.string(),
  state: z
    .enum(['starting', 'online', 'alone', 'draining', 'stopped'])
    .describe('alone = running without a single connected peer'),
  startedAt: EpochMs,
  logSeq: z.int().min(0).describe('newest entry of the log: a cursor for events that are still to come'),
  addresses: z.array(z.string()),
  connectedPeers: z.int(),
  knownProviders: z.int().describe('live providers other than this node'),
  unreachableBootstrap: z.array(z.object({ address: z.string(), reason: z.string() })),
  provider: z.object({ on: z.boolean(), running: z.int(), queued: z.int(), queueMax: z.int() }),
  jobsActive: z.int(),
  engine: EngineStatus.nullable().describe(
    'the container engine when it was last looked at; null = it was not yet, or it cannot be told',
  ),
  faults: z.array(z.string()).describe('what is wrong on this computer, with what to do'),
});
export type NodeStatus = z.infer<typeof NodeStatus>;

export const VitalsSample = z.object({
  at: EpochMs,
  cpuShare: z.number().describe('of all cores of this computer, 0…1'),
  ownCpuShare: z.number().describe('of one core, by the node itself; runners not counted'),
  memoryUsedBytes: z.number(),
  memoryTotalBytes: z.number(),
  ownMemoryBytes: z.number(),
  gpu: z
    .object({ busyShare: z.number(), memoryUsedBytes: z.number(), memoryTotalBytes: z.number() })
    .nullable()
    .default(null)
    .describe('all graphics cards together; null = there is none that can tell'),
  itemsPerSecond: z.number().describe('done by this computer, for whomever'),
  tokensPerSecond: z.number().describe('written by this computer'),
});
export type VitalsSample = z.infer<typeof VitalsSample>;

export const ProviderStatus = z.object({
  on: z.boolean(),
  pauses: z
    .array(z.object({ by: PauseCause, reason: z.string(), since: EpochMs }))
    .describe('why the computer takes no work for now, though it is switched on'),
  fullScreenUnseen: z
    .object({ reason: z.string(), fix: z.string().describe('empty where nothing helps') })
    .nullable()
    .default(null)
    .describe('why a program that fills the screen is not noticed on this computer; null = it is, or need not be'),
  hardware: HardwarePassport,
  offers: z.array(Offer),
  notOffered: z.array(z.object({ template: z.string(), reason: z.string() })),
  warm: z
    .array(z.object({ template: Cid, model: Cid.nullable() }))
    .describe('in memory: their work begins at once; the most recently used first'),
  work: z.array(
    z.object({
      replicaId: ReplicaId,
      client: PeerId,
      templateName: z.string(),
      state: z.enum(replicaStates),
      items: z.int(),
      itemsDone: z.int(),
    }),
  ),
});
export type ProviderStatus = z.infer<typeof ProviderStatus>;

export const JobSummary = z.object({
  jobId: Id,
  label: z.string(),
  state: z.enum(jobStates),
  template: Cid,
  templateName: z.string(),
  items: z.int(),
  shardsTotal: z.int(),
  shardsAccepted: z.int(),
  budgetMicro: Micro,
  spentMicro: Micro,
  createdAt: EpochMs,
  endedAt: EpochMs.nullable(),
  code: FailureCode.nullable(),
  reason: z.string().describe('why it failed, or what it waits for'),
});
export type JobSummary = z.infer<typeof JobSummary>;

export const ReplicaView = z.object({
  replicaId: ReplicaId,
  provider: PeerId,
  role: ReplicaRole,
  state: z.enum(replicaStates),
  itemsDone: z.int(),
  priceMicro: Micro,
  terms: z.record(z.string(), z.number()).describe('why this node: factors of its score, 0…1'),
});

export const ShardView = z.object({
  shardId: ShardId,
  index: z.int(),
  start: z.int(),
  count: z.int(),
  state: z.enum(shardStates),
  how: z.enum(['checked', 'unchecked-by-policy', 'own-node']).nullable(),
  replicas: z.array(ReplicaView),
});

export const JobDetail = JobSummary.extend({
  deadlineAt: EpochMs,
  shards: z.array(ShardView).describe('of a running job; a finished one is told by its log entries'),
});
export type JobDetail = z.infer<typeof JobDetail>;

/** One factor of a score, in a number and in words. */
const WhyTerm = z.object({ name: z.string(), value: z.number().describe('0…1'), words: z.string() });

export const JobWhy = z.object({
  jobId: Id,
  waitsFor: z.string().describe('why nothing goes on at present; empty where it does'),
  shards: z.array(
    z.object({
      shardId: ShardId,
      outcome: z.string().describe('what became of it so far, in words'),
      replicas: z.array(
        z.object({
          replicaId: ReplicaId,
          provider: PeerId,
          at: EpochMs.describe('when it was chosen'),
          role: z.string(),
          score: z.number().describe('product of the terms'),
          terms: z.array(WhyTerm),
          outcome: z.string(),
          others: z
            .array(z.object({ provider: PeerId, score: z.number(), why: WhyNot, words: z.string() }))
            .describe('the best of those that were not chosen'),
        }),
      ),
    }),
  ),
  more: z.int().describe('further shards with replicas that were left out'),
});
export type JobWhy = z.infer<typeof JobWhy>;

export const ProviderWhy = z.object({
  findings: z
    .array(
      z.object({
        code: z.enum([
          'off',
          'alone',
          'not-reachable',
          'no-offers',
          'not-offered',
          'lists',
          'no-demand',
          'declined',
          'full',
          'price',
          'speed',
          'paused',
          'reputation',
          'working',
        ]),
        weight: z
          .enum(['blocks', 'hinders', 'note'])
          .describe('blocks = no job can come; hinders = others are chosen before; note = good to know'),
        text: z.string(),
        advice: z.string().describe('what to do; empty where nothing is to be done'),
      }),
    )
    .describe('what weighs most first'),
  demand: z
    .object({
      since: EpochMs.describe('the start of the node: what was before is not counted'),
      quotes: z.int(),
      assignments: z.int(),
      taken: z.int(),
      clients: z.int(),
      lastAt: EpochMs.nullable(),
      declined: z.array(
        z.object({ code: FailureCode, count: z.int(), lastAt: EpochMs, message: z.string(), advice: z.string() }),
      ),
    })
    .describe('what other nodes asked'),
  offers: z
    .array(
      z.object({
        template: Cid,
        templateName: z.string(),
        model: Cid.nullable(),
        modelName: z.string().nullable(),
        place: z.int().describe('1 = the best'),
        of: z.int().describe('providers, this one among them'),
        score: z.number(),
        terms: z.array(WhyTerm.extend({ best: z.number().describe('the best of the others; 0 = there are none') })),
      }),
    )
    .describe('each offer by its score beside the others’, as this node would choose'),
});
export type ProviderWhy = z.infer<typeof ProviderWhy>;

export const JobPlan = z.object({
  shards: z.int(),
  candidates: z.array(
    z.object({ peerId: PeerId, score: z.number(), terms: z.record(z.string(), z.number()), price: Price }),
  ),
  readers: z.int().describe('how many providers will be able to read each input'),
  auditPpm: z
    .int()
    .optional()
    .describe('of a policy that samples: shards of a million that are likely to be checked by another provider'),
  reserveMicro: Micro.describe(
    'set aside at most: (copies + tie-breakers) × price; with samples, tie-breakers where checked',
  ),
  expectedMicro: Micro.describe('paid if all goes well: (copies + expected audits and their tie-breakers) × price'),
  missing: z.array(z.string()).describe('what stands in the way, with what to do'),
});
export type JobPlan = z.infer<typeof JobPlan>;

export const JobResults = z.object({
  jobId: Id,
  state: z.enum(jobStates),
  outputs: z
    .array(
      z.object({
        index: z.int(),
        output: Json.nullable(),
        how: z.enum(['checked', 'unchecked-by-policy', 'own-node', 'missing']),
        given: z
          .int()
          .optional()
          .describe(
            'so many tokens at its beginning rest on the word of a provider that was lost: no verdict covers them',
          ),
        mark: AnswerMark.optional(),
      }),
    )
    .describe('one per input item, in order'),
});
export type JobResults = z.infer<typeof JobResults>;

export const PeerView = z.object({
  peerId: PeerId,
  self: z.boolean(),
  connected: z.boolean(),
  live: z.boolean().describe('heard of within the failure detector’s time'),
  lastSeenAt: EpochMs.nullable(),
  addresses: z.array(z.string()),
  agent: z.string(),
  hardware: HardwarePassport.nullable(),
  offers: z.array(Offer),
  load: z
    .object({
      running: z.int(),
      queued: z.int(),
      queueMax: z.int(),
      warm: z.array(Cid).optional().describe('models in memory, as it says'),
    })
    .nullable(),
  reputation: z.object({
    score: z.number().describe('0…1'),
    good: z.int(),
    bad: z.int(),
    noted: z.int(),
    receipts: z.int().describe('the score rests on so many receipts'),
  }),
  channel: z.object({ transport: z.string(), path: z.string() }).nullable().describe('job channel in use'),
  mark: z.enum(['blocked', 'favoured']).nullable().describe('by the owner'),
  excludedUntil: EpochMs.nullable().describe(
    'its results were wrong too often: until then it gets no paid work from here',
  ),
});
export type PeerView = z.infer<typeof PeerView>;

export const WalletSummary = z.object({
  unit: z.literal('micro-credit'),
  notice: z.string().describe('credits are not money'),
  paidMicro: Micro,
  receivedMicro: Micro,
  reservedMicro: Micro,
  owedToUsMicro: Micro.describe('accepted work that no voucher covers yet'),
  net: z
    .object({
      owedByPeersMicro: Micro,
      peersOwing: z.int(),
      owedToPeersMicro: Micro,
      peersOwed: z.int(),
    })
    .describe('work that peers owe us and we owe them, pair by pair: what each did for the other is set off'),
  caps: z
    .object({
      dayMicroMax: Micro.nullable().describe('null = no cap'),
      peerDayMicroMax: Micro.nullable().describe('null = no cap'),
      spentTodayMicro: Micro,
      leftTodayMicro: Micro.nullable().describe('what is reserved counts as spent'),
      resetsAt: EpochMs,
    })
    .describe('what this node may spend in a day (UTC)'),
  strangers: z
    .object({ capMicro: Micro, usedMicro: Micro })
    .describe('unpaid work of the last hour for clients beyond what they ever settled'),
  peers: z.array(
    z.object({
      peerId: PeerId,
      paidMicro: Micro,
      paidAckedMicro: Micro,
      reservedMicro: Micro,
      receivedMicro: Micro,
      earnedMicro: Micro,
      unpaidMicro: Micro.describe('work for this peer, running or done, that no voucher covers'),
      creditLimitMicro: Micro.describe('base + earned − lost'),
      creditLimit: z
        .object({
          baseMicro: Micro.describe('what everybody begins with'),
          earnedMicro: Micro.describe('a share of the work done for work'),
          lostMicro: Micro.describe('for results that it saw and never paid'),
        })
        .describe('how the limit came about'),
      owesUsMicro: Micro.describe('net: what it owes us beyond what we owe it'),
      weOweMicro: Micro.describe('net: what we owe it beyond what it owes us'),
      spentTodayMicro: Micro,
      leftTodayMicro: Micro.nullable().describe('by the cap for one peer; null = no cap'),
    }),
  ),
});
export type WalletSummary = z.infer<typeof WalletSummary>;

export const LogLine = z.object({
  seq: z.int(),
  at: EpochMs,
  room: z.string(),
  summary: z.string(),
  event: z.unknown().describe('an event of the log, see “Events”'),
});

const EventTypes = z.enum(Object.keys(events) as [keyof typeof events, ...(keyof typeof events)[]]);

const page = {
  limit: z.int().min(1).max(1000).default(100),
  before: z.int().min(1).optional().describe('rows before this seq'),
};
const none = z.object({});
const ofJob = z.object({ jobId: Id });

function method<const S extends Scope, Params extends z.ZodType, Result extends z.ZodType>(
  scope: S,
  summary: string,
  params: Params,
  result: Result,
) {
  return { scope, summary, params, result };
}

export const nodeMethods = {
  'node.status': method('follow', 'State, addresses and peers of the node.', none, NodeStatus),
  'node.vitals': method(
    'follow',
    'How busy this computer was and how much it did, over the last hour at most.',
    none,
    z.object({ everyMs: DurationMs, samples: z.array(VitalsSample).describe('oldest first') }),
  ),
  'node.computer': method(
    'manage',
    'What this computer has for a node: room on the disk, a container engine, and whether others can reach it.',
    none,
    z.object({
      dataFolder: z.string(),
      diskFreeBytes: z.int().nullable().describe('null = it cannot be told'),
      diskFreeBytesMin: z.int().describe('host.diskFreeBytesMin: with less no work is taken'),
      engine: EngineStatus.nullable().describe('null = it cannot be told'),
      calledFrom: z
        .enum(['computer', 'local-network', 'internet'])
        .nullable()
        .describe('from how far away another node has opened a connection to this one; null = nobody has yet'),
    }),
  ),
  'node.stop': method('owner', 'Drains and stops the node.', z.object({ drainMs: DurationMs.optional() }), none),
  'provider.status': method('follow', 'What this node offers and runs.', none, ProviderStatus),
  'provider.switch': method(
    'manage',
    'Becomes a provider, or stops being one.',
    z.object({ on: z.boolean() }),
    ProviderStatus,
  ),
  'provider.pause': method(
    'manage',
    'Stops all work for others where it stands, or lets it go on. What stands still for as long as its lease is given up.',
    z.object({ paused: z.boolean() }),
    ProviderStatus,
  ),
  'provider.why': method(
    'follow',
    'Why this node gets no jobs, or few: what stands in the way, with what to do.',
    none,
    ProviderWhy,
  ),
  'jobs.templates': method(
    'follow',
    'Templates and models that jobs may name.',
    none,
    z.object({
      templates: z.array(
        z.object({
          id: Cid,
          name: z.string(),
          title: z.string(),
          description: z.string(),
          verifier: z.string(),
          models: z.array(z.object({ cid: Cid, name: z.string() })),
          params: z.record(z.string(), Json).describe('JSON Schema of the parameters of a job'),
          input: z.record(z.string(), Json).describe('JSON Schema of one input item'),
          providers: z.int(),
        }),
      ),
    }),
  ),
  'jobs.plan': method('submit', 'What a job would cost and who would run it, without starting it.', JobSpec, JobPlan),
  'jobs.submit': method('submit', 'Submits a job.', JobSpec, z.object({ jobId: Id })),
  'jobs.list': method(
    'follow',
    'Jobs, newest first.',
    z.object({
      ...page,
      skip: z.int().min(0).default(0).describe('rows to leave out: for a list that is scrolled to its middle'),
      state: z.enum(jobStates).optional(),
      text: z.string().max(200).optional(),
    }),
    z.object({
      jobs: z.array(JobSummary.extend({ seq: z.int() })),
      total: z.int().describe('all that match, over all pages'),
    }),
  ),
  'jobs.get': method('follow', 'One job with its shards.', ofJob, JobDetail),
  'jobs.why': method(
    'follow',
    'Why these providers: the terms of each choice, and why the next best were not chosen.',
    ofJob.extend({
      shardId: ShardId.optional().describe('only this one; else those that are still open first'),
      limit: z.int().min(1).max(100).default(5).describe('shards'),
    }),
    JobWhy,
  ),
  'jobs.results': method('submit', 'Outputs so far, in the order of the inputs.', ofJob, JobResults),
  'jobs.spec': method(
    'submit',
    'What a job was asked for, inputs included, to submit another like it; kept as long as its results.',
    ofJob,
    JobSpec,
  ),
  'jobs.cancel': method(
    'submit',
    'Cancels a job; what was accepted stays and is paid.',
    ofJob.extend({ reason: z.string().max(200).default('cancelled by its owner') }),
    JobSummary,
  ),
  'jobs.stop': method(
    'submit',
    'Ends answers of a job that streams: what there is of them by now is the answer, and is paid.',
    ofJob.extend({ item: z.int().min(0).optional().describe('index in the job; all if left out') }),
    JobSummary,
  ),
  'peers.list': method('follow', 'Nodes that this node knows of.', none, z.object({ peers: z.array(PeerView) })),
  'peers.mark': method(
    'owner',
    'Blocks a peer (no work for it, none from it), favours it as a provider, or neither; kept in the configuration.',
    z.object({ peerId: PeerId, mark: z.enum(['blocked', 'favoured']).nullable() }),
    z.object({ mark: z.enum(['blocked', 'favoured']).nullable() }),
  ),
  'peers.reputation': method(
    'follow',
    'What this node thinks of a peer as a provider, and the evidence for it.',
    z.object({
      peerId: PeerId,
      after: z.int().min(0).default(0).describe('evidence after this seq'),
      limit: z.int().min(1).max(500).default(100),
    }),
    PeerReputation,
  ),
  'wallet.summary': method('follow', 'Credits by peer.', none, WalletSummary),
  'wallet.ledger': method(
    'follow',
    'Payments, newest first.',
    z.object({ ...page, peer: PeerId.optional() }),
    z.object({
      rows: z.array(
        z.object({
          seq: z.int(),
          at: EpochMs,
          peer: PeerId,
          direction: z.enum(['paid', 'received']),
          amountMicro: Micro,
          cumulativeMicro: Micro,
          replicaId: z.string().nullable(),
        }),
      ),
    }),
  ),
  'logs.query': method(
    'follow',
    'Entries of the node’s log.',
    z.object({
      after: z.int().min(0).default(0),
      before: z
        .int()
        .min(1)
        .optional()
        .describe('the last entries before this seq, instead of the first after `after`'),
      limit: z.int().min(1).max(1000).default(100),
      jobId: Id.optional(),
      peerId: PeerId.optional(),
      types: z.array(EventTypes).max(64).optional(),
      text: z
        .string()
        .min(1)
        .max(200)
        .optional()
        .describe(
          'that occurs in the entry as JSON, capitals or not; looked for backwards from `before`, or from the end',
        ),
      textTypes: z
        .array(EventTypes)
        .max(64)
        .optional()
        .describe('with `text`: entries of these types match whatever they hold'),
    }),
    z.object({
      entries: z.array(LogLine),
      next: z.int().describe('the cursor to go on from'),
      searched: z
        .object({ from: z.int(), to: z.int() })
        .optional()
        .describe('with `text`: the part of the log that was looked through; go on with `from` as `before`'),
    }),
  ),
  'identity.export': method(
    'owner',
    'The recovery phrase of the node’s key: whoever has it is the node. To be shown once, on demand, and kept nowhere.',
    none,
    z.object({ peerId: PeerId, phrase: z.string() }),
  ),
  'settings.get': method(
    'manage',
    'The configuration in force, without secrets.',
    none,
    z.object({
      config: z.record(z.string(), Json),
      waiting: z
        .record(z.string(), Json)
        .describe('by path: what stands in the file otherwise, and counts from the next start on'),
    }),
  ),
  'settings.schema': method(
    'manage',
    'What can be configured, with descriptions, bounds and defaults.',
    none,
    z.object({
      schema: z.record(z.string(), Json).describe('JSON Schema of the configuration'),
      live: z.array(z.string()).describe('paths of settings that take effect at once; the others at the next start'),
    }),
  ),
  'settings.set': method(
    'owner',
    'Changes settings in the configuration file, all or none; those that can take effect at once.',
    z.object({
      values: z
        .record(z.string(), Json)
        .default({})
        .describe('by path, as `provider.queueMax`; checked with the whole configuration'),
      reset: z.array(z.string().max(200)).max(100).default([]).describe('paths that get their defaults again'),
    }),
    z.object({
      changed: z.array(z.string()).describe('have another value from now on'),
      restart: z.array(z.string()).describe('stand in the file otherwise than they are in force: until the next start'),
      file: z.string(),
    }),
  ),
} as const;

export type MethodName = keyof typeof nodeMethods;
/** Parameters as a caller writes them. */
export type MethodInput<M extends MethodName> = z.input<(typeof nodeMethods)[M]['params']>;
/** Parameters after parsing. */
export type MethodParams<M extends MethodName> = z.infer<(typeof nodeMethods)[M]['params']>;
export type MethodResult<M extends MethodName> = z.infer<(typeof nodeMethods)[M]['result']>;

export function isMethodName(name: string): name is MethodName {
  return Object.hasOwn(nodeMethods, name);
}

/** One item of the event stream. */
export type StreamItem =
  | { readonly kind: 'event'; readonly seq: number; readonly at: EpochMs; readonly event: NodeEvent }
  /** Not in the log and not repeated after a reconnection. */
  | {
      readonly kind: 'progress';
      readonly jobId: Id;
      readonly shardId: ShardId;
      readonly replicaId: ReplicaId;
      readonly provider: PeerId;
      readonly itemsDone: number;
    }
  /**
   * Of a job that streams: text of an answer, provisional until its shard is accepted. It stands behind the first `letters`
   * letters of what was shown before; what was shown behind these does not hold any more. Whoever subscribes gets what
   * has been shown so far first. For scopes that may see results.
   */
  | {
      readonly kind: 'token';
      readonly jobId: Id;
      readonly shardId: ShardId;
      readonly replicaId: ReplicaId;
      readonly provider: PeerId;
      /** Index in the job. */
      readonly item: number;
      /** Tokens of the item before these. */
      readonly index: number;
      /** Letters (UTF-16 code units) of the item before these. */
      readonly letters: number;
      readonly tokens: number;
      readonly text: string;
      readonly provisional: true;
    }
  /** What was shown of an answer is replaced from its beginning; `token` items with the new text follow. */
  | {
      readonly kind: 'restarted';
      readonly jobId: Id;
      readonly shardId: ShardId;
      readonly replicaId: ReplicaId;
      readonly item: number;
      readonly reason: string;
    };

/** What `createNode` implements and every carrier carries. */
export interface NodeApi {
  /** @param params parsed by the method's schema inside. @throws ApiError */
  call<M extends MethodName>(method: M, params: MethodInput<M>): Promise<MethodResult<M>>;
  /**
   * Events with `seq` > `after` as they become durable, then on; nothing is missed or doubled.
   * @returns a function that ends the stream.
   */
  subscribe(after: number, receive: (item: StreamItem) => void): () => void;
}

/** JSON-RPC error codes of this API. */
export const apiErrors = {
  'invalid-params': -32602,
  'method-not-found': -32601,
  'not-found': -32004,
  'not-allowed': -32003,
  'insufficient-funds': -32010,
  unavailable: -32011,
  internal: -32603,
} as const;
export type ApiErrorKind = keyof typeof apiErrors;

export class ApiError extends Error {
  readonly kind: ApiErrorKind;
  constructor(kind: ApiErrorKind, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'ApiError';
    this.kind = kind;
  }
}
