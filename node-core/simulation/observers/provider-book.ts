/** What a node's log says of the work that it did for others and what it got for it, folded once more. I1, I2, I3, I7. */
import type {
  Id,
  LogEntry,
  PeerId,
  ReplicaEvent,
  ReplicaId,
  ReplicaState,
  Sha256,
  Verdict,
} from '../../protocol/index.ts';
import type { Fault } from './fault.ts';
import { isOver, replicaAfter, replicaMayBecome } from './transitions.ts';

export interface WorkFacts {
  readonly replicaId: ReplicaId;
  readonly jobId: Id;
  readonly client: PeerId;
  readonly priceMicro: bigint;
  readonly leaseMs: number;
  readonly graceMs: number;
  state: ReplicaState;
  changedElapsedMs: number;
  /** Its run began: it has cost something. */
  isStarted: boolean;
  /** It failed here, by no doing of its client. */
  isOwnFailure: boolean;
  digest: Sha256 | null;
  verdict: Verdict | null;
  admittedSeq: number;
  committedSeq: number;
  /** Of the entry after which nothing will ever be claimed for it; 0 = not there. */
  endedSeq: number;
}

/** Waiting or running: in the queue's bounds, and gone with its process. */
export const isUnderWay = ({ state }: WorkFacts): boolean => state === 'queued' || state === 'running';

interface PayeeFacts {
  /** Of the channel that the sums are about. */
  epoch: number;
  readonly points: Array<{ seq: number; cumulativeMicro: bigint }>;
  /** Work that is not paid, dropped ones not counted. */
  readonly due: Map<ReplicaId, bigint>;
  readonly paid: Set<ReplicaId>;
  /** Results that the client has seen and not paid, whatever was said of them since. */
  readonly shown: Map<ReplicaId, bigint>;
  /** What it was given, by time, and has neither paid nor handed back without cost. */
  readonly taken: Map<ReplicaId, { at: number; priceMicro: bigint }>;
  /** Of what it was given, what it has paid. */
  settledMicro: bigint;
  unpaidMicro: bigint;
  mostUnpaidMicro: bigint;
}

export interface ProviderLimits {
  readonly ownPeer: PeerId;
  readonly strangersPerHourMicro: bigint;
  /** By the wire: the highest limit that this node told a client, and the highest that it may tell. */
  quotedMicro(client: PeerId): bigint;
  boundMicro(client: PeerId): bigint;
  readonly queueMax: number;
  readonly inFlightPerClientMax: number;
}

const hourMs = 3_600_000;

const verdictEvents = {
  accepted: 'accept',
  rejected: 'reject',
  undecided: 'leave-undecided',
  superseded: 'supersede',
} as const;

export class ProviderBook {
  /** Work that is not forgotten yet. */
  readonly work = new Map<ReplicaId, WorkFacts>();
  readonly payees = new Map<PeerId, PayeeFacts>();
  /** Commitments to work that is not forgotten: one per replica. */
  readonly digests = new Map<ReplicaId, Sha256>();
  readonly #fault: Fault;
  readonly #limits: ProviderLimits;

  constructor(fault: Fault, limits: ProviderLimits) {
    this.#fault = fault;
    this.#limits = limits;
  }

