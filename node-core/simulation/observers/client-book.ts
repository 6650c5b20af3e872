/**
 * What a node's log says of the jobs that it submitted and the money that it spent: folded here once more and on its own,
 * so that a mistake in the node's projections does not hide itself. I1, I2, I3, I5, I6 and I8 are checked on each entry.
 */
import {
  copiesOf,
  hashOf,
  type Id,
  isSigned,
  type JobState,
  type LogEntry,
  type NodeEvent,
  type PeerId,
  type PlannedJob,
  quorumOf,
  type Receipt,
  type ReplicaEvent,
  type ReplicaId,
  type ReplicaState,
  receiptFault,
  type Sha256,
  type ShardEvent,
  type ShardId,
  type ShardState,
  type SignedCommitment,
  type Verdict,
  type VerifiesBytes,
} from '../../protocol/index.ts';
import { whyUnconvincing } from './evidence.ts';
import type { Fault } from './fault.ts';
import { isOver, jobMayBecome, replicaAfter, replicaMayBecome, shardAfter, shardMayBecome } from './transitions.ts';

export interface ReplicaFacts {
  readonly replicaId: ReplicaId;
  readonly shardId: ShardId;
  readonly jobId: Id;
  readonly provider: PeerId;
  readonly isOwn: boolean;
  /** It checked another one's tokens: what it revealed is no answer. */
  readonly isCheck: boolean;
  readonly priceMicro: bigint;
  /** Virtual time at which its deadline passes by the client's clock. */
  readonly deadlineElapsedMs: number;
  state: ReplicaState;
  /** Virtual time of its last change; a log that is read anew is all of one moment. */
  changedElapsedMs: number;
  /** The same by the log. */
  changedAt: number;
  digest: Sha256 | null;
  commitment: SignedCommitment | null;
  resultHash: Sha256 | null;
  verdict: Verdict | null;
  /** Place in the log of what must be durable before others hear of it; 0 = not there. */
  assignedSeq: number;
  reservedSeq: number;
  judgedSeq: number;
  isReserved: boolean;
  isPaid: boolean;
}

/** By default a checker is waited for this long. */
const auditWaitMs = 20_000;

export interface ShardFacts {
  readonly shardId: ShardId;
  readonly start: number;
  readonly count: number;
  state: ShardState;
  how: string | null;
  outputsHash: Sha256 | null;
  /** Place in the log of its acceptance; 0 = not there. */
  acceptedSeq: number;
  mark: string | null;
  /** Place of the canary in what its copies are given. */
  canaryAt: number | null;
  /** When somebody last was asked to check its answer, or was to be, by the log; null = nobody is. */
  auditedAt: number | null;
  /** Nobody was there to check its answer. */
  isUnaudited: boolean;
  readonly replicas: ReplicaFacts[];
  /** Had committed when all had, and may be asked for their outputs. */
  readonly opened: Set<ReplicaId>;
}

export interface JobFacts {
  readonly jobId: Id;
  readonly job: PlannedJob;
  readonly inputsHash: Sha256;
  readonly createdElapsedMs: number;
  readonly deadlineElapsedMs: number;
  state: JobState;
  shards: ShardFacts[];
  reservedMicro: bigint;
  spentMicro: bigint;
  isCancelling: boolean;
  cancelledElapsedMs: number | null;
  endedElapsedMs: number | null;
  code: string | null;
  reason: string;
  resultsHash: Sha256 | null;
}

interface PayerFacts {
  /** Of the channel that the sums are about. */
  epoch: number;
  /** Sums of what was paid, with the place in the log; rising. */
  readonly points: Array<{ seq: number; cumulativeMicro: bigint }>;
  ackedMicro: bigint;
  /** It showed payments that a restored backup did not know: what may be among them is sent again without a reservation. */
  hasReminded: boolean;
}

const verdictEvents = {
  accepted: 'accept',
  rejected: 'reject',
  undecided: 'leave-undecided',
  superseded: 'supersede',
} as const;

/** An attempt that ended like this gave no vote: its provider may try again. */
const voteless: ReadonlySet<string> = new Set(['declined', 'failed', 'cancelled', 'lost']);

