/**
 * How a node gets into the network and stays there: bootstrap addresses, retried with back-off for ever; lost peers,
 * retried for a while; and neighbours that discovery names, until there are enough for gossip to spread.
 */
import type { Libp2p, PeerId } from '@libp2p/interface';
import type { Multiaddr } from '@multiformats/multiaddr';
import type { Logger } from '../../ports/index.ts';
import { byPreference, describeError, parseAddress, peerOf } from './addresses.ts';
import { within } from './bounded.ts';

/** How long `start` waits for the bootstrap before it goes on without. */
const firstRoundMs = 2_000;
const dialMsMax = 10_000;
const backOffMsMin = 1_000;
const backOffMsMax = 60_000;
/** Neighbours that discovery connects to by itself. */
const neighboursMin = 12;
const dialsAtOnceMax = 4;
/** Lost peers: how many are remembered, and how often each is tried. */
const lostMax = 32;
const lostTriesMax = 8;

interface Target {
  /** As configured, with what was wrong with it last; a lost peer has none. */
  readonly addresses: readonly string[];
  readonly peer: string | null;
  readonly dial: PeerId | Multiaddr[];
  tries: number;
  timer: NodeJS.Timeout | null;
}

export class Joining {
  readonly #libp2p: Libp2p;
  readonly #log: Logger;
  readonly #connectionsMax: number;
  readonly #unreachable = new Map<string, string>();
  readonly #bootstrap: Target[] = [];
  readonly #lost = new Map<string, Target>();
  #neighbourDials = 0;
  #isStopped = false;

  constructor(libp2p: Libp2p, bootstrap: readonly string[], connectionsMax: number, log: Logger) {
    this.#libp2p = libp2p;
    this.#log = log;
    this.#connectionsMax = connectionsMax;
    for (const [peer, addresses] of this.#byPeer(bootstrap)) {
      const dial = addresses.toSorted((a, b) => byPreference({ multiaddr: a }, { multiaddr: b }));
      const texts = addresses.map((address) => address.toString());
      this.#bootstrap.push({ addresses: texts, peer: isPeer(peer) ? peer : null, dial, tries: 0, timer: null });
    }
    libp2p.addEventListener('peer:discovery', ({ detail }) => this.#meet(detail.id));
    libp2p.addEventListener('peer:disconnect', ({ detail }) => this.#miss(detail));
  }

  /** Bootstrap addresses that do not answer, with the reason. */
  get unreachable(): Array<{ address: string; reason: string }> {
    return [...this.#unreachable].map(([address, reason]) => ({ address, reason }));
  }

  /** Resolves after the first try of each bootstrap address, or when that takes long. */
  async start(): Promise<void> {
    const firstRound = Promise.all(this.#bootstrap.map((target) => this.#try(target)));
    try {
      await within(firstRound, AbortSignal.timeout(firstRoundMs));
    } catch {
      for (const { addresses, peer } of this.#bootstrap) {
        for (const address of addresses) {
          if (!this.#isConnected(peer) && !this.#unreachable.has(address))
            this.#unreachable.set(address, 'no answer yet');
        }
      }
    }
  }

  stop(): void {
    this.#isStopped = true;
    for (const { timer } of [...this.#bootstrap, ...this.#lost.values()]) if (timer !== null) clearTimeout(timer);
  }

  /** Several addresses of one peer are ways to the same end: one is enough. */
  #byPeer(texts: readonly string[]): Map<string, Multiaddr[]> {
    const groups = new Map<string, Multiaddr[]>();
    for (const text of texts) {
      const address = parseAddress(text);
      if (address === null) {
        this.#unreachable.set(text, 'not a multiaddr');
        continue;
      }
      const group = peerOf(address) ?? text;
      if (group === this.#libp2p.peerId.toString()) continue;
      groups.set(group, [...(groups.get(group) ?? []), address]);
    }
    return groups;
  }

  #isConnected(peer: string | null): boolean {
    return peer !== null && this.#libp2p.getPeers().some((connected) => connected.toString() === peer);
  }

  async #try(target: Target): Promise<void> {
    target.timer = null;
    if (this.#isStopped) return;
    try {
      await this.#libp2p.dial(target.dial, { signal: AbortSignal.timeout(dialMsMax) });
      target.tries = 0;
      for (const address of target.addresses) this.#unreachable.delete(address);
      if (target.peer !== null) this.#lost.delete(target.peer);
    } catch (error) {
      if (this.#isStopped) return;
      const reason = describeError(error);
      for (const address of target.addresses) this.#unreachable.set(address, reason);
      if (target.tries === 0 && target.addresses.length > 0) {
        this.#log.warn({ addresses: target.addresses, reason }, 'bootstrap not reachable, trying again');
      }
      target.tries++;
      if (target.addresses.length === 0 && target.tries >= lostTriesMax) this.#lost.delete(target.peer ?? '');
      else this.#later(target);
    }
  }

  #later(target: Target): void {
    if (target.timer !== null || this.#isStopped) return;
    const backOffMs = Math.min(backOffMsMax, backOffMsMin * 2 ** target.tries);
    // Not all at the same instant after a failure that they share.
    target.timer = setTimeout(() => void this.#try(target), backOffMs * (0.5 + Math.random() / 2));
    target.timer.unref();
  }

  /** Discovery named a peer. */
  #meet(peer: PeerId): void {
    const isEnough = this.#libp2p.getPeers().length >= neighboursMin;
    if (this.#isStopped || isEnough || this.#neighbourDials >= dialsAtOnceMax || this.#isConnected(peer.toString()))
      return;
    this.#neighbourDials++;
    this.#libp2p
      .dial(peer, { signal: AbortSignal.timeout(dialMsMax) })
      .catch((error: unknown) => {
        this.#log.debug({ peer: peer.toString(), reason: describeError(error) }, 'a discovered peer did not answer');
      })
      .finally(() => {
        this.#neighbourDials--;
      });
  }

  /** The last connection to a peer is gone. After a partition, this is how both sides find each other again. */
  #miss(peerId: PeerId): void {
    if (this.#isStopped) return;
    const peer = peerId.toString();
    const bootstrap = this.#bootstrap.find((target) => target.peer === peer);
    if (bootstrap !== undefined) {
      for (const address of bootstrap.addresses) this.#unreachable.set(address, 'the connection closed');
      this.#later(bootstrap);
      return;
    }
    // A full node lost it on purpose.
    if (this.#libp2p.getPeers().length >= this.#connectionsMax / 2 || this.#lost.has(peer)) return;
    const target: Target = { addresses: [], peer, dial: peerId, tries: 0, timer: null };
    this.#lost.set(peer, target);
    for (const [oldest, { timer }] of this.#lost) {
      if (this.#lost.size <= lostMax) break;
      if (timer !== null) clearTimeout(timer);
      this.#lost.delete(oldest);
    }
    this.#later(target);
  }
}

function isPeer(group: string): boolean {
  return !group.startsWith('/');
}
