/** The provider's state: work taken for clients, as a projection of the log. */
import type { Projection } from '../journal/index.ts';
import type {
  Cid,
  EpochMs,
  FailureCode,
  Id,
  LogEntry,
  Micro,
  NodeEvent,
  PeerId,
  ReplicaEvent,
  ReplicaId,
  ReplicaState,
  Sha256,
  ShardId,
  SignedCommitment,
} from '../protocol/index.ts';
import { replicaMachine } from '../protocol/index.ts';

export interface Work {
  readonly replicaId: ReplicaId;
  readonly jobId: Id;
  readonly shardId: ShardId;
  readonly client: PeerId;
  readonly template: Cid;
  readonly model: Cid | null;
  readonly items: number;
  readonly priceMicro: Micro;
  /** Blob with params, inputs and item salt. */
  readonly inputsHash: Sha256;
  readonly deadlineAt: EpochMs;
  readonly leaseMs: number;
  readonly graceMs: number;
  readonly reveal: 'with-commit' | 'on-request';
  readonly priority: number;
  readonly admittedAt: EpochMs;
  /** Place in the order of admission. */
  readonly seq: number;
  state: ReplicaState;
  /** Its results have left for the client. */
  shown: boolean;
  commitment: SignedCommitment | null;
  /** Blob with outputs and reveal. */
  resultHash: Sha256 | null;
  /** Of its blobs, while they are needed. */
  storedBytes: number;
  failure: { code: FailureCode; reason: string } | null;
  endedAt: EpochMs | null;
}

export interface ProviderState {
  /** The owner's switch; null = as the config says. */
  on: boolean | null;
  work: Record<ReplicaId, Work>;
  /** Of it, what waits or runs: bounded by the queue, where `work` also holds what ended a while ago. */
  pending: Record<ReplicaId, true>;
  /** Of all work. */
  storedBytes: number;
}

function store(state: ProviderState, work: Work, bytes: number): void {
  work.storedBytes += bytes;
  state.storedBytes += bytes;
}

function move(state: ProviderState, entry: LogEntry, replicaId: ReplicaId, event: ReplicaEvent): Work {
  const work = state.work[replicaId];
  if (work === undefined) throw new Error(`${entry.event.type} for the unknown replica ${replicaId}`);
  work.state = replicaMachine.next(work.state, event);
  if (replicaMachine.isFinal(work.state)) {
    work.endedAt = entry.at;
    store(state, work, -work.storedBytes);
  }
  if (!isPending(work)) delete state.pending[replicaId];
  return work;
}

export const verdictEvents = {
  accepted: 'accept',
  rejected: 'reject',
  undecided: 'leave-undecided',
  superseded: 'supersede',
} as const;

function apply(state: ProviderState, entry: LogEntry): void {
  const event: NodeEvent = entry.event;
  switch (event.type) {
    case 'provider.switched':
      state.on = event.on;
      break;
    case 'work.admitted': {
      const { type: _, attempt: __, inputsBytes, ...rest } = event;
      state.work[event.replicaId] = {
        ...rest,
        admittedAt: entry.at,
        seq: entry.seq,
        state: 'queued',
        shown: false,
        commitment: null,
        resultHash: null,
        storedBytes: inputsBytes,
        failure: null,
        endedAt: null,
      };
      state.pending[event.replicaId] = true;
      state.storedBytes += inputsBytes;
      break;
    }
    case 'work.started':
      move(state, entry, event.replicaId, 'start');
      break;
    case 'work.committed': {
      const work = move(state, entry, event.replicaId, 'commit');
      work.commitment = event.commitment;
      work.resultHash = event.resultHash;
      store(state, work, event.resultBytes);
      break;
    }
    case 'work.revealed':
      move(state, entry, event.replicaId, 'reveal').shown = true;
      break;
    case 'work.failed':
      move(state, entry, event.replicaId, 'fail').failure = { code: event.code, reason: event.reason };
      break;
    case 'work.cancelled':
      move(state, entry, event.replicaId, 'cancel');
      break;
    case 'work.judged':
      move(state, entry, event.replicaId, verdictEvents[event.verdict]);
      break;
    case 'work.lost':
      move(state, entry, event.replicaId, 'lose');
      break;
    case 'work.forgotten':
      for (const replicaId of event.replicaIds) delete state.work[replicaId];
      break;
  }
}

export const providerProjection: Projection<ProviderState> = {
  name: 'provider',
  version: 5,
  initial: () => ({ on: null, work: {}, pending: {}, storedBytes: 0 }),
  apply,
};

/** Work that occupies the queue: waiting or running. */
export function isPending(work: Work): boolean {
  return work.state === 'queued' || work.state === 'running';
}