export class ClientBook {
  readonly jobs = new Map<Id, JobFacts>();
  readonly replicas = new Map<ReplicaId, ReplicaFacts>();
  readonly payers = new Map<PeerId, PayerFacts>();
  /** Reserved prices that are neither paid nor released. */
  readonly reserved = new Map<ReplicaId, ReplicaFacts>();
  readonly receipts: Receipt[] = [];
  /** Hashes of receipts for work between others. */
  readonly heard = new Set<Sha256>();
  /** Providers that get no paid work any more. */
  readonly excluded = new Set<PeerId>();
  /** Those and who was readmitted. */
  readonly everExcluded = new Set<PeerId>();
  /** Good checks in a row, by provider: all jobs of a scenario have one template. */
  readonly streaks = new Map<PeerId, number>();
  /** Checks in all, by provider. */
  readonly checks = new Map<PeerId, number>();
  /** Times that it was found wrong as a checker, but for those that lost their weight since (decision 17, point 8). */
  readonly wrongVerdicts = new Map<PeerId, number>();
  /** Place in the log of the first exclusion. */
  firstExcludedSeq = Number.POSITIVE_INFINITY;
  /** Prices paid for what was not accepted: must stay zero. */
  lostMicro = 0n;
  itemsAssigned = 0;
  /** Canaries that were sent, and single answers that one of them had checked. */
  canaries = 0;
  audits = 0;
  itemsWanted = 0;
  #at = 0;
  /** Paid in a life that a backup forgot. */
  readonly #adopted = new Set<ReplicaId>();
  readonly #fault: Fault;
  readonly #verifier: VerifiesBytes;
  readonly #ownPeer: PeerId;

  constructor(fault: Fault, verifier: VerifiesBytes, ownPeer: PeerId) {
    this.#fault = fault;
    this.#verifier = verifier;
    this.#ownPeer = ownPeer;
  }

  /** Has a job not ended? */
  get hasOpenJobs(): boolean {
    for (const { endedElapsedMs } of this.jobs.values()) if (endedElapsedMs === null) return true;
    return false;
  }

