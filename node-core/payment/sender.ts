/**
 * The payer's messages: one voucher to a peer at a time, for all that was paid by then; sent again with growing pauses
 * until the payee says that it holds it.
 *
 * A voucher is only ever made of what is durable (crash rule 2): memory is ahead of the disk while a commit is under way,
 * so the last durable payment is kept beside the books.
 */
import type { Journal, View } from '../journal/index.ts';
import type { Messenger } from '../messaging/index.ts';
import type { Clock, Logger } from '../ports/index.ts';
import {
  type LogEntry,
  type MessageBody,
  micro,
  type PeerId,
  type ReplicaId,
  type Statement,
} from '../protocol/index.ts';
import { adoptionOf } from './adopt.ts';
import type { Books, PayerBook } from './books.ts';
import { type Point, pointOf } from './chain.ts';
import type { Channel, Fault, PaymentRail } from './rail.ts';
import { newTail, paymentsAfter, pointWithHead, priceIn } from './tail.ts';

/** The part of the messenger that payment needs. */
export type Mail = Pick<Messenger, 'handle' | 'onUp' | 'request' | 'send'>;

/** How a voucher is repeated that nobody acknowledges. */
export const voucherRetry = {
  /** Pause before the second attempt; doubles with each. */
  pauseMs: 1_000,
  pauseMsMax: 60_000,
  /** After so many the next payment or connection begins anew. */
  attemptsMax: 10,
  /** Statements in a row that a payee may answer with before there is a pause. */
  correctionsMax: 3,
} as const;

/** Per connection: a statement names 256 replicas, and a payee that never has enough gets no more answers. */
const voidAnswersMax = 8;

export interface SenderOptions {
  readonly self: PeerId;
  readonly journal: Journal;
  readonly books: View<Books>;
  readonly mail: Mail;
  readonly clock: Clock;
  readonly rail: PaymentRail;
  readonly log: Logger;
}

interface Outgoing {
  sending: boolean;
  attempts: number;
  cancelTimer: (() => void) | null;
  /** What the payee last said that it holds, when that differs from what the books say. */
  heldSeq: number | null;
}

export class VoucherSender {
  readonly #options: SenderOptions;
  readonly #outgoing = new Map<PeerId, Outgoing>();
  /** Last payment to each peer that became durable in this run: what counts while the next one is being written. */
  readonly #durable = new Map<PeerId, { at: number; point: Point }>();
  /** What a payee called due, until it is answered; and how many such answers it had since we met. */
  readonly #claims = new Map<PeerId, readonly ReplicaId[]>();
  readonly #voided = new Map<PeerId, number>();
  #stopped = false;

