/**
 * The books: a projection of the log. What this node owes and has set aside as a payer, and what it is owed as a payee.
 * Bounded: entries of settled work are removed; per peer the last payments stay (`paidTailMax`).
 *
 * Every amount is in micro-credits. Nothing here depends on the order of keys, which a snapshot does not keep.
 */
import type { Projection } from '../journal/index.ts';
import {
  type EpochMs,
  type EventOf,
  type Id,
  type Micro,
  micro,
  type PaidReplica,
  type PeerId,
  paidTailMax,
  type ReplicaId,
  type SignedVoucher,
} from '../protocol/index.ts';
import { adoptionOf } from './adopt.ts';
import { pointAfter, pointOf, samePoint } from './chain.ts';
import { noSpending, type Spending, spendOn } from './spending.ts';
import { addUnpaid, minuteOf, takeUnpaid, type UnpaidByMinute } from './strangers.ts';
import { append, newTail, priceIn, seqReaching, type Tail } from './tail.ts';

/** What this node pays one peer. */
export interface PayerBook {
  /** Of the channel that `tail` is about. */
  epoch: number;
  /** What the payee holds of channels before that, as far as we know. */
  closedMicro: Micro;
  tail: Tail;
  /** The highest voucher that the payee has stored, as far as we know. */
  ackedMicro: Micro;
  ackedSeq: number;
  reservedMicro: Micro;
  /** Log entry that last moved the tail's end: durable with it. */
  changedAt: number;
  /** Log entry of the last adoption: points from before it are of another history. */
  adoptedAt: number;
  /** Jobs whose replicas this peer may have been paid for in a life that we forgot: it is not paid for them again. */
  doubtfulJobs: Id[];
}

/** What one peer pays this node. */
export interface PayeeBook {
  /** Of channels before that of `best`. */
  closedMicro: Micro;
  best: SignedVoucher | null;
  /** The last payments of that voucher, oldest first, at most `paidTailMax`. */
  recent: PaidReplica[];
  inFlightMicro: Micro;
  /** Accepted work that no voucher covers yet. */
  owedMicro: Micro;
  /** Work whose results the client has seen and, whatever its verdict, not paid. */
  unpaidShownMicro: Micro;
  /** Of the work done for it, what its vouchers have covered. */
  settledMicro: Micro;
  /** Log entry that last raised the best voucher. */
  changedAt: number;
}

interface Reservation {
  readonly peer: PeerId;
  readonly jobId: Id;
  readonly priceMicro: Micro;
}

interface Due {
  readonly client: PeerId;
  readonly priceMicro: Micro;
  /** Of its admission. */
  readonly minute: number;
}

/** Replica ids are made by clients, and two of them may make the same one. */
type DueKey = string;

export interface Books {
  payers: Record<PeerId, PayerBook>;
  payees: Record<PeerId, PayeeBook>;
  reservations: Record<ReplicaId, Reservation>;
  /** Per job that has not ended. */
  jobs: Record<Id, { reservedMicro: Micro; spentMicro: Micro }>;
  /** Replicas of those jobs that an adopted voucher had paid. */
  adopted: Record<ReplicaId, PeerId>;
  /** Work for others under way, and accepted but unpaid; see {@link dueKey}. */
  inFlight: Record<DueKey, Due>;
  owed: Record<DueKey, Due>;
  /** What was admitted in the last hour and neither paid nor given back. */
  unpaid: UnpaidByMinute;
  /** Of all reservations. */
  reservedMicro: Micro;
  today: Spending;
}

export function dueKey(client: PeerId, replicaId: ReplicaId): DueKey {
  return `${replicaId} ${client}`;
}

export function replicaOf(key: DueKey): ReplicaId {
  return key.slice(0, key.indexOf(' '));
}

export const booksProjection: Projection<Books> = {
  name: 'books',
  version: 5,
  initial: () => ({
    payers: {},
    payees: {},
    reservations: {},
    jobs: {},
    adopted: {},
    inFlight: {},
    owed: {},
    unpaid: {},
    reservedMicro: micro.zero,
    today: noSpending(),
  }),
  apply(books, { seq, at, event }) {
    switch (event.type) {
      case 'job.created':
        books.jobs[event.jobId] ??= { reservedMicro: micro.zero, spentMicro: micro.zero };
        break;
      case 'job.ended':
        endJob(books, event.jobId);
        break;
      case 'payment.reserved':
        reserve(books, event);
        break;
      case 'payment.released':
        unreserve(books, event.replicaId);
        break;
      case 'payment.paid':
        pay(books, event, seq, at);
        break;
      case 'payment.acked':
        acknowledge(books, event);
        break;
      case 'payment.adopted':
        adopt(books, event, seq, at);
        break;
      case 'payment.renewed':
        renew(books, event, seq, at);
        break;
      case 'payment.extended':
        extend(books, event, at);
        break;
      case 'payment.earned':
        earn(books, event.peer, event.replicaId);
        break;
      case 'payment.dropped':
        writeOff(books, event);
        break;
      case 'payment.received':
        receive(books, event, seq);
        break;
    }
  },
};