  /** @param elapsedMs virtual time of the entry. */
  take({ seq, at, event }: LogEntry, elapsedMs: number): void {
    this.#at = at;
    switch (event.type) {
      case 'job.created': {
        const { jobId, job, deadlineAt, inputsHash } = event;
        if (this.jobs.has(jobId)) this.#fault('I1', `job ${jobId} was created twice`);
        this.itemsWanted += job.items * copiesOf(job.policy);
        this.jobs.set(jobId, {
          jobId,
          job,
          inputsHash,
          createdElapsedMs: elapsedMs,
          deadlineElapsedMs: elapsedMs + deadlineAt - at,
          state: 'planning',
          shards: [],
          reservedMicro: 0n,
          spentMicro: 0n,
          isCancelling: false,
          cancelledElapsedMs: null,
          endedElapsedMs: null,
          code: null,
          reason: '',
          resultsHash: null,
        });
        break;
      }
      case 'job.planned': {
        const job = this.#job(event);
        this.#moveJob(job, 'running');
        let start = 0;
        job.shards = event.counts.map((count, index) => {
          const shard: ShardFacts = {
            shardId: `${event.jobId}.${index}`,
            start,
            count,
            state: 'open',
            how: null,
            outputsHash: null,
            acceptedSeq: 0,
            mark: null,
            canaryAt: null,
            auditedAt: null,
            isUnaudited: false,
            replicas: [],
            opened: new Set(),
          };
          start += count;
          return shard;
        });
        if (start !== job.job.items)
          this.#fault('I1', `job ${event.jobId} of ${job.job.items} items was cut into ${start}`);
        break;
      }
      case 'job.cancelling': {
        const job = this.#job(event);
        if (job.isCancelling) this.#fault('I1', `job ${event.jobId} is cancelled twice`);
        job.isCancelling = true;
        job.cancelledElapsedMs = elapsedMs;
        break;
      }
      case 'job.ended':
        this.#endJob(this.#job(event), event, elapsedMs);
        break;
      case 'shard.accepted': {
        const shard = this.#shard(event);
        this.#moveShard(shard, 'accept');
        shard.how = event.how;
        shard.outputsHash = event.outputsHash;
        shard.acceptedSeq = seq;
        shard.mark = event.mark ?? null;
        this.#checkQuorum(this.#job(event), shard);
        break;
      }
      case 'shard.reopened':
        this.#moveShard(this.#shard(event), 'reopen');
        break;
      case 'shard.exhausted':
        this.#moveShard(this.#shard(event), 'exhaust');
        break;
      case 'shard.cancelled':
        this.#moveShard(this.#shard(event), 'cancel');
        break;
      case 'replica.assigned': {
        const { replicaId, shardId, jobId, provider, role, priceMicro, deadlineAt } = event;
        if (this.replicas.has(replicaId)) this.#fault('I1', `the replica id ${replicaId} was used twice`);
        const shard = this.#shard(event);
        if (shard.state !== 'open') this.#fault('I1', `${replicaId} was assigned to a shard that is ${shard.state}`);
        if (this.#job(event).isCancelling)
          this.#fault('I1', `${replicaId} was assigned although its job is being ended`);
        if (this.excluded.has(provider))
          this.#fault('I2', `${replicaId} gives paid work to ${provider}, which was excluded`);
        const rival = shard.replicas.find((other) => other.provider === provider && !voteless.has(other.state));
        // The own node may try again: its copy is alone, so there is no vote.
        if (rival !== undefined && role !== 'own-node')
          this.#fault('I2', `${replicaId} gives ${provider} a second vote on one shard`);
        const replica: ReplicaFacts = {
          replicaId,
          shardId,
          jobId,
          provider,
          isOwn: role === 'own-node',
          isCheck: event.checks !== undefined,
          priceMicro: BigInt(priceMicro),
          deadlineElapsedMs: elapsedMs + deadlineAt - at,
          state: 'assigned',
          changedElapsedMs: elapsedMs,
          changedAt: at,
          digest: null,
          commitment: null,
          resultHash: null,
          verdict: null,
          assignedSeq: seq,
          reservedSeq: 0,
          judgedSeq: 0,
          isReserved: false,
          isPaid: false,
        };
        this.itemsAssigned += shard.count;
        if (role === 'validator') shard.auditedAt = at;
        if (event.canary === undefined && shard.canaryAt !== null)
          this.#fault('I10', `${replicaId} is given other items than the first copy of its shard`);
        shard.canaryAt = event.canary?.at ?? null;
        if (event.canary !== undefined) this.canaries++;
        shard.replicas.push(replica);
        this.replicas.set(replicaId, replica);
        break;
      }
      case 'replica.started':
        this.#move(event, 'start', elapsedMs);
        break;
      case 'replica.declined':
        this.#move(event, 'decline', elapsedMs);
        break;
      case 'replica.failed':
        this.#move(event, 'fail', elapsedMs);
        break;
      case 'replica.cancelled':
        this.#move(event, 'cancel', elapsedMs);
        break;
      case 'replica.lost':
        this.#move(event, 'lose', elapsedMs);
        break;
      case 'replica.committed': {
        const replica = this.#move(event, 'commit', elapsedMs);
        const { body, by } = event.commitment;
        if (by !== replica.provider || body.replicaId !== replica.replicaId || body.peerId !== replica.provider) {
          this.#fault('I1', `${event.replicaId} has the commitment of ${body.replicaId} by ${by}`);
        }
        if (!isSigned(this.#verifier, 'commitment', event.commitment)) {
          this.#fault('I8', `the commitment of ${event.replicaId} is not signed by its provider`);
        }
        replica.digest = body.digest;
        replica.commitment = event.commitment;
        break;
      }
      case 'replica.revealed':
        this.#move(event, 'reveal', elapsedMs).resultHash = event.resultHash;
        break;
      case 'replica.judged': {
        const replica = this.#move(event, verdictEvents[event.verdict], elapsedMs);
        replica.verdict = event.verdict;
        replica.judgedSeq = seq;
        if (event.verdict === 'rejected') this.#checkEvidence(replica, event.evidence);
        break;
      }
      case 'shard.audited':
        this.#shard(event).auditedAt = at;
        if (event.why === 'canary') this.audits++;
        break;
      case 'shard.unaudited': {
        const shard = this.#shard(event);
        const { auditedAt, replicas } = shard;
        if (auditedAt === null || at - auditedAt < auditWaitMs)
          this.#fault('I2', `${event.shardId} is left unchecked, and nobody was waited for`);
        const runs = replicas.find(({ state }) => state === 'assigned' || state === 'running');
        if (runs !== undefined) this.#fault('I2', `${event.shardId} is left unchecked while ${runs.replicaId} runs`);
        shard.isUnaudited = true;
        break;
      }
      case 'check.recorded':
        if (event.unit === 'verdicts') {
          if (!event.ok) this.wrongVerdicts.set(event.provider, (this.wrongVerdicts.get(event.provider) ?? 0) + 1);
          break;
        }
        this.checks.set(event.provider, (this.checks.get(event.provider) ?? 0) + 1);
        if (event.canary && event.ok) break;
        this.streaks.set(event.provider, event.ok ? (this.streaks.get(event.provider) ?? 0) + 1 : 0);
        break;
      case 'check.voided':
        if (event.unit === 'verdicts') {
          this.wrongVerdicts.set(event.provider, (this.wrongVerdicts.get(event.provider) ?? 0) - 1);
        }
        break;
      case 'peer.excluded':
        this.excluded.add(event.provider);
        this.everExcluded.add(event.provider);
        this.firstExcludedSeq = Math.min(this.firstExcludedSeq, seq);
        break;
      case 'peer.readmitted':
        if (!this.excluded.delete(event.provider))
          this.#fault('I1', `${event.provider} was readmitted, and is not excluded`);
        break;
      case 'peer.penalised': {
        if (event.evidence.accused.commitment.by !== event.peerId) {
          this.#fault(
            'I8',
            `${event.peerId} was penalised by evidence against ${event.evidence.accused.commitment.by}`,
          );
        }
        this.#checkEvidence(this.#replica(event), event.evidence);
        break;
      }
      case 'receipt.stored': {
        const fault = receiptFault(this.#verifier, event.receipt);
        if (fault !== null) this.#fault('I8', `a receipt about ${event.receipt.body.provider} was stored: ${fault}`);
        this.receipts.push(event.receipt);
        break;
      }
      case 'receipt.heard': {
        const { body } = event.receipt;
        const fault = receiptFault(this.#verifier, event.receipt);
        if (fault !== null)
          this.#fault('I8', `a receipt of ${body.client} about ${body.provider} was believed: ${fault}`);
        this.heard.add(hashOf(body));
        break;
      }
      default:
        if (event.type.startsWith('payment.')) this.#money(event, seq);
    }
  }

  /** What was ever paid to a peer and is in the first `synced` entries: no voucher may be higher. */
  durablyPaid(payee: PeerId, synced: number): bigint {
    return this.payers.get(payee)?.points.findLast((point) => point.seq <= synced)?.cumulativeMicro ?? 0n;
  }

  #money(event: NodeEvent, seq: number): void {
    switch (event.type) {
      case 'payment.reserved': {
        const replica = this.#replica(event);
        const job = this.#job(event);
        if (replica.isReserved || replica.isPaid) this.#fault('I2', `${event.replicaId} was reserved twice`);
        if (BigInt(event.priceMicro) !== replica.priceMicro) {
          this.#fault('I3', `${event.replicaId} costs ${replica.priceMicro}, but ${event.priceMicro} are reserved`);
        }
        replica.isReserved = true;
        replica.reservedSeq = seq;
        this.reserved.set(event.replicaId, replica);
        job.reservedMicro += replica.priceMicro;
        this.#checkBudget(job);
        break;
      }
      case 'payment.released': {
        const replica = this.#replica(event);
        if (!replica.isReserved) this.#fault('I3', `${event.replicaId} was released without a reservation`);
        if (!isOver(replica.state)) {
          this.#fault('I3', `${event.replicaId} was released while it is ${replica.state}`);
        }
        if (replica.state === 'lost' && replica.changedAt === this.#at) {
          this.#fault('I3', `${event.replicaId} was released as soon as it was lost: it might still have been done`);
        }
        this.#unreserve(replica);
        break;
      }
      case 'payment.paid': {
        const replica = this.#replica(event);
        if (replica.isPaid) this.#fault('I2', `${event.replicaId} was paid twice`);
        if (!replica.isReserved) this.#fault('I3', `${event.replicaId} was paid without a reservation`);
        if (replica.verdict !== 'accepted') {
          this.lostMicro += BigInt(event.priceMicro);
          this.#fault('I2', `${event.replicaId} was paid, and it is ${replica.state}`);
        }
        if (replica.resultHash === null) this.#fault('I2', `${event.replicaId} was paid without a revealed result`);
        if (event.peer !== replica.provider || BigInt(event.priceMicro) !== replica.priceMicro) {
          this.#fault(
            'I3',
            `${event.replicaId} is of ${replica.provider} for ${replica.priceMicro}; paid was another sum or peer`,
          );
        }
        this.#unreserve(replica);
        replica.isPaid = true;
        const job = this.#job(event);
        job.spentMicro += replica.priceMicro;
        this.#checkBudget(job);
        const payer = this.#payer(event.peer);
        const before = payer.points.at(-1)?.cumulativeMicro ?? 0n;
        if (BigInt(event.cumulativeMicro) !== before + replica.priceMicro) {
          this.#fault('I3', `after ${before} and ${replica.priceMicro} the voucher says ${event.cumulativeMicro}`);
        }
        payer.points.push({ seq, cumulativeMicro: BigInt(event.cumulativeMicro) });
        break;
      }
      case 'payment.acked': {
        const payer = this.#payer(event.peer);
        const acked = BigInt(event.cumulativeMicro);
        if (acked > (payer.points.at(-1)?.cumulativeMicro ?? 0n)) {
          this.#fault('I3', `${event.peer} acknowledged ${acked}, more than it was ever paid`);
        }
        if (acked > payer.ackedMicro) payer.ackedMicro = acked;
        break;
      }
      case 'payment.adopted': {
        const payer = this.#payer(event.voucher.body.payee);
        const { cumulativeMicro, epoch } = event.voucher.body;
        if (epoch > payer.epoch) Object.assign(payer, { epoch, points: [] });
        for (const { replicaId, priceMicro } of event.replicas) {
          const known = this.replicas.get(replicaId);
          if (known?.isPaid === true || this.#adopted.has(replicaId)) continue;
          this.#adopted.add(replicaId);
          if (known !== undefined) {
            this.#unreserve(known);
            known.isPaid = true;
          }
          const job = this.jobs.get(replicaId.slice(0, 32));
          if (job?.endedElapsedMs === null) job.spentMicro += BigInt(priceMicro);
        }
        // What was paid since and the other side has not heard of comes on top.
        const listed = new Set(event.replicas.map(({ replicaId }) => replicaId));
        let mineMicro = 0n;
        for (const replica of this.replicas.values()) {
          if (replica.provider === event.voucher.body.payee && replica.isPaid && !listed.has(replica.replicaId))
            mineMicro += replica.priceMicro;
        }
        payer.points.push({ seq, cumulativeMicro: BigInt(cumulativeMicro) + mineMicro });
        payer.ackedMicro = BigInt(cumulativeMicro);
        payer.hasReminded = true;
        break;
      }
      case 'payment.renewed':
        Object.assign(this.#payer(event.peer), { epoch: event.epoch, points: [], ackedMicro: 0n, hasReminded: true });
        break;
    }
  }

  #endJob(job: JobFacts, event: Extract<NodeEvent, { type: 'job.ended' }>, elapsedMs: number): void {
    const { jobId, state, code, reason, shardsAccepted, itemsAccepted, spentMicro, resultsHash } = event;
    this.#moveJob(job, state);
    job.endedElapsedMs = elapsedMs;
    job.code = code;
    job.reason = reason;
    job.resultsHash = resultsHash;
    const accepted = job.shards.filter((shard) => shard.state === 'accepted');
    const items = accepted.reduce((sum, shard) => sum + shard.count, 0);
    if (shardsAccepted !== accepted.length || itemsAccepted !== items) {
      this.#fault('I6', `job ${jobId} ended with ${itemsAccepted} items, but ${items} were accepted`);
    }
    if (state === 'done' && items !== job.job.items)
      this.#fault('I6', `job ${jobId} is done with ${items} of ${job.job.items} items`);
    if (state !== 'done' && reason === '') this.#fault('I6', `job ${jobId} is ${state} without a reason`);
    if (state === 'failed' && code === null) this.#fault('I6', `job ${jobId} failed without a code`);
    if (items > 0 && resultsHash === null)
      this.#fault('I6', `job ${jobId} ended without the ${items} answers that it has`);
    if (BigInt(spentMicro) !== job.spentMicro) {
      this.#fault('I5', `job ${jobId} spent ${job.spentMicro}, and says ${spentMicro}`);
    }
    const active = job.shards.flatMap((shard) => shard.replicas).find((replica) => !isOver(replica.state));
    if (active !== undefined) this.#fault('I6', `job ${jobId} ended while ${active.replicaId} is ${active.state}`);
  }

  /** An answer needs what the policy asks for. */
  #checkQuorum({ job }: JobFacts, shard: ShardFacts): void {
    const accepted = shard.replicas.filter((replica) => replica.verdict === 'accepted').length;
    const wanted = quorumOf(job.policy, shard.how === 'checked');
    if (accepted < wanted && shard.how !== 'own-node') {
      this.#fault('I2', `shard ${shard.shardId} was accepted by ${accepted} of ${wanted} copies`);
    }
    const alone = shard.replicas.find((replica) => replica.verdict === 'accepted' && !replica.isCheck)?.provider ?? '';
    if (
      job.policy.type === 'adaptive' &&
      shard.how === 'unchecked-by-policy' &&
      shard.mark === null &&
      !shard.isUnaudited
    ) {
      const streak = this.streaks.get(alone) ?? 0;
      if (streak < job.policy.streak)
        this.#fault(
          'I2',
          `shard ${shard.shardId} was not checked, and its provider has ${streak} good checks in a row`,
        );
    }
    if (shard.how === 'checked' && accepted < 2)
      this.#fault('I2', `shard ${shard.shardId} is called checked by ${accepted} copies`);
  }

