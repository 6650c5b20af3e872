/**
 * The accounting core of a node: what it sets aside and pays as a payer, what it grants and collects as a payee, with one
 * book per peer and direction. PAYMENTS, sections 1 and 5.
 *
 * The decisions return events; the caller commits them together with its own, in the order: reserve → (durable) → the work
 * leaves → verdict → pay → (durable) → settle.
 *
 *     await journal.commit([...assigned, ...payment.reserve({ jobId, replicaId, payee, priceMicro })]);
 *     …
 *     await journal.commit([judged, ...payment.pay(replicaId)]);
 *     payment.settle(provider);
 *
 * A node does not pay itself: nothing in here takes the own peer id. All amounts are micro-credits.
 */
import type { Journal, View } from '../journal/index.ts';
import { MessageRefused } from '../messaging/index.ts';
import type { Clock, Logger, Signer, Verifier } from '../ports/index.ts';
import {
  type AnyMessage,
  type Id,
  type MessageBody,
  type Micro,
  micro,
  type NodeEvent,
  type PeerId,
  type ReplicaId,
  type Statement,
  type WalletSummary,
} from '../protocol/index.ts';
import { type Books, booksProjection, paidBefore } from './books.ts';
import { type Point, pointAfter, pointOf, startPoint } from './chain.ts';
import { VoucherCollector } from './collector.ts';
import { creditRail } from './credit-rail.ts';
import type { Fault } from './rail.ts';
import { type Mail, VoucherSender } from './sender.ts';
import { summarise } from './summary.ts';
import { priceIn } from './tail.ts';

export interface PaymentOptions {
  /** Not yet opened: the projection `books` is registered on it. */
  readonly journal: Journal;
  readonly messenger: Mail;
  readonly clock: Clock;
  readonly signer: Signer;
  readonly verifier: Verifier;
  readonly log: Logger;
  /** Unpaid work, running or done, that this node grants each client; hard. */
  readonly creditLimitMicro: Micro;
}

export type Admission =
  /** `leftMicro`: of the limit, before this work. */
  | { readonly ok: true; readonly leftMicro: Micro }
  | { readonly ok: false; readonly leftMicro: Micro; readonly message: string };

/** Of so much that a client paid, one is forgiven that it did not pay. PAYMENTS, section 5: “10 % of what it has settled”. */
const forgivenPerPaid = 10n;

export class Payment {
  readonly #self: PeerId;
  readonly #books: View<Books>;
  readonly #mail: Mail;
  readonly #log: Logger;
  readonly #creditLimitMicro: Micro;
  readonly #sender: VoucherSender;
  readonly #collector: VoucherCollector;

