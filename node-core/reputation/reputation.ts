/**
 * Receipts and the scores made of them. A client writes a good receipt for accepted work and asks the provider to
 * countersign; a bad one it writes alone, with evidence that convinces anybody, or not at all (I8).
 *
 *     void reputation.good({ provider, jobId, … });                       // after the verdict is durable
 *     await journal.commit([judged, ...reputation.bad(work, 'reason')]);  // with the verdict
 *
 * Receipts are gossiped (publisher.ts), and asked for where nodes meet (meetings.ts); what others' receipts weigh is in
 * hearsay.ts, how much of them is kept in testimony.ts, what they must be in receipt-door.ts.
 */
import type { Journal, View } from '../journal/index.ts';
import { MessageRefused, type Messenger } from '../messaging/index.ts';
import type { Clock, History, Logger, Network, NetworkHooks, Random, Signer, Verifier } from '../ports/index.ts';
import {
  type AnyMessage,
  type BadReceipt,
  type Cid,
  type EpochMs,
  type EventOf,
  type GoodReceipt,
  isShareable,
  isSigned,
  type MethodParams,
  type NodeEvent,
  type PeerId,
  type PeerReputation,
  type Receipt,
  type ReceiptBody,
  type ReplicaId,
  receiptFault,
  receiptsTopic,
  signBody,
  type z,
} from '../protocol/index.ts';
import { evidenceOf } from './evidence.ts';
import { type Hearsay, type Outcomes, patronMilli, weigh } from './hearsay.ts';
import { Meetings } from './meetings.ts';
import { PendingReceipts } from './pending.ts';
import { knownHash, type Memory, memoryProjection } from './projection.ts';
import { fitsGossip, Publisher } from './publisher.ts';
import { ReceiptDoor } from './receipt-door.ts';
import { receiptHashOf } from './receipt-hash.ts';
import { dayOf, outcomesAt, priorMilli, type Score, scoreAt } from './scores.ts';
import { acceptedWork, type Held, held, refusal, type Testimony, testimonyProjection } from './testimony.ts';
import type { ReputationConfig } from './types.ts';

export interface ReputationOptions {
  /** Not yet opened: the projections `reputation` and `testimony` are registered on it. */
  readonly journal: Journal;
  readonly messenger: Pick<Messenger, 'handle' | 'onUp' | 'request'>;
  readonly network: Pick<Network, 'publish' | 'subscribe'>;
  /** The log, where the receipts are. */
  readonly history: Pick<History, 'entries'>;
  readonly signer: Signer;
  readonly verifier: Verifier;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly config: ReputationConfig;
}

type Added = 'v' | 'kind' | 'client' | 'at' | 'shared';
/** What a good receipt says; version, kind, client and time are added. */
export type GoodWork = Omit<z.infer<typeof GoodReceipt>, Added>;
/** What a bad receipt says, with its evidence. */
export type BadWork = Omit<z.infer<typeof BadReceipt>, Added>;

const formula =
  'score = good / (good + bad); good and bad are the sums of the parts. Of a receipt: weight × kept × trust; half is kept after 30 days; the word of somebody who did r good and s bad pieces of work here, and says R good and S bad things, is trusted to the share 2r / ((s + 2)(R + S + 2) + 2r); all trusted ones add 4 at most, clients of this node 1, strangers 0.5 (docs/reputation.md)';

const none: Outcomes = { goodMilli: 0, badMilli: 0 };
const unheard: Hearsay = { proofs: none, trusted: none, patrons: none, strangers: none, receipts: [] };

const inOutcomes = ({ goodMilli, badMilli }: Outcomes) => ({ good: goodMilli / 1_000, bad: badMilli / 1_000 });

export class Reputation {
  /**
   * Provider: did this node do that work, for that client and price? Set by the provider room; until then nothing is
   * countersigned.
   */
  isOurWork: (body: ReceiptBody) => boolean = () => false;
  /** For `network.start`. */
  readonly hooks: Pick<NetworkHooks, 'onGossip' | 'onPeer'>;

  readonly #o: ReputationOptions;
  readonly #self: PeerId;
  readonly #memory: View<Memory>;
  readonly #testimony: View<Testimony>;
  readonly #door: ReceiptDoor;
  readonly #publisher: Publisher;
  readonly #meetings: Meetings | null;
  readonly #topics = new Set<string>();
  #patrons: { key: string; work: ReadonlyMap<PeerId, number> } = { key: '', work: new Map() };
  readonly #pending = new PendingReceipts();

