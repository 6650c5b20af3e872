/**
 * The payee's messages: vouchers come in, the highest is kept, and only what is durable is acknowledged (crash rule 4).
 */
import type { Journal, View } from '../journal/index.ts';
import { MessageRefused } from '../messaging/index.ts';
import type { Logger } from '../ports/index.ts';
import {
  type AnyMessage,
  micro,
  type NodeEvent,
  type PaidReplica,
  type PeerId,
  paidTailMax,
  type ReplicaId,
  type SignedVoucher,
  type Statement,
} from '../protocol/index.ts';
import { type Books, dueKey, replicaOf } from './books.ts';
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
    const held = this.#options.books.state.payees[payer]?.best?.body.epoch ?? 0;
    const { epoch } = voucher.body;
    const channel = { ...this.#channel(payer), epoch };
    const fault = rail.voucherFault(voucher, channel);
    if (fault !== null) throw new MessageRefused(fault.code, fault.message);
    // Its payer has forgotten that a new channel began.
    if (epoch < held) return this.#statementMessage(payer);

    // Only a payer signs epochs, and none of them ever falls: a higher one is its word that it began anew.
    const best = epoch > held ? startPoint : this.#best(payer);
    if (epoch > held) log.warn({ peer: payer, epoch }, 'a payer begins a new channel; the old one keeps what it holds');
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
    await this.#writeOff(payer, statement.void ?? []);
    const best = this.#best(payer);
    if (statement.best === null) return best.seq === 0 ? null : await this.#statementMessage(payer);
    const isSameEpoch = statement.best.body.epoch === this.#channel(payer).epoch;
    const behind =
      isSameEpoch &&
      judgeVoucher(best, statement.best.body, statement.recent).kind === 'held' &&
      best.seq > statement.best.body.seq;
    const answer = await this.onVoucher(payer, statement.best, statement.recent, true);
    return behind ? await this.#statementMessage(payer) : answer;
  }

  /** The channel as this node, its payee, keeps it; null when it holds no voucher and nothing is due. */
  async statement(payer: PeerId): Promise<Statement | null> {
    await this.#stored(payer);
    const view = this.#view(payer);
    return view.best === null && view.due === undefined ? null : view;
  }

  /** Its payer says that it has set nothing aside for this, and never will: it forgot it, or wrote it off. */
  async #writeOff(payer: PeerId, replicaIds: readonly ReplicaId[]): Promise<void> {
    const { owed } = this.#options.books.state;
    const dropped = [...new Set(replicaIds)].flatMap((replicaId): NodeEvent[] => {
      const due = owed[dueKey(payer, replicaId)];
      if (due === undefined) return [];
      const reason = 'its client accepted it once and knows nothing of it any more';
      const { priceMicro } = due;
      return [{ type: 'payment.dropped', replicaId, peer: payer, priceMicro, reason, shown: true, worked: true }];
    });
    if (dropped.length > 0) await this.#options.journal.commit(dropped);
  }

  async #statementMessage(payer: PeerId): Promise<AnyMessage> {
    await this.#stored(payer);
    return { type: 'payment.statement', body: { statements: [this.#view(payer)] } };
  }

  #view(payer: PeerId): Statement {
    const { payees, owed } = this.#options.books.state;
    const book = payees[payer];
    const channel = this.#channel(payer);
    const hasDue = book !== undefined && book.owedMicro !== micro.zero;
    const due = hasDue ? dueReplicas(owed, payer) : [];
    return {
      channelId: this.#options.rail.channelId(channel),
      payer: channel.payer,
      payee: channel.payee,
      best: book?.best ?? null,
      recent: [...(book?.recent ?? [])],
      ...(due.length === 0 ? {} : { due }),
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
    const epoch = this.#options.books.state.payees[payer]?.best?.body.epoch ?? 0;
    return { payer, payee: this.#options.self, epoch };
  }
}

function dueReplicas(owed: Books['owed'], payer: PeerId): ReplicaId[] {
  const due = Object.entries(owed).flatMap(([key, { client }]) => (client === payer ? [replicaOf(key)] : []));
  return due.sort().slice(0, paidTailMax);
}
