/**
 * The door for receipts of others: shape, rate, quotas, then signatures and evidence. What passes is in the log.
 *
 * A batch comes from who wrote its receipts, so that its author's rate is its signer's. Receipts that a peer passes on come
 * only when they were asked for.
 */
import type { Journal, View } from '../journal/index.ts';
import type { Clock, Logger, Verifier } from '../ports/index.ts';
import {
  isShareable,
  type PeerId,
  protocolLimits,
  type Receipt,
  ReceiptBatch,
  receiptFault,
  receiptsTopic,
  utf8,
  witnessesOf,
} from '../protocol/index.ts';
import { reputationLimits as limits } from './limits.ts';
import { knownHash, type Memory } from './projection.ts';
import { Rates } from './rates.ts';
import { bytesOf, receiptHashOf } from './receipt-hash.ts';
import { isRepeated, refusal, type Testimony } from './testimony.ts';
import type { ReputationConfig } from './types.ts';

export interface ReceiptDoorOptions {
  readonly journal: Journal;
  readonly memory: View<Memory>;
  readonly testimony: View<Testimony>;
  readonly self: PeerId;
  readonly clock: Clock;
  readonly verifier: Verifier;
  readonly log: Logger;
  readonly config: ReputationConfig;
}

/** `forged` is what no honest peer passes on. */
export type Admission = 'taken' | 'not-taken' | 'forged';

export class ReceiptDoor {
  readonly #o: ReceiptDoorOptions;
  readonly #rates: Rates;

  constructor(options: ReceiptDoorOptions) {
    this.#o = options;
    this.#rates = new Rates({
      clock: options.clock,
      atOnceMax: limits.batchesAtOnceMax,
      perMinuteMax: limits.batchesPerMinuteMax,
      peersMax: limits.ratesMax,
    });
  }

  /** Judges a gossip message. What is new and convinces is taken, and spreads. */
  judge(topic: string, message: Uint8Array, author: PeerId): 'accept' | 'ignore' | 'reject' {
    if (message.length > protocolLimits.gossipBytesMax) return 'reject';
    if (!this.#rates.take(author)) return 'ignore';
    const batch = readBatch(message);
    if (batch === null) return this.#refuse(author, 'not a batch of receipts');
    for (const { body } of batch) {
      if (body.client !== author || receiptsTopic(body.template) !== topic) {
        return this.#refuse(author, 'a batch holds receipts that its author wrote, about the template of its topic');
      }
    }
    let isNews = false;
    for (const receipt of batch) {
      const admission = this.admit(receipt, author);
      if (admission === 'forged') return 'reject';
      isNews ||= admission === 'taken';
    }
    return isNews ? 'accept' : 'ignore';
  }

  /** @param from who told it. */
  admit(receipt: Receipt, from: PeerId): Admission {
    const { journal, log, self, testimony, verifier, clock, config } = this.#o;
    const { body } = receipt;
    const { client, provider, at } = body;
    const notTaken = (reason: string): Admission => {
      log.debug({ from, client, provider, reason }, 'a receipt was not taken');
      return 'not-taken';
    };
    // What this node did itself it knows better.
    if (client === self || provider === self) return notTaken('it is about this node’s own work');
    if (!isShareable(receipt)) return notTaken('it is not meant for others');
    if (knownHash(this.#o.memory.state, { ...body, client: self }) !== null) return notTaken('it is own experience');
    if (isRepeated(testimony.state, body)) return notTaken('a receipt of its client for the same work is known');
    const stranger = !witnessesOf(body).some((peer) => this.#isTrusted(peer));
    const offered = { hash: receiptHashOf(body), at, client, provider, bytes: bytesOf(receipt) };
    const reason = refusal(testimony.state, offered, stranger, clock.now(), config);
    if (reason !== null) return notTaken(reason);
    const fault = receiptFault(verifier, receipt);
    if (fault !== null) {
      log.debug({ from, client, provider, fault }, 'a receipt that does not convince was refused');
      return 'forged';
    }
    // A log that cannot be written stops the node; this room has nobody to tell.
    journal.commit([{ type: 'receipt.heard', receipt, from, stranger }]).catch(() => undefined);
    return 'taken';
  }

  #isTrusted(peer: PeerId): boolean {
    return peer === this.#o.self || (this.#o.memory.state.peers[peer]?.goodMilli ?? 0) > 0;
  }

  #refuse(author: PeerId, reason: string): 'reject' {
    this.#o.log.debug({ author, reason }, 'a batch of receipts was refused');
    return 'reject';
  }
}

function readBatch(message: Uint8Array): readonly Receipt[] | null {
  try {
    const parsed = ReceiptBatch.safeParse(JSON.parse(utf8.decode(message)));
    return parsed.success ? parsed.data.receipts : null;
  } catch {
    return null;
  }
}
