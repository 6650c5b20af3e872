/** The records of other nodes, bounded, with an index from capability to those that offer it. In memory only. */
import type { Capability, Cid, NodeRecord, PeerId } from '../protocol/index.ts';
import { directoryLimits } from './limits.ts';

export interface Entry {
  readonly record: NodeRecord;
  /** See `contentOf` in projection.ts. */
  readonly content: string;
  /** Monotonic ms when a record of this peer was first read since it was last gone. */
  readonly learntAt: number;
  /** Monotonic ms when it was last read. */
  readonly readAt: number;
}

const nobody: ReadonlySet<PeerId> = new Set();

export class PeerTable {
  readonly #max: number;
  readonly #isWorthKeeping: (peer: PeerId) => boolean;
  /** The front is what was touched least recently. */
  readonly #entries = new Map<PeerId, Entry>();
  readonly #index = new Map<string, Set<PeerId>>();

  /** @param isWorthKeeping a live peer goes only when all are. */
  constructor(max: number, isWorthKeeping: (peer: PeerId) => boolean) {
    this.#max = max;
    this.#isWorthKeeping = isWorthKeeping;
  }

  get size(): number {
    return this.#entries.size;
  }

  get(peer: PeerId): Entry | null {
    return this.#entries.get(peer) ?? null;
  }

  entries(): IterableIterator<[PeerId, Entry]> {
    return this.#entries.entries();
  }

  /** Peers whose record offers a capability. */
  providers(capability: Capability): ReadonlySet<PeerId> {
    return this.#index.get(indexKey(capability)) ?? nobody;
  }

  /** @returns the peer that had to go for it, or null. */
  set(peer: PeerId, entry: Entry): PeerId | null {
    this.delete(peer);
    this.#entries.set(peer, entry);
    for (const capability of capabilitiesOf(entry.record)) {
      const key = indexKey(capability);
      const peers = this.#index.get(key);
      if (peers === undefined) this.#index.set(key, new Set([peer]));
      else peers.add(peer);
    }
    if (this.#entries.size <= this.#max) return null;
    const victim = this.#victim(peer);
    this.delete(victim);
    return victim;
  }

  /** It gave a sign of life: others are forgotten before it. */
  touch(peer: PeerId): void {
    const entry = this.#entries.get(peer);
    if (entry === undefined) return;
    this.#entries.delete(peer);
    this.#entries.set(peer, entry);
  }

  delete(peer: PeerId): void {
    const entry = this.#entries.get(peer);
    if (entry === undefined) return;
    this.#entries.delete(peer);
    for (const capability of capabilitiesOf(entry.record)) {
      const key = indexKey(capability);
      const peers = this.#index.get(key);
      peers?.delete(peer);
      if (peers?.size === 0) this.#index.delete(key);
    }
  }

  /**
   * The one unheard for longest. When the first of them are all live the newcomer itself: a flood of new names displaces
   * nobody, and costs little.
   */
  #victim(newcomer: PeerId): PeerId {
    let looked = 0;
    for (const peer of this.#entries.keys()) {
      if (peer === newcomer || looked++ === directoryLimits.victimsMax) break;
      if (!this.#isWorthKeeping(peer)) return peer;
    }
    return newcomer;
  }
}

/** What a record offers: per offer its template, and template and model; and the hardware tier. Each once. */
export function capabilitiesOf({ offers, hardware }: NodeRecord): Capability[] {
  const capabilities = new Map<string, Capability>();
  const add = (capability: Capability) => capabilities.set(indexKey(capability), capability);
  for (const { template, model } of offers) {
    add({ kind: 'template', template });
    if (model !== null) add({ kind: 'template-model', template, model });
  }
  if (offers.length > 0 && hardware !== null) add({ kind: 'tier', tier: hardware.tier });
  return [...capabilities.values()];
}

/** The most special capability that finds the providers of something. */
export function capabilityOf({ template, model }: { template: Cid; model: Cid | null }): Capability {
  return model === null ? { kind: 'template', template } : { kind: 'template-model', template, model };
}

/** Not `capabilityKey`, which hashes. */
function indexKey(capability: Capability): string {
  switch (capability.kind) {
    case 'template':
      return capability.template;
    case 'template-model':
      return `${capability.template} ${capability.model}`;
    case 'tier':
      return capability.tier;
  }
}