/** Was the replica paid in a life that a backup forgot, or may it have been? Then it is not paid again. */
export function paidBefore(books: Books, replicaId: ReplicaId): boolean {
  if (books.adopted[replicaId] !== undefined) return true;
  const jobId = jobOf(replicaId);
  const end = replicaId.slice(-8);
  return Object.entries(books.payers).some(([peer, book]) => peer.endsWith(end) && book.doubtfulJobs.includes(jobId));
}

function jobOf(replicaId: ReplicaId): Id {
  return replicaId.slice(0, 32);
}

// ── payer ──

function payerBook(books: Books, peer: PeerId): PayerBook {
  books.payers[peer] ??= {
    epoch: 0,
    closedMicro: micro.zero,
    tail: newTail(),
    ackedMicro: micro.zero,
    ackedSeq: 0,
    reservedMicro: micro.zero,
    changedAt: 0,
    adoptedAt: 0,
    doubtfulJobs: [],
  };
  return books.payers[peer];
}

function reserve(books: Books, { replicaId, peer, jobId, priceMicro }: EventOf<'payment.reserved'>): void {
  books.reservations[replicaId] = { peer, jobId, priceMicro };
  const book = payerBook(books, peer);
  book.reservedMicro = micro.add(book.reservedMicro, priceMicro);
  books.reservedMicro = micro.add(books.reservedMicro, priceMicro);
  books.jobs[jobId] ??= { reservedMicro: micro.zero, spentMicro: micro.zero };
  const job = books.jobs[jobId];
  job.reservedMicro = micro.add(job.reservedMicro, priceMicro);
}

function unreserve(books: Books, replicaId: ReplicaId): Reservation | null {
  const reservation = books.reservations[replicaId];
  if (reservation === undefined) return null;
  const { peer, jobId, priceMicro } = reservation;
  delete books.reservations[replicaId];
  books.reservedMicro = micro.subtract(books.reservedMicro, priceMicro);
  const job = books.jobs[jobId];
  if (job !== undefined) job.reservedMicro = micro.subtract(job.reservedMicro, priceMicro);
  const book = payerBook(books, peer);
  book.reservedMicro = micro.subtract(book.reservedMicro, priceMicro);
  if (book.epoch === 0 && book.tail.end.seq === 0 && book.reservedMicro === micro.zero) delete books.payers[peer];
  return reservation;
}

function spend(books: Books, jobId: Id, priceMicro: Micro): void {
  const job = books.jobs[jobId];
  if (job !== undefined) job.spentMicro = micro.add(job.spentMicro, priceMicro);
}

/** @throws Error when the payment does not follow from the books: two were computed for one moment. */
function pay(books: Books, event: EventOf<'payment.paid'>, seq: number, at: EpochMs): void {
  const { replicaId, peer, jobId, priceMicro } = event;
  const book = payerBook(books, peer);
  const reservation = books.reservations[replicaId];
  const paid: PaidReplica = { replicaId, priceMicro };
  if (reservation?.peer !== peer || reservation.priceMicro !== priceMicro) {
    throw new Error(`${replicaId} is paid without its reservation`);
  }
  if (!samePoint(pointAfter(book.tail.end, paid), event)) {
    throw new Error(
      `the payment of ${replicaId} does not follow the one before: pay replicas of one moment in one call`,
    );
  }
  append(book.tail, paid);
  book.changedAt = seq;
  unreserve(books, replicaId);
  spend(books, jobId, priceMicro);
  spendOn(books.today, at, peer, priceMicro);
}

function acknowledge(books: Books, { peer, cumulativeMicro }: EventOf<'payment.acked'>): void {
  const book = payerBook(books, peer);
  if (!micro.less(book.ackedMicro, cumulativeMicro)) return;
  book.ackedMicro = cumulativeMicro;
  book.ackedSeq = seqReaching(book.tail, cumulativeMicro);
}

