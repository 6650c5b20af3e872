/**
 * Receipts and the scores made of them. A client writes a good receipt for accepted work and asks the provider to
 * countersign; a bad one it writes alone, with evidence that convinces anybody, or not at all (I8).
 *
 *     void reputation.good({ provider, jobId, … });                       // after the verdict is durable
 *     await journal.commit([judged, ...reputation.bad(work, 'reason')]);  // with the verdict
 *
 * Receipts are exchanged between the two peers only; their gossip is a later version's.
 */
import type { Journal, View } from '../journal/index.ts';
import { MessageRefused, type Messenger } from '../messaging/index.ts';
import type { Clock, Logger, Signer, Verifier } from '../ports/index.ts';
import {
  type AnyMessage,
  type BadReceipt,
  type EventOf,
  type GoodReceipt,
  hashOf,
  isSigned,
  type NodeEvent,
  type PeerId,
  type Receipt,
  type ReceiptBody,
  type ReplicaId,
  receiptFault,
  signBody,
  type z,
} from '../protocol/index.ts';
import { PendingReceipts } from './pending.ts';
import { knownHash, type Memory, memoryProjection } from './projection.ts';
import { type Score, scoreAt } from './scores.ts';

export interface ReputationOptions {
  /** Not yet opened: the projection `reputation` is registered on it. */
  readonly journal: Journal;
  readonly messenger: Pick<Messenger, 'handle' | 'onUp' | 'request'>;
  readonly signer: Signer;
  readonly verifier: Verifier;
  readonly clock: Clock;
  readonly log: Logger;
}

type Added = 'v' | 'kind' | 'client' | 'at';
/** What a good receipt says; version, kind, client and time are added. */
export type GoodWork = Omit<z.infer<typeof GoodReceipt>, Added>;
/** What a bad receipt says, with its evidence. */
export type BadWork = Omit<z.infer<typeof BadReceipt>, Added>;

export class Reputation {
  /**
   * Provider: did this node do that work, for that client and price? Set by the provider room; until then nothing is
   * countersigned.
   */
  isOurWork: (body: ReceiptBody) => boolean = () => false;

  readonly #o: ReputationOptions;
  readonly #self: PeerId;
  readonly #memory: View<Memory>;
  readonly #pending = new PendingReceipts();

  constructor(options: ReputationOptions) {
    this.#o = options;
    this.#self = options.signer.peerId;
    this.#memory = options.journal.register(memoryProjection(this.#self));
    options.messenger.handle('receipt', (from, { receipt }) => this.#onReceipt(from, receipt));
    options.messenger.onUp((peer) => {
      for (const receipt of this.#pending.take(peer)) void this.#ask(receipt, true);
    });
  }

  /**
   * Signs a good receipt, has it countersigned, stores it. Never rejects: a provider that cannot be reached is asked once
   * more when it comes back, and a receipt that cannot be had is done without.
   */
  async good(work: GoodWork): Promise<void> {
    if (work.provider === this.#self) return;
    const body: ReceiptBody = { v: 1, kind: 'good', client: this.#self, at: this.#o.clock.now(), ...work };
    if (knownHash(this.#memory.state, body) !== null) return;
    await this.#ask({ body, clientSignature: this.#sign(body), providerSignature: null }, false);
  }

  /**
   * The bad receipt and the penalty, to be committed with the verdict. Empty when the evidence would not convince a third
   * party, or the receipt is there already.
   * @param reason for people.
   */
  bad(work: BadWork, reason: string): NodeEvent[] {
    const body: ReceiptBody = { v: 1, kind: 'bad', client: this.#self, at: this.#o.clock.now(), ...work };
    const { provider, jobId, replicaId, evidence } = work;
    if (knownHash(this.#memory.state, body) !== null) return [];
    const receipt: Receipt = { body, clientSignature: this.#sign(body), providerSignature: null };
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
    return scoreAt(this.#memory.state.peers[peer], this.#o.clock.now());
  }

  /** Client: asks for the countersignature. */
  async #ask(receipt: Receipt, again: boolean): Promise<void> {
    const { provider, replicaId } = receipt.body;
    const { messenger, log } = this.#o;
    try {
      const answer = await messenger.request(provider, { type: 'receipt', body: { receipt } }, ['receipt']);
      if (hashOf(answer.body.receipt.body) !== hashOf(receipt.body)) throw new Error('the answer is another receipt');
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
    if (known === null ? !this.isOurWork(body) : known !== hashOf(body)) {
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

  #sign(body: ReceiptBody): string {
    return signBody(this.#o.signer, 'receipt', body).signature;
  }
}
