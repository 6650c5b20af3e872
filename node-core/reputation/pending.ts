/** Receipts whose provider could not be asked, until it comes back. Kept in memory, for they are worth no more than that. */
import type { PeerId, Receipt } from '../protocol/index.ts';

const perPeerMax = 64;
const peersMax = 256;

export class PendingReceipts {
  readonly #byPeer = new Map<PeerId, Receipt[]>();

  /** Over the limit the oldest is dropped. */
  add(receipt: Receipt): void {
    const { provider } = receipt.body;
    const receipts = this.#byPeer.get(provider) ?? [];
    receipts.push(receipt);
    if (receipts.length > perPeerMax) receipts.shift();
    this.#byPeer.delete(provider);
    this.#byPeer.set(provider, receipts);
    if (this.#byPeer.size <= peersMax) return;
    for (const peer of this.#byPeer.keys()) {
      this.#byPeer.delete(peer);
      break;
    }
  }

  /** Gives them out; they are not kept. */
  take(peer: PeerId): readonly Receipt[] {
    const receipts = this.#byPeer.get(peer) ?? [];
    this.#byPeer.delete(peer);
    return receipts;
  }
}