function adopt(books: Books, event: EventOf<'payment.adopted'>, seq: number, at: EpochMs): void {
  const { voucher, replicas } = event;
  const { body } = voucher;
  const book = payerBook(books, body.payee);
  const isForgottenEpoch = body.epoch > book.epoch;
  if (isForgottenEpoch) beginEpoch(book, body.epoch, book.ackedMicro);
  const adoption = adoptionOf(book.tail, pointOf(body), replicas);
  if (adoption.kind !== 'merged' && adoption.kind !== 'unlisted') return;
  const paidHere = new Set(book.tail.recent.map(({ replicaId }) => replicaId));
  book.tail = adoption.tail;
  book.ackedMicro = body.cumulativeMicro;
  book.ackedSeq = body.seq;
  book.changedAt = seq;
  book.adoptedAt = seq;
  for (const { replicaId, priceMicro } of adoption.kind === 'merged' ? adoption.forgotten : replicas) {
    if (!paidHere.has(replicaId)) settleByAdoption(books, body.payee, replicaId, priceMicro, at);
  }
  if (adoption.kind === 'unlisted' || isForgottenEpoch) doubt(books, body.payee, book, at);
}

function renew(books: Books, { peer, epoch, held }: EventOf<'payment.renewed'>, seq: number, at: EpochMs): void {
  const book = payerBook(books, peer);
  if (epoch <= book.epoch) return;
  beginEpoch(book, epoch, held.body.cumulativeMicro);
  book.changedAt = seq;
  book.adoptedAt = seq;
  doubt(books, peer, book, at);
}

function beginEpoch(book: PayerBook, epoch: number, heldMicro: Micro): void {
  book.epoch = epoch;
  book.closedMicro = micro.add(book.closedMicro, heldMicro);
  book.tail = newTail();
  book.ackedMicro = micro.zero;
  book.ackedSeq = 0;
}

/** Which replicas a forgotten life has paid is not known: what is open at this peer counts as paid, and never is again. */
function doubt(books: Books, payee: PeerId, book: PayerBook, at: EpochMs): void {
  for (const [replicaId, { peer, priceMicro }] of Object.entries(books.reservations)) {
    if (peer === payee) settleByAdoption(books, peer, replicaId, priceMicro, at);
  }
  book.doubtfulJobs = Object.keys(books.jobs).sort();
}

function settleByAdoption(books: Books, peer: PeerId, replicaId: ReplicaId, priceMicro: Micro, at: EpochMs): void {
  if (books.reservations[replicaId]?.peer === peer) unreserve(books, replicaId);
  const jobId = jobOf(replicaId);
  if (books.jobs[jobId] === undefined) return;
  books.adopted[replicaId] = peer;
  spend(books, jobId, priceMicro);
  spendOn(books.today, at, peer, priceMicro);
}

function endJob(books: Books, jobId: Id): void {
  delete books.jobs[jobId];
  for (const replicaId of Object.keys(books.adopted)) if (jobOf(replicaId) === jobId) delete books.adopted[replicaId];
  for (const book of Object.values(books.payers)) {
    if (book.doubtfulJobs.includes(jobId)) book.doubtfulJobs = book.doubtfulJobs.filter((id) => id !== jobId);
  }
}

/** All that this node ever paid a peer. */
export function paidTo(book: PayerBook | undefined): Micro {
  return book === undefined ? micro.zero : micro.add(book.closedMicro, book.tail.end.cumulativeMicro);
}

/** Of that, what the peer holds. */
export function ackedBy(book: PayerBook | undefined): Micro {
  return book === undefined ? micro.zero : micro.add(book.closedMicro, book.ackedMicro);
}

// ── payee ──

/** All that a client's vouchers ever paid. */
export function receivedFrom(book: PayeeBook | undefined): Micro {
  return book === undefined ? micro.zero : micro.add(book.closedMicro, book.best?.body.cumulativeMicro ?? micro.zero);
}

function payeeBook(books: Books, client: PeerId): PayeeBook {
  books.payees[client] ??= {
    closedMicro: micro.zero,
    best: null,
    recent: [],
    inFlightMicro: micro.zero,
    owedMicro: micro.zero,
    unpaidShownMicro: micro.zero,
    settledMicro: micro.zero,
    changedAt: 0,
  };
  return books.payees[client];
}

function forgetIfEmpty(books: Books, client: PeerId): void {
  const book = books.payees[client];
  if (book === undefined || book.best !== null) return;
  const isEmpty = [book.inFlightMicro, book.owedMicro, book.unpaidShownMicro].every((sum) => sum === micro.zero);
  if (isEmpty) delete books.payees[client];
}

