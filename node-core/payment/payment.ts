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
import { ackedBy, type Books, booksProjection, dueKey, paidBefore, receivedFrom } from './books.ts';
import { type Point, pointAfter, pointOf, startPoint } from './chain.ts';
import { VoucherCollector } from './collector.ts';
import { creditRail } from './credit-rail.ts';
import { type CreditLimit, type CreditRules, creditLimitOf } from './limits.ts';
import type { Fault } from './rail.ts';
import { type Mail, VoucherSender } from './sender.ts';
import { type Capped, cappedBy, leftOf, nextDay, type Outlay, type SpendingRules, spentOn } from './spending.ts';
import { roomForStranger, type StrangerView, strangersUse } from './strangers.ts';
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
  /** What clients are granted. Read at every decision, so that the owner may change it meanwhile. */
  readonly rules: CreditRules;
  /** What this node may spend. Read at every decision. */
  readonly spending: SpendingRules;
}

/** Work that a client wants done on credit. */
export interface CreditWish {
  /** What it will be due. */
  readonly priceMicro: Micro;
  /** What it costs by this node's own price list: so much is always granted to begin with. */
  readonly shardMicro: Micro;
  /** The limit that this node quoted it. Default: the present one. */
  readonly quotedMicro?: Micro;
}

export type Admission =
  /** `leftMicro`: of the limit, before this work. */
  | { readonly ok: true; readonly leftMicro: Micro }
  | { readonly ok: false; readonly leftMicro: Micro; readonly message: string; readonly retryAfterMs: number };

/** The client's own vouchers may come at any moment. */
const soonMs = 250;
/** Nothing is under way that could make room. */
const laterMs = 3_600_000;

export class Payment {
  readonly #self: PeerId;
  readonly #books: View<Books>;
  readonly #mail: Mail;
  readonly #log: Logger;
  readonly #clock: Clock;
  readonly #rules: CreditRules;
  readonly #spending: SpendingRules;
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
    this.#clock = clock;
    this.#rules = options.rules;
    this.#spending = options.spending;
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

  /** Which of the owner's caps stands against setting so much aside for a peer now; null = none. */
  cappedAt(payee: PeerId, priceMicro: Micro): Capped | null {
    const { dayMicroMax, peerDayMicroMax } = this.#spending;
    if (dayMicroMax === null && peerDayMicroMax === null) return null;
    const now = this.#clock.now();
    return (
      cappedBy(dayMicroMax, 'the spending cap for a day (spending.dayMicroMax)', this.outlay(null), priceMicro, now) ??
      cappedBy(
        peerDayMicroMax,
        'the spending cap for one peer and day (spending.peerDayMicroMax)',
        this.outlay(payee),
        priceMicro,
        now,
      )
    );
  }

