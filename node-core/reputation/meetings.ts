/**
 * What gossip missed is found when two nodes meet: anti-entropy by digests (A. Demers et al., “Epidemic Algorithms for
 * Replicated Database Maintenance”, PODC 1987), so that who joins late or was away catches up, and receipts that are too
 * large for gossip travel too.
 *
 * Each node divides what it holds into 64 buckets by hash, and now and then sends one digest per bucket to one of the peers
 * that it is connected to. The peer offers hashes from buckets that differ; those that would be taken are asked for in pages.
 * Equal nodes exchange one message of a kilobyte. Each side pulls for itself, and only what it would keep.
 */
import { MessageRefused, type Messenger } from '../messaging/index.ts';
import type { Clock, Logger, Random } from '../ports/index.ts';
import { type AnyMessage, type MessageBody, type PeerId, protocolLimits, type Receipt } from '../protocol/index.ts';
import { digests, offer } from './buckets.ts';
import { reputationLimits as limits } from './limits.ts';
import { Rates } from './rates.ts';
import type { Admission } from './receipt-door.ts';
import { receiptHashOf } from './receipt-hash.ts';
import type { Held, Offered } from './testimony.ts';

export interface MeetingsOptions {
  readonly messenger: Pick<Messenger, 'handle' | 'request'>;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** How often this node asks somebody, ms; read after each time. */
  readonly config: { readonly meetMs: number };
  /** Everything that may be passed on. */
  held(): readonly Held[];
  /** From the log; null when it is not there any more. */
  read(held: Held): Promise<Receipt | null>;
  /** Would this node take it, as far as an offer tells? */
  isWanted(offered: Offered): boolean;
  admit(receipt: Receipt, from: PeerId): Admission;
}

export class Meetings {
  readonly #o: MeetingsOptions;
  readonly #rates: Rates;
  /** Connected peers, who was met longest ago first. */
  readonly #acquaintances = new Set<PeerId>();
  /** Hashes that were asked for and not taken, the oldest first. */
  readonly #refused = new Set<string>();
  #cancel: (() => void) | null = null;
  #running = false;

  constructor(options: MeetingsOptions) {
    this.#o = options;
    const { clock, messenger } = options;
    this.#rates = new Rates({
      clock,
      atOnceMax: limits.questionsAtOnceMax,
      perMinuteMax: limits.questionsPerMinuteMax,
      peersMax: limits.ratesMax,
    });
    messenger.handle('receipts.compare', async (from, body) => this.#compare(from, body));
    messenger.handle('receipts.want', (from, body) => this.#want(from, body));
  }

  start(): void {
    this.#running = true;
    this.#schedule(limits.meetSoonMs);
  }

  stop(): void {
    this.#running = false;
    this.#cancel?.();
  }

  onPeer(peer: PeerId, connected: boolean): void {
    if (!connected) this.#acquaintances.delete(peer);
    else if (this.#acquaintances.size < limits.acquaintancesMax) this.#acquaintances.add(peer);
  }

  #schedule(ms: number): void {
    if (!this.#running) return;
    this.#cancel = this.#o.clock.after(ms * (0.8 + 0.4 * this.#o.random.fraction()), () => void this.#round());
  }

  async #round(): Promise<void> {
    const [peer] = this.#acquaintances;
    if (peer === undefined) {
      this.#schedule(limits.meetSoonMs);
      return;
    }
    // Its turn comes again after everybody else's.
    this.#acquaintances.delete(peer);
    this.#acquaintances.add(peer);
    let hasMore = false;
    try {
      hasMore = await this.#meet(peer);
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      this.#o.log.debug({ peer, error: text }, 'a peer could not be asked for receipts');
      // An older version, or it shares none: it is asked again when it connects anew.
      if (error instanceof MessageRefused && error.code === 'unsupported') this.#acquaintances.delete(peer);
    }
    this.#schedule(hasMore ? limits.meetSoonMs : this.#o.config.meetMs);
  }

  /** @returns true when something was learned: there may be more. */
  async #meet(peer: PeerId): Promise<boolean> {
    const { receiptBuckets } = protocolLimits;
    let from = Math.floor(this.#o.random.fraction() * receiptBuckets);
    let left = receiptBuckets;
    let learned = 0;
    for (let i = 0; i < limits.offersPerMeetingMax && left > 0 && this.#running; i++) {
      const question: AnyMessage = { type: 'receipts.compare', body: { buckets: digests(this.#o.held()), from } };
      const { body } = await this.#o.messenger.request(peer, question, ['receipts.offer']);
      const wanted = body.receipts.filter((each) => !this.#refused.has(each.hash) && this.#o.isWanted(each));
      learned += await this.#fetch(peer, wanted);
      if (body.next === null) break;
      left -= (body.next - from + receiptBuckets) % receiptBuckets || receiptBuckets;
      from = body.next;
    }
    return learned > 0;
  }

  async #fetch(peer: PeerId, wanted: readonly Offered[]): Promise<number> {
    let learned = 0;
    // What a page had no room for is asked for once more at the next meeting.
    for (let i = 0; i < wanted.length && this.#running; i += protocolLimits.receiptsPerBatchMax) {
      const hashes = wanted.slice(i, i + protocolLimits.receiptsPerBatchMax).map(({ hash }) => hash);
      const { body } = await this.#o.messenger.request(peer, { type: 'receipts.want', body: { hashes } }, [
        'receipts.page',
      ]);
      for (const receipt of body.receipts) {
        const hash = receiptHashOf(receipt.body);
        if (!hashes.includes(hash)) throw new Error('it sent what nobody asked for');
        const admission = this.#o.admit(receipt, peer);
        if (admission === 'taken') learned++;
        else this.#refuse(hash);
        if (admission === 'forged') throw new Error('it passed on a receipt that does not convince');
      }
    }
    return learned;
  }

  #refuse(hash: string): void {
    this.#refused.add(hash);
    for (const oldest of this.#refused) {
      if (this.#refused.size <= limits.refusedMax) break;
      this.#refused.delete(oldest);
    }
  }

  #compare(from: PeerId, body: MessageBody<'receipts.compare'>): AnyMessage {
    this.#limit(from);
    const { receipts, next } = offer(this.#o.held(), body.buckets, body.from, from);
    const offered = receipts.map(({ hash, client, provider, at, bytes }) => ({ hash, client, provider, at, bytes }));
    return { type: 'receipts.offer', body: { receipts: offered, next } };
  }

  async #want(from: PeerId, { hashes }: MessageBody<'receipts.want'>): Promise<AnyMessage> {
    this.#limit(from);
    const wanted = new Set(hashes);
    const receipts: Receipt[] = [];
    let bytes = 0;
    for (const held of this.#o.held()) {
      if (!wanted.has(held.hash)) continue;
      bytes += held.bytes;
      if (bytes > limits.pageBytesMax) break;
      const receipt = await this.#o.read(held);
      if (receipt !== null) receipts.push(receipt);
    }
    return { type: 'receipts.page', body: { receipts } };
  }

  #limit(from: PeerId): void {
    if (!this.#rates.take(from)) throw new MessageRefused('rate-limit', 'too many questions for receipts');
  }
}
