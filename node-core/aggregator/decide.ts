/**
 * What a shard needs now: a pure function of its state and of what is known about its providers. The effects of its
 * answer (`job-runner.ts`) change the state, and the question is asked again.
 */
import { type FailureCode, quorumOf, type VerificationPolicy } from '../protocol/index.ts';
import { accusedOf, attemptsOf, hasVoice, isActive, isStale, type Replica, type Role, type Shard } from './state.ts';

export interface ShardView {
  readonly policy: VerificationPolicy;
  readonly cancelling: boolean;
  /** Template and inputs are here; else nothing that is revealed can be judged any more. */
  readonly canJudge: boolean;
  readonly attemptsMax: number;
  /** Not heard from for `suspectMs`, or slow: another copy is wanted, and nobody is blamed. */
  doubtful(replica: Replica): boolean;
  /** The provider has surely given up (silence longer than lease and grace, or the deadline passed). */
  hopeless(replica: Replica): boolean;
}

export interface ShardNeeds {
  /** Further replicas wanted. */
  readonly copies: number;
  readonly role: Role;
  readonly lose: readonly Replica[];
  readonly cancel: readonly Replica[];
  readonly reveal: readonly Replica[];
  /** Compare what is revealed. */
  readonly judge: boolean;
  /** Revealed after the shard was accepted: judged against what was accepted. */
  readonly late: readonly Replica[];
  /** Committed or revealed, but nothing to compare with: ends undecided. */
  readonly undecided: readonly Replica[];
  readonly exhausted: { readonly code: FailureCode; readonly reason: string } | null;
  /** The answer that is being checked was lost on this computer: somebody begins anew. */
  readonly restart: boolean;
  /** It was opened again, and cannot be checked: its old answer stands, and is doubted. */
  readonly restore: boolean;
  readonly cancelled: boolean;
}

/** Declines, and what never reached a provider, cost no attempt, but no shard asks for ever. */
const declinesPerAttemptMax = 20;

const nothing: ShardNeeds = {
  copies: 0,
  role: 'copy',
  lose: [],
  cancel: [],
  reveal: [],
  judge: false,
  late: [],
  undecided: [],
  exhausted: null,
  restart: false,
  restore: false,
  cancelled: false,
};

export function decideShard(shard: Shard, view: ShardView): ShardNeeds {
  const lose = shard.replicas.filter((replica) => isWaitedFor(replica) && view.hopeless(replica));
  const aside = shard.state === 'open' ? shard.replicas.filter((replica) => isAside(replica, shard)) : [];
  const rest = shard.replicas.filter((replica) => !lose.includes(replica) && !aside.includes(replica));
  const working = rest.filter(isWorking);
  const committed = rest.filter((replica) => replica.state === 'committed');
  const revealed = rest.filter((replica) => replica.state === 'revealed');
  const told = rest.filter(hasVoice);
  const idle = aside.filter((replica) => !lose.includes(replica));
  const base = {
    ...nothing,
    lose,
    cancel: idle.filter(isWorking),
    undecided: idle.filter((replica) => isStale(replica, shard) && isActive(replica) && !isWorking(replica)),
  };
  switch (shard.state) {
    case 'accepted':
      if (!view.canJudge) return { ...base, cancel: working, undecided: [...committed, ...revealed] };
      return { ...base, cancel: working, reveal: committed, late: revealed };
    case 'exhausted':
    case 'cancelled':
      return { ...base, cancel: working, undecided: [...committed, ...revealed] };
    case 'open':
      return view.cancelling
        ? decideCancelling(shard, view, base, { working, committed, told })
        : decideOpen(shard, view, base, { working, committed, told });
  }
}

export function isWaitedFor(replica: Replica): boolean {
  return replica.state === 'assigned' || replica.state === 'running' || replica.state === 'committed';
}

/**
 * It has nothing to say at present: it checks an answer that does not count any more; or it is another answer, and waits, while the
 * tokens of the first are checked.
 */
function isAside(replica: Replica, shard: Shard): boolean {
  if (replica.checks !== undefined) return isStale(replica, shard);
  return shard.auditBy === 'check' && replica !== accusedOf(shard);
}

export function isWorking({ state }: Replica): boolean {
  return state === 'assigned' || state === 'running';
}

interface Groups {
  readonly working: readonly Replica[];
  readonly committed: readonly Replica[];
  readonly told: readonly Replica[];
}

/** Nobody is asked to reveal before all copies have committed or are given up. */
function decideOpen(shard: Shard, view: ShardView, base: ShardNeeds, { working, committed, told }: Groups): ShardNeeds {
  const { target } = shard;
  if (shard.auditBy === 'check' && accusedOf(shard) === undefined) return { ...base, restart: true };
  if (told.length >= target) return { ...base, judge: true };
  const reveal = committed.length + told.length >= target ? committed : [];

  // A provider may also die between its commitment and its reveal.
  const live = [...working, ...committed];
  const sure = live.filter((replica) => !view.doubtful(replica)).length + told.length;
  const missing = target - sure;
  if (missing <= 0) return { ...base, reveal };
  const attempts = attemptsOf(shard);
  // This computer would only say the same again.
  const isPointless = shard.replicas.some(({ role, failure }) => role === 'own-node' && failure?.code === 'bad-input');
  const mayTry =
    !isPointless && attempts < view.attemptsMax && shard.replicas.length < view.attemptsMax * declinesPerAttemptMax;
  if (mayTry) {
    const role = live.length + told.length > sure ? 'hedge' : roleOf(shard);
    return { ...base, reveal, copies: Math.min(missing, view.attemptsMax - attempts), role };
  }
  if (reveal.length > 0) return { ...base, reveal };
  // No attempts left: wait for whoever may still answer, then make do with a quorum.
  if (working.length > 0) return base;
  if (committed.length + told.length >= quorumOf(view.policy, shard.audit !== null)) {
    return committed.length > 0 ? { ...base, reveal: committed } : { ...base, judge: true };
  }
  if (shard.before !== null) return { ...base, restore: true };
  const last = shard.replicas.findLast((replica) => replica.state === 'failed' || replica.state === 'lost');
  const failure = last?.failure;
  const how =
    failure === undefined ? (last?.state ?? 'was declined') : `failed with ${failure.code}: ${failure.reason}`;
  const made = attempts === 1 ? '1 attempt was made, and' : `${attempts} attempts were made; the last one`;
  const reason = `${made} ${how}`.slice(0, 500);
  return { ...base, exhausted: { code: failure?.code ?? 'no-capacity', reason } };
}

function roleOf({ audit, disagreements }: Shard): Role {
  if (disagreements > 0) return 'tie-breaker';
  return audit === null ? 'copy' : 'validator';
}

/** What is committed by enough providers is still revealed, judged and paid; the rest ends. */
function decideCancelling(
  shard: Shard,
  view: ShardView,
  base: ShardNeeds,
  { working, committed, told }: Groups,
): ShardNeeds {
  if (working.length > 0) return { ...base, cancel: [...base.cancel, ...working] };
  const isOwn = shard.replicas.some((replica) => replica.role === 'own-node');
  const quorum = isOwn ? 1 : quorumOf(view.policy, shard.audit !== null);
  // After a disagreement a quorum is no news; only the tie-breaker's copy is.
  const enough = shard.disagreements === 0 ? quorum : shard.target;
  if (view.canJudge && committed.length + told.length >= enough) {
    return committed.length > 0 ? { ...base, reveal: committed } : { ...base, judge: true };
  }
  return shard.before === null ? { ...base, cancelled: true } : { ...base, restore: true };
}
