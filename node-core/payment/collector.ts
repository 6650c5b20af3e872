/**
 * The payee's messages: vouchers come in, the highest is kept, and only what is durable is acknowledged (crash rule 4).
 */
import type { Journal, View } from '../journal/index.ts';
import { MessageRefused } from '../messaging/index.ts';
import type { Logger } from '../ports/index.ts';
import {
  type AnyMessage,
  micro,
  type PaidReplica,
  type PeerId,
  type SignedVoucher,
  type Statement,
} from '../protocol/index.ts';
import type { Books } from './books.ts';
import { judgeVoucher, type Point, pointOf, startPoint } from './chain.ts';
import type { Channel, PaymentRail } from './rail.ts';

export interface CollectorOptions {
  readonly self: PeerId;
  readonly journal: Journal;
  readonly books: View<Books>;
  readonly rail: PaymentRail;
  readonly log: Logger;
}

export class VoucherCollector {
  readonly #options: CollectorOptions;
  /** The last voucher of a peer that is being written. */
  readonly #storing = new Map<PeerId, Promise<void>>();

  constructor(options: CollectorOptions) {
    this.#options = options;
  }

  /**
   * A voucher from its payer. @returns the acknowledgement of the best voucher; or, when this one does not continue what
   * we hold, our statement, by which its payer can find what it has forgotten or list what we have.
   * @param listsAll the payer cannot list more payments than these.
   * @throws MessageRefused when it is not the sender's voucher to us.
   */
  async onVoucher(
    payer: PeerId,
    voucher: SignedVoucher,
    listed: readonly PaidReplica[],
    listsAll = false,
  ): Promise<AnyMessage> {
    const { rail, journal, log } = this.#options;
    const channel = this.#channel(payer);
    const fault = rail.voucherFault(voucher, channel);
    if (fault !== null) throw new MessageRefused(fault.code, fault.message);

    const best = this.#best(payer);
    const offered = pointOf(voucher.body);
    const judgement = judgeVoucher(best, offered, listed);
    if (judgement.kind === 'differs') {
      log.warn(
        { peer: payer, bestSeq: best.seq, offeredSeq: offered.seq },
        'a voucher does not continue the payer’s last one: was its data restored from a backup?',
      );
      return this.#statementMessage(payer);
    }
    if (judgement.kind === 'held') {
      await this.#stored(payer);
      return this.#ack(channel, best);
    }
    if (judgement.unlisted > 0) {
      if (!listsAll) return this.#statementMessage(payer);
      log.info({ peer: payer, unlisted: judgement.unlisted }, 'a voucher pays for more replicas than it can list');
    }
    const stored = journal.commit([
      {
        type: 'payment.received',
        voucher,
        amountMicro: micro.subtract(offered.cumulativeMicro, best.cumulativeMicro),
        replicas: [...judgement.fresh],
      },
    ]);
    this.#storing.set(payer, stored);
    await stored;
    if (this.#storing.get(payer) === stored) this.#storing.delete(payer);
    return this.#ack(channel, offered);
  }

  /** The payer's own view of the channel. @returns what it lacks, or null. @throws MessageRefused */
  async onStatement(payer: PeerId, statement: Statement): Promise<AnyMessage | null> {
    const best = this.#best(payer);
    if (statement.best === null) return best.seq === 0 ? null : await this.#statementMessage(payer);
    const behind =
      judgeVoucher(best, statement.best.body, statement.recent).kind === 'held' && best.seq > statement.best.body.seq;
    const answer = await this.onVoucher(payer, statement.best, statement.recent, true);
    return behind ? await this.#statementMessage(payer) : answer;
  }

  /** The channel as this node, its payee, keeps it; null when it holds no voucher. */
  async statement(payer: PeerId): Promise<Statement | null> {
    await this.#stored(payer);
    return this.#options.books.state.payees[payer]?.best ? this.#view(payer) : null;
  }

  async #statementMessage(payer: PeerId): Promise<AnyMessage> {
    await this.#stored(payer);
    return { type: 'payment.statement', body: { statements: [this.#view(payer)] } };
  }

  #view(payer: PeerId): Statement {
    const book = this.#options.books.state.payees[payer];
    const channel = this.#channel(payer);
    return {
      channelId: this.#options.rail.channelId(channel),
      payer: channel.payer,
      payee: channel.payee,
      best: book?.best ?? null,
      recent: [...(book?.recent ?? [])],
    };
  }

  #ack(channel: Channel, point: Point): AnyMessage {
    return { type: 'payment.ack', body: { ack: this.#options.rail.makeAck(channel, point) } };
  }

  #best(payer: PeerId): Point {
    const best = this.#options.books.state.payees[payer]?.best;
    return best ? pointOf(best.body) : startPoint;
  }

  /** Until the best voucher, as it is now, is durable. */
  async #stored(payer: PeerId): Promise<void> {
    await this.#storing.get(payer);
  }

  #channel(payer: PeerId): Channel {
    return { payer, payee: this.#options.self, epoch: 0 };
  }
}