/** What a voucher has paid already (a payee restored from a backup may run a replica twice) is not due again. */
function extend(books: Books, { replicaId, peer, priceMicro }: EventOf<'payment.extended'>, at: EpochMs): void {
  const book = payeeBook(books, peer);
  const dueMicro = lessPaid(priceMicro, priceIn(book.recent, replicaId) ?? micro.zero);
  if (dueMicro !== micro.zero) {
    const minute = minuteOf(at);
    books.inFlight[dueKey(peer, replicaId)] = { client: peer, priceMicro: dueMicro, minute };
    book.inFlightMicro = micro.add(book.inFlightMicro, dueMicro);
    addUnpaid(books.unpaid, peer, minute, dueMicro);
  }
  forgetIfEmpty(books, peer);
}

function earn(books: Books, client: PeerId, replicaId: ReplicaId): void {
  const due = drop(books, client, replicaId);
  if (due === null) return;
  const book = payeeBook(books, client);
  books.owed[dueKey(client, replicaId)] = due;
  book.owedMicro = micro.add(book.owedMicro, due.priceMicro);
}

function drop(books: Books, client: PeerId, replicaId: ReplicaId): Due | null {
  const key = dueKey(client, replicaId);
  const due = books.inFlight[key];
  if (due === undefined) return null;
  delete books.inFlight[key];
  const book = payeeBook(books, client);
  book.inFlightMicro = micro.subtract(book.inFlightMicro, due.priceMicro);
  return due;
}

function dropOwed(books: Books, client: PeerId, replicaId: ReplicaId): Due | null {
  const key = dueKey(client, replicaId);
  const due = books.owed[key];
  if (due === undefined) return null;
  delete books.owed[key];
  const book = payeeBook(books, client);
  book.owedMicro = micro.subtract(book.owedMicro, due.priceMicro);
  return due;
}

function writeOff(books: Books, { peer, replicaId, shown, worked }: EventOf<'payment.dropped'>): void {
  const due = drop(books, peer, replicaId) ?? dropOwed(books, peer, replicaId);
  if (due === null) return;
  const book = payeeBook(books, peer);
  if (shown) book.unpaidShownMicro = micro.add(book.unpaidShownMicro, due.priceMicro);
  else if (!worked) takeUnpaid(books.unpaid, peer, due.minute, due.priceMicro);
  forgetIfEmpty(books, peer);
}

function receive(books: Books, { voucher, amountMicro, replicas }: EventOf<'payment.received'>, seq: number): void {
  const client = voucher.body.payer;
  const book = payeeBook(books, client);
  if (book.best !== null && voucher.body.epoch > book.best.body.epoch) {
    book.closedMicro = micro.add(book.closedMicro, book.best.body.cumulativeMicro);
    book.recent = [];
  }
  book.best = voucher;
  book.changedAt = seq;
  let unlistedMicro = amountMicro;
  for (const paid of replicas) {
    book.recent.push(paid);
    // The verdict may have been lost: that the client pays says that it accepted.
    earn(books, client, paid.replicaId);
    const surplusMicro = cover(books, dueKey(client, paid.replicaId), paid.priceMicro);
    // Paid after it was written off.
    const lateMicro = micro.min(book.unpaidShownMicro, surplusMicro);
    book.unpaidShownMicro = micro.subtract(book.unpaidShownMicro, lateMicro);
    book.settledMicro = micro.add(book.settledMicro, lateMicro);
    unlistedMicro = lessPaid(unlistedMicro, paid.priceMicro);
  }
  if (book.recent.length > paidTailMax) book.recent.splice(0, book.recent.length - paidTailMax);
  if (unlistedMicro === micro.zero) return;
  // Paid for more than a list holds: it covers what is owed, whichever it was. Sorted, as a snapshot keeps no order.
  for (const key of Object.keys(books.owed).sort()) {
    if (books.owed[key]?.client === client) unlistedMicro = cover(books, key, unlistedMicro);
  }
}

/** A client that lists less than the price stays in debt with the rest. @returns what of `paidMicro` is left. */
function cover(books: Books, key: DueKey, paidMicro: Micro): Micro {
  const due = books.owed[key];
  if (due === undefined) return paidMicro;
  const { client, minute } = due;
  const coveredMicro = micro.min(due.priceMicro, paidMicro);
  const restMicro = micro.subtract(due.priceMicro, coveredMicro);
  if (restMicro === micro.zero) delete books.owed[key];
  else books.owed[key] = { client, priceMicro: restMicro, minute };
  const book = payeeBook(books, client);
  book.owedMicro = micro.subtract(book.owedMicro, coveredMicro);
  book.settledMicro = micro.add(book.settledMicro, coveredMicro);
  takeUnpaid(books.unpaid, client, minute, coveredMicro);
  return micro.subtract(paidMicro, coveredMicro);
}

function lessPaid(priceMicro: Micro, paidMicro: Micro): Micro {
  return micro.less(paidMicro, priceMicro) ? micro.subtract(priceMicro, paidMicro) : micro.zero;
}
