/**
 * Tells others of the own receipts: gathered for `batchMs`, then one bounded message per template. A receipt that is too
 * large for gossip is not sent: others ask for it when they meet.
 */
import type { Clock, Logger, Network } from '../ports/index.ts';
import { type Cid, canonicalBytes, protocolLimits, type Receipt, receiptsTopic } from '../protocol/index.ts';
import { reputationLimits as limits } from './limits.ts';
import { bytesOf } from './receipt-hash.ts';

export interface PublisherOptions {
  readonly network: Pick<Network, 'publish'>;
  readonly clock: Clock;
  readonly log: Logger;
  /** Read whenever a batch begins. */
  readonly config: { readonly batchMs: number };
}

/** What a batch has besides its receipts, and a comma for each. */
const frameBytes = 64;

/** Does it fit into a gossip message? */
export function fitsGossip(receipt: Receipt): boolean {
  return bytesOf(receipt) + frameBytes <= protocolLimits.gossipBytesMax;
}

export class Publisher {
  readonly #o: PublisherOptions;
  #outbox: Receipt[] = [];
  #cancel: (() => void) | null = null;

  constructor(options: PublisherOptions) {
    this.#o = options;
  }

  add(receipt: Receipt): void {
    if (!fitsGossip(receipt) || this.#outbox.length >= limits.outboxMax) return;
    this.#outbox.push(receipt);
    this.#schedule();
  }

  stop(): void {
    this.#cancel?.();
    this.#cancel = null;
    this.#outbox = [];
  }

  #schedule(): void {
    this.#cancel ??= this.#o.clock.after(this.#o.config.batchMs, () => {
      this.#cancel = null;
      this.#flush();
      if (this.#outbox.length > 0) this.#schedule();
    });
  }

  /** One batch; the rest waits for the next time, as others take so many a minute. */
  #flush(): void {
    const [first] = this.#outbox;
    if (first === undefined) return;
    const { template } = first.body;
    const batch: Receipt[] = [];
    const rest: Receipt[] = [];
    let bytes = frameBytes;
    for (const receipt of this.#outbox) {
      const more = bytesOf(receipt) + 1;
      const fits = batch.length < protocolLimits.receiptsPerBatchMax && bytes + more <= protocolLimits.gossipBytesMax;
      if (receipt.body.template !== template || !fits) {
        rest.push(receipt);
        continue;
      }
      batch.push(receipt);
      bytes += more;
    }
    this.#outbox = rest;
    this.#publish(template, batch);
  }

  #publish(template: Cid, receipts: readonly Receipt[]): void {
    this.#o.network.publish(receiptsTopic(template), canonicalBytes({ v: 1, receipts })).catch((error: unknown) => {
      const text = error instanceof Error ? error.message : String(error);
      this.#o.log.debug({ error: text }, 'receipts could not be gossiped');
    });
  }
}