  constructor(options: ReputationOptions) {
    this.#o = options;
    this.#self = options.signer.peerId;
    const { clock, config, journal } = options;
    this.#memory = journal.register(memoryProjection(this.#self));
    this.#testimony = journal.register(testimonyProjection(config));
    this.#door = new ReceiptDoor({ ...options, self: this.#self, memory: this.#memory, testimony: this.#testimony });
    this.#publisher = new Publisher(options);
    this.#meetings = config.gossip
      ? new Meetings({
          ...options,
          held: () => held(this.#testimony.state),
          read: (each) => this.#read(each),
          // Whether it is a stranger's shows when it is here.
          isWanted: (each) => {
            const isOwn = each.client === this.#self || each.provider === this.#self;
            return !isOwn && refusal(this.#testimony.state, each, false, clock.now(), config) === null;
          },
          admit: (receipt, from) => this.#door.admit(receipt, from),
        })
      : null;
    this.hooks = {
      onGossip: (topic, message, from) => (this.#topics.has(topic) ? this.#door.judge(topic, message, from) : 'ignore'),
      onPeer: (peer, connected) => this.#meetings?.onPeer(peer, connected),
    };
    if (config.gossip) {
      journal.subscribe(({ event }) => {
        if (event.type !== 'receipt.stored' || event.receipt.body.client !== this.#self) return;
        if (isShareable(event.receipt)) this.#publisher.add(event.receipt);
      });
    }
    options.messenger.handle('receipt', (from, { receipt }) => this.#onReceipt(from, receipt));
    options.messenger.onUp((peer) => {
      for (const receipt of this.#pending.take(peer)) void this.#ask(receipt, true);
    });
  }

  /** After `network.start`: listens for receipts about work with these templates. Without effect where gossip is off. */
  start(templates: Iterable<Cid>): void {
    if (this.#meetings === null) return;
    for (const template of templates) {
      const topic = receiptsTopic(template);
      if (this.#topics.has(topic)) continue;
      this.#topics.add(topic);
      this.#o.network.subscribe(topic);
    }
    this.#meetings.start();
  }

  stop(): void {
    this.#publisher.stop();
    this.#meetings?.stop();
  }

  /** Is it for this room? Else others may want it. */
  listensTo(topic: string): boolean {
    return this.#topics.has(topic);
  }

  /**
   * Signs a good receipt, has it countersigned, stores it. Never rejects: a provider that cannot be reached is asked once
   * more when it comes back, and a receipt that cannot be had is done without.
   */
  async good(work: GoodWork): Promise<void> {
    if (work.provider === this.#self) return;
    const shared = this.#o.config.gossip;
    const body: ReceiptBody = { v: 1, kind: 'good', client: this.#self, at: this.#o.clock.now(), shared, ...work };
    if (knownHash(this.#memory.state, body) !== null) return;
    await this.#ask({ body, clientSignature: this.#sign(body), providerSignature: null }, false);
  }

  /**
   * The bad receipt and the penalty, to be committed with the verdict. Empty when the evidence would not convince a third
   * party, or the receipt is there already.
   * @param reason for people.
   */
  bad(work: BadWork, reason: string): NodeEvent[] {
    const { provider, jobId, replicaId } = work;
    const receipt = this.#badReceipt(work);
    if (knownHash(this.#memory.state, receipt.body) !== null) return [];
    const { evidence } = work;
    const fault = receiptFault(this.#o.verifier, receipt);
    if (fault !== null) {
      this.#o.log.error({ provider, replicaId, fault }, 'no receipt is made: its evidence would not convince');
      return [];
    }
    return [
      { type: 'receipt.stored', receipt },
      { type: 'peer.penalised', peerId: provider, jobId, replicaId, reason: reason.slice(0, 500), evidence },
    ];
  }

  /** Own experience without proof. */
  note(peer: PeerId, what: EventOf<'reputation.noted'>['what'], replicaId: ReplicaId): NodeEvent[] {
    return peer === this.#self ? [] : [{ type: 'reputation.noted', peerId: peer, what, replicaId }];
  }

  /** As of now: what is old counts less. */
  scoreOf(peer: PeerId): Score {
    const { proofs, trusted, patrons, strangers, receipts } = this.hearsayOf(peer);
    const parts = [proofs, trusted, patrons, strangers];
    return scoreAt(this.#memory.state.peers[peer], this.#o.clock.now(), {
      goodMilli: parts.reduce((sum, { goodMilli }) => sum + goodMilli, 0),
      badMilli: parts.reduce((sum, { badMilli }) => sum + badMilli, 0),
      receipts: receipts.length,
    });
  }

  /** What others say of a peer, and what it weighs here. */
  hearsayOf(peer: PeerId): Hearsay {
    const now = this.#o.clock.now();
    const about = this.#testimony.state.about[peer];
    if (about === undefined) return unheard;
    const experienceOf = (witness: PeerId) => ({
      ...outcomesAt(this.#memory.state.peers[witness], now),
      patronMilli: patronMilli * (this.#accepted(now).get(witness) ?? 0),
    });
    return weigh(about, this.#self, experienceOf, now);
  }

  /** The score of a peer with its parts and, page by page, what they are made of. */
  async evidence({
    peerId,
    after,
    limit,
  }: MethodParams<'peers.reputation'>): Promise<Omit<PeerReputation, 'excluded'>> {
    const now = this.#o.clock.now();
    const hearsay = this.hearsayOf(peerId);
    const { score } = this.scoreOf(peerId);
    const prior = { goodMilli: priorMilli, badMilli: priorMilli };
    const parts = {
      prior: inOutcomes(prior),
      own: inOutcomes(outcomesAt(this.#memory.state.peers[peerId], now)),
      proofs: inOutcomes(hearsay.proofs),
      trusted: inOutcomes(hearsay.trusted),
      patrons: inOutcomes(hearsay.patrons),
      strangers: inOutcomes(hearsay.strangers),
    };
    const { voided } = this.#memory.state;
    const query = { peer: peerId, self: this.#self, now, hearsay, voided, after, limit };
    return { peerId, score, formula, parts, ...(await evidenceOf(this.#o.history, query)) };
  }

  /** Client: asks for the countersignature. */
  async #ask(receipt: Receipt, again: boolean): Promise<void> {
    const { provider, replicaId } = receipt.body;
    const { messenger, log } = this.#o;
    try {
      const answer = await messenger.request(provider, { type: 'receipt', body: { receipt } }, ['receipt']);
      if (receiptHashOf(answer.body.receipt.body) !== receiptHashOf(receipt.body))
        throw new Error('the answer is another receipt');
      await this.#store(answer.body.receipt);
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      log.debug({ provider, replicaId, error: message }, 'a receipt was not countersigned');
      if (!again && !(error instanceof MessageRefused)) this.#pending.add(receipt);
    }
  }

  async #onReceipt(from: PeerId, receipt: Receipt): Promise<AnyMessage | null> {
    const { body } = receipt;
    if (body.kind !== 'good') throw new MessageRefused('unsupported', 'only good receipts are exchanged');
    if (body.provider === this.#self && body.client === from) {
      return { type: 'receipt', body: { receipt: await this.#countersign(receipt) } };
    }
    // An answer that came too late for its question.
    if (body.client === this.#self && body.provider === from) {
      await this.#store(receipt);
      return null;
    }
    throw new MessageRefused('bad-message', 'a receipt is exchanged between the client and the provider that it names');
  }

  /** Provider. @throws MessageRefused */
  async #countersign(receipt: Receipt): Promise<Receipt> {
    const { body, clientSignature } = receipt;
    if (!isSigned(this.#o.verifier, 'receipt', { body, by: body.client, signature: clientSignature })) {
      throw new MessageRefused('bad-signature', 'the client’s signature does not verify');
    }
    const known = knownHash(this.#memory.state, body);
    if (known === null ? !this.isOurWork(body) : known !== receiptHashOf(body)) {
      throw new MessageRefused(
        'unknown-replica',
        known === null ? 'this node did no such work' : 'this work has another receipt already',
      );
    }
    const full: Receipt = { body, clientSignature, providerSignature: this.#sign(body) };
    await this.#store(full);
    return full;
  }

  /** @throws MessageRefused when the receipt does not convince. */
  async #store(receipt: Receipt): Promise<void> {
    const fault = receiptFault(this.#o.verifier, receipt);
    if (fault !== null) throw new MessageRefused('bad-signature', fault);
    if (knownHash(this.#memory.state, receipt.body) !== null) return;
    await this.#o.journal.commit([{ type: 'receipt.stored', receipt }]);
  }

  /** Asked for each candidate of each job, and the same until there is another receipt or another day. */
  #accepted(now: EpochMs): ReadonlyMap<PeerId, number> {
    const { own } = this.#testimony.state;
    const key = `${own.at(-1)?.seq} ${dayOf(now)}`;
    if (this.#patrons.key !== key) this.#patrons = { key, work: acceptedWork(this.#testimony.state, this.#self, now) };
    return this.#patrons.work;
  }

  /** With as much of the evidence as gossip carries, and at least what convinces. */
  #badReceipt(work: BadWork): Receipt {
    const { accused, quorum } = work.evidence;
    const common = { v: 1, kind: 'bad', client: this.#self, at: this.#o.clock.now() } as const;
    for (let copies = quorum.length; ; copies--) {
      const evidence = { accused, quorum: quorum.slice(0, copies) };
      const body: ReceiptBody = { ...common, shared: this.#o.config.gossip, ...work, evidence };
      const receipt: Receipt = { body, clientSignature: this.#sign(body), providerSignature: null };
      if (copies <= 2 || fitsGossip(receipt)) return receipt;
    }
  }

  async #read({ seq, hash }: Held): Promise<Receipt | null> {
    const [entry] = await this.#o.history.entries({ after: seq - 1, limit: 1 });
    const event = entry?.event;
    if (event?.type !== 'receipt.stored' && event?.type !== 'receipt.heard') return null;
    return receiptHashOf(event.receipt.body) === hash ? event.receipt : null;
  }

  #sign(body: ReceiptBody): string {
    return signBody(this.#o.signer, 'receipt', body).signature;
  }
}