  constructor(options: PaymentOptions) {
    const { journal, messenger: mail, clock, signer, verifier, log } = options;
    const self = signer.peerId;
    const books = journal.register(booksProjection);
    const rail = creditRail(signer, verifier);
    this.#self = self;
    this.#books = books;
    this.#mail = mail;
    this.#log = log;
    this.#creditLimitMicro = options.creditLimitMicro;
    this.#sender = new VoucherSender({ self, journal, books, mail, clock, rail, log });
    this.#collector = new VoucherCollector({ self, journal, books, rail, log });
    mail.handle('payment.voucher', (from, { voucher, replicas }) => this.#collector.onVoucher(from, voucher, replicas));
    mail.handle('payment.ack', (from, { ack }) => this.#onAck(from, ack));
    mail.handle('payment.statement', (from, { statements }) => this.#onStatements(from, statements));
    mail.onUp((peer) => void this.#onUp(peer));
  }

  /** After journal and network are up: sends what was paid and not acknowledged in the last run. */
  start(): void {
    this.#sender.start();
  }

  /** Sends nothing more. What is not acknowledged follows from the log in the next run. */
  stop(): void {
    this.#sender.stop();
  }

  // ── payer ──

  /**
   * Sets the price aside. Durable before the work leaves. Empty for a replica that a forgotten voucher had paid.
   * @throws Error when the replica is reserved or was paid already, or the payee is this node.
   */
  reserve(work: { jobId: Id; replicaId: ReplicaId; payee: PeerId; priceMicro: Micro }): NodeEvent[] {
    const { jobId, replicaId, payee, priceMicro } = work;
    const books = this.#books.state;
    if (payee === this.#self) throw new Error('a node does not pay itself');
    if (books.reservations[replicaId] !== undefined) throw new Error(`${replicaId} is reserved already`);
    if (paidBefore(books, replicaId)) return [];
    if (priceIn(books.payers[payee]?.tail.recent ?? [], replicaId) !== null) {
      throw new Error(`${replicaId} was paid already`);
    }
    return [{ type: 'payment.reserved', replicaId, peer: payee, priceMicro, jobId }];
  }

  /** Whose price is set aside for a replica; null when none is (any more). */
  payeeOf(replicaId: ReplicaId): PeerId | null {
    return this.#books.state.reservations[replicaId]?.peer ?? null;
  }

  /** Ends a reservation without payment; empty when there is none (any more). */
  release(replicaId: ReplicaId, reason: string): NodeEvent[] {
    const reservation = this.#books.state.reservations[replicaId];
    if (reservation === undefined) return [];
    return [{ type: 'payment.released', replicaId, ...reservation, reason: reason.slice(0, 500) }];
  }

  /**
   * Pays replicas from their reservations: I2, once at most. Replicas that are paid in one commit come in one call, as each
   * payment builds on the one before; a second call before the commit gives events that the books refuse.
   *
   * Empty only for a replica that was, or may have been, paid in a life that a backup forgot.
   * @throws Error when there is no reservation: the replica was paid or released before.
   */
  pay(...replicaIds: ReplicaId[]): NodeEvent[] {
    const books = this.#books.state;
    const points = new Map<PeerId, Point>();
    const once = new Set<ReplicaId>();
    return replicaIds.flatMap((replicaId): NodeEvent[] => {
      const reservation = books.reservations[replicaId];
      if (reservation === undefined || once.has(replicaId)) {
        if (paidBefore(books, replicaId)) return [];
        throw new Error(`${replicaId} has no reservation: it was paid or released already`);
      }
      once.add(replicaId);
      const { peer, jobId, priceMicro } = reservation;
      const point = pointAfter(points.get(peer) ?? books.payers[peer]?.tail.end ?? startPoint, {
        replicaId,
        priceMicro,
      });
      points.set(peer, point);
      return [{ type: 'payment.paid', replicaId, peer, priceMicro, jobId, ...pointOf(point) }];
    });
  }

  /** Reserved by a job that has not ended. */
  reservedOf(jobId: Id): Micro {
    return this.#books.state.jobs[jobId]?.reservedMicro ?? micro.zero;
  }

  /** Paid by a job that has not ended; zero afterwards (`job.ended` holds the sum). */
  spentOf(jobId: Id): Micro {
    return this.#books.state.jobs[jobId]?.spentMicro ?? micro.zero;
  }

  /** What the payee may count as unpaid: reserved, and paid by a voucher that it has not acknowledged. */
  openWith(payee: PeerId): Micro {
    const book = this.#books.state.payers[payee];
    if (book === undefined) return micro.zero;
    const { tail, ackedMicro, reservedMicro } = book;
    return micro.add(reservedMicro, micro.subtract(tail.end.cumulativeMicro, ackedMicro));
  }

  /**
   * After the commit of {@link pay} is durable: sends one voucher for all that was paid. Returns at once; repeats with
   * pauses (`voucherRetry`) until the payee acknowledges.
   */
  settle(peer: PeerId): void {
    this.#sender.settle(peer);
  }

  // ── payee ──

  /**
   * Unpaid work that a client is granted: one limit for all in this version, less what the client has seen and never paid.
   * Else a client could take results, call each of them bad, and begin anew. Honest verdicts without payment are rare:
   * up to a tenth (`forgivenPerPaid`) of what the client has really paid they cost it nothing.
   */
  creditLimitFor(client: PeerId): Micro {
    const book = this.#books.state.payees[client];
    if (book === undefined) return this.#creditLimitMicro;
    const paid = BigInt(book.best?.body.cumulativeMicro ?? micro.zero);
    const excess = BigInt(book.unpaidShownMicro) - paid / forgivenPerPaid;
    const limit = BigInt(this.#creditLimitMicro);
    return (excess <= 0n ? limit : excess < limit ? limit - excess : 0n).toString();
  }

  /** What a client is as a payer: paid in all, and unpaid now. */
  paidBy(client: PeerId): { readonly paidMicro: Micro; readonly unpaidMicro: Micro } {
    const book = this.#books.state.payees[client];
    return {
      paidMicro: book?.best?.body.cumulativeMicro ?? micro.zero,
      unpaidMicro: micro.add(book?.inFlightMicro ?? micro.zero, book?.owedMicro ?? micro.zero),
    };
  }

  /** May work of this price begin? In flight + earned + price − best voucher ≤ limit. */
  admits(client: PeerId, priceMicro: Micro): Admission {
    const book = this.#books.state.payees[client];
    const unpaidMicro = micro.add(book?.inFlightMicro ?? micro.zero, book?.owedMicro ?? micro.zero);
    const limitMicro = this.creditLimitFor(client);
    const leftMicro = micro.less(unpaidMicro, limitMicro) ? micro.subtract(limitMicro, unpaidMicro) : micro.zero;
    if (!micro.less(leftMicro, priceMicro)) return { ok: true, leftMicro };
    return {
      ok: false,
      leftMicro,
      message: `${unpaidMicro} micro-credits of work are unpaid and this costs ${priceMicro}; the limit is ${limitMicro}`,
    };
  }

  /**
   * Unpaid work for a client begins; after {@link admits}.
   * @throws Error when the replica is counted already, for this or another client.
   */
  extend(work: { replicaId: ReplicaId; client: PeerId; priceMicro: Micro }): NodeEvent[] {
    const { replicaId, client, priceMicro } = work;
    const { inFlight, owed } = this.#books.state;
    if (client === this.#self) throw new Error('a node does not pay itself');
    if (inFlight[replicaId] !== undefined || owed[replicaId] !== undefined) {
      throw new Error(`${replicaId} is in the books already`);
    }
    return [{ type: 'payment.extended', replicaId, peer: client, priceMicro }];
  }

  /** The client accepted it. Empty when it is not in flight (any more): its voucher may have come before its verdict. */
  earn(replicaId: ReplicaId): NodeEvent[] {
    const due = this.#books.state.inFlight[replicaId];
    if (due === undefined) return [];
    return [{ type: 'payment.earned', replicaId, peer: due.client, priceMicro: due.priceMicro }];
  }

  /**
   * It will not be paid. Empty when it is not in flight (any more).
   * @param shown the client has seen the results: see {@link creditLimitFor}.
   */
  drop(replicaId: ReplicaId, reason: string, shown: boolean): NodeEvent[] {
    const due = this.#books.state.inFlight[replicaId];
    if (due === undefined) return [];
    return [
      {
        type: 'payment.dropped',
        replicaId,
        peer: due.client,
        priceMicro: due.priceMicro,
        reason: reason.slice(0, 500),
        shown,
      },
    ];
  }

  // ── both ──

  summary(): WalletSummary {
    return summarise(this.#books.state, (peer) => this.creditLimitFor(peer));
  }

  /** Reconnected: each side shows its books of both directions, and the other sends what is missing (crash rule 5). */
  async #onUp(peer: PeerId): Promise<void> {
    if (peer === this.#self) return;
    try {
      const views = [this.#sender.statement(peer), await this.#collector.statement(peer)];
      const statements = views.filter((view): view is Statement => view !== null);
      if (statements.length === 0) return;
      await this.#mail.send(peer, { type: 'payment.statement', body: { statements } });
      this.#sender.nudge(peer);
    } catch (error) {
      this.#log.debug({ peer, error: error instanceof Error ? error.message : String(error) }, 'no statement was sent');
    }
  }

  async #onAck(from: PeerId, ack: MessageBody<'payment.ack'>['ack']): Promise<null> {
    refuse(await this.#sender.onAck(from, ack));
    return null;
  }

  async #onStatements(from: PeerId, statements: readonly Statement[]): Promise<AnyMessage | null> {
    let answer: AnyMessage | null = null;
    for (const statement of statements) {
      if (statement.payer === from && statement.payee === this.#self) {
        answer = await this.#collector.onStatement(from, statement);
      } else if (statement.payer === this.#self && statement.payee === from) {
        refuse(await this.#sender.reconcile(from, statement.best, statement.recent));
      } else {
        throw new MessageRefused('bad-message', 'a statement is about the two peers that exchange it');
      }
    }
    return answer;
  }
}

/** @throws MessageRefused when there is a fault. */
function refuse(fault: Fault | null): void {
  if (fault !== null) throw new MessageRefused(fault.code, fault.message);
}