  /** Spent today and set aside. @param peer null = at all of them. */
  outlay(peer: PeerId | null): Outlay {
    const { today, reservedMicro, payers } = this.#books.state;
    return {
      spentMicro: spentOn(today, this.#clock.now(), peer),
      reservedMicro: peer === null ? reservedMicro : (payers[peer]?.reservedMicro ?? micro.zero),
    };
  }

  /** What the caps leave for today; null = as much as the jobs' budgets allow. @param peer null = at all of them. */
  leftToday(peer: PeerId | null): Micro | null {
    const max = peer === null ? this.#spending.dayMicroMax : this.#spending.peerDayMicroMax;
    return max === null ? null : leftOf(max, this.outlay(peer));
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

  /** Unpaid work that a client is granted, and why. @param shardMicro price of the shards that it wants to give. */
  creditLimitOf(client: PeerId, shardMicro: Micro = micro.zero): CreditLimit {
    const { payers, payees } = this.#books.state;
    const book = payees[client];
    return creditLimitOf(
      this.#rules,
      {
        receivedMicro: receivedFrom(book),
        givenMicro: ackedBy(payers[client]),
        unpaidShownMicro: book?.unpaidShownMicro ?? micro.zero,
      },
      shardMicro,
    );
  }

  /** What a client is as a payer: paid in all, and unpaid now. */
  paidBy(client: PeerId): { readonly paidMicro: Micro; readonly unpaidMicro: Micro } {
    const book = this.#books.state.payees[client];
    return {
      paidMicro: receivedFrom(book),
      unpaidMicro: micro.add(book?.inFlightMicro ?? micro.zero, book?.owedMicro ?? micro.zero),
    };
  }

  /**
   * May this work begin? In flight + earned + price − best voucher ≤ limit, and what strangers have not paid in the last
   * hour ≤ their cap.
   */
  admits(client: PeerId, { priceMicro, shardMicro, quotedMicro }: CreditWish): Admission {
    const book = this.#books.state.payees[client];
    const unpaidMicro = micro.add(book?.inFlightMicro ?? micro.zero, book?.owedMicro ?? micro.zero);
    const limit = this.creditLimitOf(client, shardMicro);
    const limitMicro = quotedMicro === undefined ? limit.limitMicro : micro.min(limit.limitMicro, quotedMicro);
    const leftMicro = micro.less(unpaidMicro, limitMicro) ? micro.subtract(limitMicro, unpaidMicro) : micro.zero;
    if (micro.less(leftMicro, priceMicro)) {
      const lost = limit.lostMicro === micro.zero ? '' : `, ${limit.lostMicro} less for results seen and never paid`;
      const message = `${unpaidMicro} micro-credits of work for you are unpaid and this costs ${priceMicro}; the limit is ${limitMicro}${lost}`;
      return { ok: false, leftMicro, message, retryAfterMs: unpaidMicro === micro.zero ? laterMs : soonMs };
    }
    const room = roomForStranger(this.#rules, this.#strangers, client, priceMicro, this.#clock.now());
    if (room.ok) return { ok: true, leftMicro };
    const message = `all new clients together are granted ${this.#rules.strangersPerHourMicro} micro-credits of unpaid work in an hour, and that is used up; who has paid for work here is not affected`;
    return { ok: false, leftMicro, message, retryAfterMs: room.retryAfterMs };
  }

  /**
   * Unpaid work for a client begins; after {@link admits}.
   * @throws Error when the replica is counted already.
   */
  extend(work: { replicaId: ReplicaId; client: PeerId; priceMicro: Micro }): NodeEvent[] {
    const { replicaId, client, priceMicro } = work;
    const { inFlight, owed } = this.#books.state;
    if (client === this.#self) throw new Error('a node does not pay itself');
    const key = dueKey(client, replicaId);
    if (inFlight[key] !== undefined || owed[key] !== undefined) {
      throw new Error(`${replicaId} is in the books already`);
    }
    return [{ type: 'payment.extended', replicaId, peer: client, priceMicro }];
  }

  /** The client accepted it. Empty when it is not in flight (any more): its voucher may have come before its verdict. */
  earn(client: PeerId, replicaId: ReplicaId): NodeEvent[] {
    const due = this.#books.state.inFlight[dueKey(client, replicaId)];
    if (due === undefined) return [];
    return [{ type: 'payment.earned', replicaId, peer: client, priceMicro: due.priceMicro }];
  }

  /**
   * It will not be paid. Empty when it is not in flight (any more).
   * @param cost what it has cost: `shown` = the client has seen the results (see {@link creditLimitOf}); `worked` = this
   * node worked on it, and that nothing came of it was not its own doing.
   */
  drop(
    client: PeerId,
    replicaId: ReplicaId,
    reason: string,
    cost: { readonly shown: boolean; readonly worked: boolean },
  ): NodeEvent[] {
    const due = this.#books.state.inFlight[dueKey(client, replicaId)];
    if (due === undefined) return [];
    const { priceMicro } = due;
    return [{ type: 'payment.dropped', replicaId, peer: client, priceMicro, reason: reason.slice(0, 500), ...cost }];
  }

  // ── both ──

  summary(): WalletSummary {
    const now = this.#clock.now();
    return summarise(this.#books.state, {
      caps: {
        ...this.#spending,
        spentTodayMicro: this.outlay(null).spentMicro,
        leftTodayMicro: this.leftToday(null),
        resetsAt: nextDay(now),
      },
      strangers: {
        capMicro: this.#rules.strangersPerHourMicro,
        usedMicro: strangersUse(this.#strangers, now),
      },
      limitOf: (peer) => this.creditLimitOf(peer),
      outlay: (peer) => this.outlay(peer),
      leftToday: (peer) => this.leftToday(peer),
    });
  }

  get #strangers(): StrangerView {
    const { payees, unpaid } = this.#books.state;
    return {
      unpaid,
      settledMicro: (peer) => payees[peer]?.settledMicro ?? micro.zero,
      inFlightMicro: (peer) => payees[peer]?.inFlightMicro ?? micro.zero,
    };
  }

  /** Reconnected: each side shows its books of both directions, and the other sends what is missing (crash rule 5). */
  async #onUp(peer: PeerId): Promise<void> {
    if (peer === this.#self) return;
    this.#sender.met(peer);
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
        refuse(await this.#sender.reconcile(from, statement));
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