  take({ seq, at, event }: LogEntry, elapsedMs: number): void {
    switch (event.type) {
      case 'work.admitted': {
        const { replicaId, jobId, client, priceMicro, leaseMs, graceMs } = event;
        if (this.work.has(replicaId)) this.#fault('I1', `${replicaId} was admitted twice`);
        this.work.set(replicaId, {
          replicaId,
          jobId,
          client,
          priceMicro: BigInt(priceMicro),
          leaseMs,
          graceMs,
          state: 'queued',
          changedElapsedMs: elapsedMs,
          isStarted: false,
          isOwnFailure: false,
          digest: null,
          verdict: null,
          admittedSeq: seq,
          committedSeq: 0,
          endedSeq: 0,
        });
        this.#checkQueue(client);
        break;
      }
      case 'work.started':
        this.#move(event, 'start', elapsedMs).isStarted = true;
        break;
      case 'work.committed': {
        const work = this.#move(event, 'commit', elapsedMs);
        const { digest } = event.commitment.body;
        const before = this.digests.get(event.replicaId);
        if (before !== undefined && before !== digest)
          this.#fault('I2', `${event.replicaId} was committed to twice, differently`);
        this.digests.set(event.replicaId, digest);
        work.digest = digest;
        work.committedSeq = seq;
        break;
      }
      case 'work.revealed':
        this.#show(this.#move(event, 'reveal', elapsedMs));
        break;
      case 'work.failed': {
        const work = this.#move(event, 'fail', elapsedMs);
        work.endedSeq = seq;
        work.isOwnFailure = event.code !== 'expired';
        break;
      }
      case 'work.cancelled':
        this.#move(event, 'cancel', elapsedMs).endedSeq = seq;
        break;
      case 'work.judged': {
        const work = this.#move(event, verdictEvents[event.verdict], elapsedMs);
        work.verdict = event.verdict;
        if (event.verdict !== 'accepted') work.endedSeq = seq;
        break;
      }
      case 'work.lost':
        this.#move(event, 'lose', elapsedMs).endedSeq = seq;
        break;
      case 'work.forgotten':
        for (const replicaId of event.replicaIds) {
          const work = this.work.get(replicaId);
          if (work === undefined) this.#fault('I1', `${replicaId} was forgotten, and is unknown`);
          if (!isOver(work.state)) this.#fault('I1', `${replicaId} was forgotten while it is ${work.state}`);
          this.work.delete(replicaId);
          // A client that was restored from a backup may bring it once more, when nobody knows of the first time.
          this.digests.delete(replicaId);
        }
        break;
      case 'payment.extended': {
        const payee = this.#payee(event.peer);
        if (payee.due.has(event.replicaId)) this.#fault('I3', `credit for ${event.replicaId} was given twice`);
        if (payee.paid.has(event.replicaId)) break;
        payee.due.set(event.replicaId, BigInt(event.priceMicro));
        this.#change(payee, BigInt(event.priceMicro));
        const quoted = this.#limits.quotedMicro(event.peer);
        if (payee.unpaidMicro > quoted) {
          this.#fault(
            'I3',
            `${payee.unpaidMicro} of work for ${event.peer} are unpaid; the highest limit that it was told is ${quoted}`,
          );
        }
        payee.taken.set(event.replicaId, { at, priceMicro: BigInt(event.priceMicro) });
        this.#checkStrangers(at);
        break;
      }
      case 'payment.dropped': {
        const payee = this.#payee(event.peer);
        const due = payee.due.get(event.replicaId);
        if (due === undefined) this.#fault('I3', `${event.replicaId} was dropped, and nothing is due for it`);
        payee.due.delete(event.replicaId);
        this.#change(payee, -due);
        const work = this.work.get(event.replicaId);
        if (work === undefined || !work.isStarted || work.isOwnFailure) payee.taken.delete(event.replicaId);
        break;
      }
      case 'payment.received': {
        const { voucher, replicas } = event;
        const payee = this.#payee(voucher.body.payer);
        const cumulativeMicro = BigInt(voucher.body.cumulativeMicro);
        const { epoch } = voucher.body;
        if (epoch > payee.epoch) Object.assign(payee, { epoch, points: [] });
        const before = payee.points.at(-1)?.cumulativeMicro ?? 0n;
        if (cumulativeMicro <= before) this.#fault('I3', `a voucher of ${cumulativeMicro} replaced one of ${before}`);
        payee.points.push({ seq, cumulativeMicro });
        for (const { replicaId } of replicas) {
          if (payee.paid.has(replicaId)) this.#fault('I2', `${replicaId} was paid by two vouchers`);
          payee.paid.add(replicaId);
          payee.shown.delete(replicaId);
          payee.settledMicro += payee.taken.get(replicaId)?.priceMicro ?? 0n;
          payee.taken.delete(replicaId);
          const due = payee.due.get(replicaId);
          if (due === undefined) continue;
          payee.due.delete(replicaId);
          this.#change(payee, -due);
        }
        break;
      }
    }
  }

  /** The highest voucher in the first `synced` entries: no acknowledgement may name more. */
  durablyReceived(payer: PeerId, synced: number): bigint {
    return this.payees.get(payer)?.points.findLast((point) => point.seq <= synced)?.cumulativeMicro ?? 0n;
  }

  /**
   * By client: what was done for it and never paid, whether it still is in the books or was written off after its client had
   * seen it; and what it may be at most.
   */
  *lost(): Generator<{ readonly client: PeerId; readonly lostMicro: bigint; readonly limitMicro: bigint }> {
    for (const [client, { due, shown, points }] of this.payees) {
      let lostMicro = 0n;
      for (const priceMicro of new Map([...due, ...shown]).values()) lostMicro += priceMicro;
      const paidMicro = points.at(-1)?.cumulativeMicro ?? 0n;
      if (lostMicro > 0n) yield { client, lostMicro, limitMicro: this.#limits.boundMicro(client) + paidMicro / 10n };
    }
  }

  /** Nobody gets more for nothing than the limit, and a tenth of what it has paid. */
  #show({ client, replicaId, priceMicro }: WorkFacts): void {
    const { ownPeer } = this.#limits;
    if (client === ownPeer) return;
    const payee = this.#payee(client);
    if (payee.paid.has(replicaId)) return;
    payee.shown.set(replicaId, priceMicro);
    let shownMicro = 0n;
    for (const price of payee.shown.values()) shownMicro += price;
    const paidMicro = payee.points.at(-1)?.cumulativeMicro ?? 0n;
    const limitMicro = this.#limits.boundMicro(client);
    if (shownMicro > limitMicro + paidMicro / 10n) {
      this.#fault('I3', `${client} has seen results for ${shownMicro} and not paid them; the limit is ${limitMicro}`);
    }
  }

  /** Whoever they are: what clients took in an hour beyond what they ever settled has a bound. PAYMENTS §7 (12). */
  #checkStrangers(now: number): void {
    let lostMicro = 0n;
    for (const { taken, settledMicro } of this.payees.values()) {
      let mine = -settledMicro;
      for (const { at, priceMicro } of taken.values()) if (now - at < hourMs) mine += priceMicro;
      if (mine > 0n) lostMicro += mine;
    }
    const { strangersPerHourMicro } = this.#limits;
    if (lostMicro > strangersPerHourMicro)
      this.#fault('I3', `strangers have taken ${lostMicro} in an hour; the cap is ${strangersPerHourMicro}`);
  }

  #checkQueue(client: PeerId): void {
    const { queueMax, inFlightPerClientMax } = this.#limits;
    let pending = 0;
    let ofClient = 0;
    for (const work of this.work.values()) {
      if (!isUnderWay(work)) continue;
      pending++;
      if (work.client === client) ofClient++;
    }
    if (pending > queueMax) this.#fault('I7', `${pending} shards are in the queue of ${queueMax}`);
    if (ofClient > inFlightPerClientMax)
      this.#fault('I7', `${ofClient} shards of ${client} are here, at most ${inFlightPerClientMax}`);
  }

  #move(event: { replicaId: ReplicaId }, by: ReplicaEvent, elapsedMs: number): WorkFacts {
    const work =
      this.work.get(event.replicaId) ?? this.#fault('I1', `the log speaks of the unknown work ${event.replicaId}`);
    const next = replicaAfter[by];
    if (!replicaMayBecome[work.state].includes(next))
      this.#fault('I1', `work ${event.replicaId}: ${by} while it is ${work.state}`);
    work.state = next;
    work.changedElapsedMs = elapsedMs;
    return work;
  }

  #change(payee: PayeeFacts, byMicro: bigint): void {
    payee.unpaidMicro += byMicro;
    if (payee.unpaidMicro > payee.mostUnpaidMicro) payee.mostUnpaidMicro = payee.unpaidMicro;
  }

  #payee(peer: PeerId): PayeeFacts {
    let payee = this.payees.get(peer);
    if (payee === undefined) {
      payee = {
        epoch: 0,
        points: [],
        due: new Map(),
        paid: new Set(),
        shown: new Map(),
        taken: new Map(),
        settledMicro: 0n,
        unpaidMicro: 0n,
        mostUnpaidMicro: 0n,
      };
      this.payees.set(peer, payee);
    }
    return payee;
  }
}