  #checkBudget({ jobId, job, spentMicro, reservedMicro }: JobFacts): void {
    if (spentMicro + reservedMicro > BigInt(job.budgetMicro)) {
      this.#fault(
        'I5',
        `job ${jobId} may spend ${job.budgetMicro}: ${spentMicro} are spent and ${reservedMicro} reserved`,
      );
    }
  }

  #unreserve(replica: ReplicaFacts): void {
    if (!replica.isReserved) return;
    replica.isReserved = false;
    this.reserved.delete(replica.replicaId);
    const job = this.jobs.get(replica.jobId);
    if (job !== undefined) job.reservedMicro -= replica.priceMicro;
  }

  #move(event: { replicaId: ReplicaId }, by: ReplicaEvent, elapsedMs: number): ReplicaFacts {
    const replica = this.#replica(event);
    const next = replicaAfter[by];
    if (!replicaMayBecome[replica.state].includes(next))
      this.#fault('I1', `${event.replicaId}: ${by} while it is ${replica.state}`);
    replica.state = next;
    replica.changedElapsedMs = elapsedMs;
    replica.changedAt = this.#at;
    return replica;
  }

  #moveShard(shard: ShardFacts, by: ShardEvent): void {
    const next = shardAfter[by];
    if (!shardMayBecome[shard.state].includes(next))
      this.#fault('I1', `shard ${shard.shardId}: ${by} while it is ${shard.state}`);
    shard.state = next;
  }

  #moveJob(job: JobFacts, next: JobState): void {
    if (!jobMayBecome[job.state].includes(next))
      this.#fault('I1', `job ${job.jobId}: ${next} while it is ${job.state}`);
    job.state = next;
  }

  #checkEvidence(replica: ReplicaFacts, evidence: unknown): void {
    const why = this.whyUnconvincing(replica, evidence);
    if (why !== null) this.#fault('I8', `${replica.replicaId} was rejected, and the evidence convinces nobody: ${why}`);
  }

  /** @param evidence against a replica's provider, as it was written or sent. */
  whyUnconvincing({ jobId, shardId, replicaId, provider }: ReplicaFacts, evidence: unknown): string | null {
    const { count, canaryAt } = this.#shard({ jobId, shardId });
    const items = count + (canaryAt === null ? 0 : 1);
    return whyUnconvincing(
      this.#verifier,
      { client: this.#ownPeer, provider, jobId, shardId, replicaId, items },
      evidence,
    );
  }

  #job({ jobId }: { jobId: Id }): JobFacts {
    return this.jobs.get(jobId) ?? this.#fault('I1', `the log speaks of the unknown job ${jobId}`);
  }

  #shard(event: { jobId: Id; shardId: ShardId }): ShardFacts {
    const shard = this.#job(event).shards.find(({ shardId }) => shardId === event.shardId);
    return shard ?? this.#fault('I1', `the log speaks of the unknown shard ${event.shardId}`);
  }

  #replica({ replicaId }: { replicaId: ReplicaId }): ReplicaFacts {
    return this.replicas.get(replicaId) ?? this.#fault('I1', `the log speaks of the unknown replica ${replicaId}`);
  }

  #payer(peer: PeerId): PayerFacts {
    let payer = this.payers.get(peer);
    if (payer === undefined) {
      payer = { epoch: 0, points: [], ackedMicro: 0n, hasReminded: false };
      this.payers.set(peer, payer);
    }
    return payer;
  }
}