  constructor(options: SenderOptions) {
    this.#options = options;
    options.journal.subscribe((entry) => this.#onDurable(entry));
  }

  /** Sends what is unacknowledged to every payee. */
  start(): void {
    const { payers } = this.#options.books.state;
    for (const peer of Object.keys(payers).sort()) if (this.#claim(peer) !== null) this.settle(peer);
  }

  stop(): void {
    this.#stopped = true;
    for (const { cancelTimer } of this.#outgoing.values()) cancelTimer?.();
    this.#outgoing.clear();
  }

  /** Sends what was paid and is durable, soon and once for all that comes in the same moment. */
  settle(peer: PeerId): void {
    if (this.#stopped || peer === this.#options.self) return;
    const out = this.#of(peer);
    out.attempts = 0;
    out.cancelTimer?.();
    out.cancelTimer = null;
    if (out.sending) return;
    out.sending = true;
    void this.#run(peer, out);
  }

  /** A new connection. */
  met(peer: PeerId): void {
    this.#voided.delete(peer);
  }

  /** The peer is there again: unless the exchange of statements settles it, a voucher follows. */
  nudge(peer: PeerId): void {
    if (this.#stopped || this.#claim(peer) === null) return;
    const out = this.#of(peer);
    out.attempts = 0;
    if (!out.sending) this.#pause(peer, out, voucherRetry.pauseMs);
  }

  /** The channel as this node, its payer, knows it; null when it never paid or reserved anything. */
  statement(peer: PeerId): Statement | null {
    const book = this.#options.books.state.payers[peer];
    if (book === undefined) return null;
    const channel = this.#channel(peer);
    const point = this.#durablePoint(peer, book);
    return {
      channelId: this.#options.rail.channelId(channel),
      payer: channel.payer,
      payee: channel.payee,
      best: point === null || point.seq === 0 ? null : this.#options.rail.makeVoucher(channel, point),
      recent: point === null ? [] : paymentsAfter(book.tail, book.tail.base.seq, point.seq),
    };
  }

  /** What the payee holds, with a voucher that is signed by us or null. Adopts what we have forgotten. */
  async reconcile(peer: PeerId, { best, recent, due }: Statement): Promise<Fault | null> {
    const { rail, journal, log, books } = this.#options;
    const book = books.state.payers[peer];
    if (due !== undefined) this.#claims.set(peer, due);
    if (best === null) {
      if (book === undefined && due === undefined) return null;
      this.#of(peer).heldSeq = 0;
      this.settle(peer);
      return null;
    }
    const { epoch } = best.body;
    const fault = rail.voucherFault(best, { ...this.#channel(peer), epoch });
    if (fault !== null) return fault;
    const known = book?.epoch ?? 0;
    const renewed = Math.max(known, epoch) + 1;
    if (epoch < known) {
      // It has not heard of the new channel, or forgot it.
      this.#of(peer).heldSeq = 0;
      this.settle(peer);
      return null;
    }
    const tail = epoch > known ? newTail() : (book?.tail ?? newTail());
    const adoption = adoptionOf(tail, pointOf(best.body), recent);
    switch (adoption.kind) {
      case 'ours':
        this.#of(peer).heldSeq = best.body.seq;
        if (book !== undefined && micro.less(book.ackedMicro, best.body.cumulativeMicro))
          await this.#acknowledged(peer, best.body.cumulativeMicro);
        break;
      case 'refused':
        log.warn(
          { peer, seq: best.body.seq, epoch: renewed },
          'a payee’s books and ours can never agree again: beginning a new channel, and writing off what it does not hold. Was this node’s data restored from an old backup?',
        );
        this.#of(peer).heldSeq = 0;
        await journal.commit([{ type: 'payment.renewed', peer, epoch: renewed, held: best }]);
        break;
      default:
        log.warn(
          { peer, seq: best.body.seq, how: adoption.kind },
          'adopting a voucher that this node signed and has forgotten: was its data restored from a backup?',
        );
        this.#of(peer).heldSeq = best.body.seq;
        await journal.commit([{ type: 'payment.adopted', voucher: best, replicas: recent }]);
    }
    this.settle(peer);
    return null;
  }

  /** An acknowledgement that came on its own: late, or the answer to a statement. */
  async onAck(peer: PeerId, ack: MessageBody<'payment.ack'>['ack']): Promise<Fault | null> {
    const fault = this.#options.rail.ackFault(ack, this.#channel(peer));
    if (fault !== null) return fault;
    if ((await this.#take(peer, ack.body.head)) === 'unknown') this.nudge(peer);
    return null;
  }

  // ── sending ──

  async #run(peer: PeerId, out: Outgoing): Promise<void> {
    // One turn later, so that the payments of this moment share a voucher.
    await Promise.resolve();
    let corrections = 0;
    try {
      for (;;) {
        if (this.#stopped) return;
        const claim = this.#claim(peer);
        if (claim === null) {
          await this.#answerDue(peer);
          if (this.#claim(peer) === null) break;
          continue;
        }
        const outcome = await this.#sendOnce(peer, claim);
        corrections = outcome === 'corrected' ? corrections + 1 : 0;
        if (outcome === 'failed' || corrections > voucherRetry.correctionsMax) {
          this.#failed(peer, out);
          return;
        }
        if (outcome === 'acknowledged') out.attempts = 0;
      }
      if (out.heldSeq === null && this.#outgoing.get(peer) === out) this.#outgoing.delete(peer);
    } finally {
      out.sending = false;
    }
  }

  /** `corrected`: the payee's statement changed what we know, so the next attempt is another one. */
  async #sendOnce(peer: PeerId, point: Point): Promise<'acknowledged' | 'corrected' | 'failed'> {
    const { mail, rail, books, log } = this.#options;
    const book = books.state.payers[peer];
    const mine = this.statement(peer);
    if (book === undefined || mine === null) return 'failed';
    const channel = this.#channel(peer);
    const held = this.#heldSeq(peer, book);
    const { adoptedAt } = book;
    try {
      const answer = await mail.request(
        peer,
        held >= book.tail.base.seq
          ? {
              type: 'payment.voucher',
              body: {
                voucher: rail.makeVoucher(channel, point),
                replicas: paymentsAfter(book.tail, held, point.seq),
              },
            }
          : // More than a list holds: only with all that we know is the rest taken unlisted.
            { type: 'payment.statement', body: { statements: [mine] } },
        ['payment.ack', 'payment.statement'],
      );
      if (answer.type === 'payment.ack') {
        const fault = rail.ackFault(answer.body.ack, channel);
        if (fault !== null) throw new Error(fault.message);
        const taken = await this.#take(peer, answer.body.ack.body.head);
        if (taken === 'further') return 'acknowledged';
        // It holds another voucher of ours than we know of: its statement says which.
        const present = taken === 'unknown' ? this.statement(peer) : null;
        if (present !== null) await mail.send(peer, { type: 'payment.statement', body: { statements: [present] } });
        return 'failed';
      }
      for (const statement of answer.body.statements) {
        if (statement.payer !== channel.payer || statement.payee !== channel.payee) continue;
        const fault = await this.reconcile(peer, statement);
        if (fault !== null) throw new Error(fault.message);
      }
      const next = books.state.payers[peer];
      return next !== undefined && (next.adoptedAt !== adoptedAt || this.#heldSeq(peer, next) !== held)
        ? 'corrected'
        : 'failed';
    } catch (error) {
      log.debug(
        { peer, error: error instanceof Error ? error.message : String(error) },
        'a voucher was not acknowledged',
      );
      return 'failed';
    }
  }

  /**
   * All that was paid is held by the payee. What it still calls due and nothing is set aside for here, this node has
   * forgotten or written off: it says so, and the payee waits no longer.
   */
  async #answerDue(peer: PeerId): Promise<void> {
    const due = this.#claims.get(peer);
    if (due === undefined) return;
    this.#claims.delete(peer);
    const { books, rail, mail, journal, log } = this.#options;
    const { reservations, payers } = books.state;
    const recent = payers[peer]?.tail.recent ?? [];
    const voids = due.filter(
      (replicaId) => reservations[replicaId]?.peer !== peer && priceIn(recent, replicaId) === null,
    );
    const answers = this.#voided.get(peer) ?? 0;
    if (voids.length === 0 || answers >= voidAnswersMax) return;
    this.#voided.set(peer, answers + 1);
    const channel = this.#channel(peer);
    const { payer, payee } = channel;
    const empty: Statement = { channelId: rail.channelId(channel), payer, payee, best: null, recent: [] };
    try {
      await journal.settled();
      const statement = { ...(this.statement(peer) ?? empty), void: voids };
      await mail.send(peer, { type: 'payment.statement', body: { statements: [statement] } });
    } catch (error) {
      // Asked again at the next connection.
      log.debug({ peer, error: error instanceof Error ? error.message : String(error) }, 'no answer to what is due');
    }
  }

  #failed(peer: PeerId, out: Outgoing): void {
    if (this.#stopped) return;
    out.attempts++;
    if (out.attempts >= voucherRetry.attemptsMax) {
      this.#options.log.warn(
        { peer, attempts: out.attempts },
        'a payee does not acknowledge; waiting until it comes back',
      );
      return;
    }
    this.#pause(peer, out, Math.min(voucherRetry.pauseMsMax, voucherRetry.pauseMs * 2 ** (out.attempts - 1)));
  }

  #pause(peer: PeerId, out: Outgoing, ms: number): void {
    out.cancelTimer?.();
    out.cancelTimer = this.#options.clock.after(ms, () => {
      out.cancelTimer = null;
      if (out.sending || this.#stopped) return;
      out.sending = true;
      void this.#run(peer, out);
    });
  }

  /** The payee holds the voucher with this head, if it is one of ours. */
  async #take(peer: PeerId, head: string): Promise<'unknown' | 'same' | 'further'> {
    const book = this.#options.books.state.payers[peer];
    const point = book === undefined ? null : pointWithHead(book.tail, head);
    if (book === undefined || point === null) return 'unknown';
    const before = this.#heldSeq(peer, book);
    if (point.seq > before) this.#of(peer).heldSeq = point.seq;
    if (micro.less(book.ackedMicro, point.cumulativeMicro)) await this.#acknowledged(peer, point.cumulativeMicro);
    return point.seq > before ? 'further' : 'same';
  }

  #acknowledged(peer: PeerId, cumulativeMicro: string): Promise<void> {
    return this.#options.journal.commit([{ type: 'payment.acked', peer, cumulativeMicro }]);
  }

  // ── what is durable ──

  /** The durable point that the payee does not hold yet, or null. */
  #claim(peer: PeerId): Point | null {
    const book = this.#options.books.state.payers[peer];
    if (book === undefined) return null;
    const point = this.#durablePoint(peer, book);
    return point !== null && point.seq > this.#heldSeq(peer, book) ? point : null;
  }

  #heldSeq(peer: PeerId, book: PayerBook): number {
    return this.#outgoing.get(peer)?.heldSeq ?? book.ackedSeq;
  }

  #durablePoint(peer: PeerId, book: PayerBook): Point | null {
    if (book.changedAt <= this.#options.journal.durableSeq) return book.tail.end;
    const durable = this.#durable.get(peer);
    return durable !== undefined && durable.at > book.adoptedAt ? durable.point : null;
  }

  #onDurable({ seq, event }: LogEntry): void {
    if (event.type === 'payment.paid') this.#durable.set(event.peer, { at: seq, point: pointOf(event) });
  }

  #of(peer: PeerId): Outgoing {
    let out = this.#outgoing.get(peer);
    if (out === undefined) {
      out = { sending: false, attempts: 0, cancelTimer: null, heldSeq: null };
      this.#outgoing.set(peer, out);
    }
    return out;
  }

  #channel(payee: PeerId): Channel {
    return { payer: this.#options.self, payee, epoch: this.#options.books.state.payers[payee]?.epoch ?? 0 };
  }
}
