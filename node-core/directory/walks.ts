/** Walks through the DHT: capability key → peers that provide it → their records. One walk per capability at a time. */
import type { Clock, FoundPeer, Network } from '../ports/index.ts';
import { type Capability, type Cid, capabilityKey, type PeerId } from '../protocol/index.ts';
import { BoundedMap } from './bounded-map.ts';
import { attempt, messageOf, within } from './deadline.ts';
import { directoryLimits as limits } from './limits.ts';
import type { RecordFetcher } from './record-fetcher.ts';
import type { Roll } from './roll.ts';
import { isLive } from './vitals.ts';

export interface WalksOptions {
  readonly clock: Clock;
  readonly network: Network;
  readonly roll: Roll;
  readonly fetcher: RecordFetcher;
}

/** How the last walk for a capability ended. */
export interface WalkReport {
  /** Providers that the DHT named, without this node. */
  readonly found: number;
  /** Those whose record could not be read, and why in one case. */
  readonly unread: number;
  readonly reason: string | null;
}

interface Walk {
  /** The walk ends early when so many live providers are known: the most that any caller asked for. */
  limit: number;
  over: Promise<void>;
}

export class Walks {
  readonly #options: WalksOptions;
  readonly #walks = new Map<Cid, Walk>();
  readonly #reports = new BoundedMap<Cid, WalkReport>(limits.interestsMax);
  #stopped = false;

  constructor(options: WalksOptions) {
    this.#options = options;
  }

  report(capability: Capability): WalkReport | null {
    return this.#reports.get(capabilityKey(capability)) ?? null;
  }

  stop(): void {
    this.#stopped = true;
  }

  /** Ends when `limit` live providers are known, when there is nothing left to find, or when time is up. Never rejects. */
  async look(capability: Capability, limit: number, deadlineMs: number): Promise<void> {
    const { clock, roll } = this.#options;
    const isEnough = () => this.#stopped || roll.liveProviders(capability).length >= limit;
    if (isEnough()) return;
    const walk = this.#begin(capability, limit, deadlineMs);
    let endWatch = () => {};
    const enough = new Promise<void>((resolve) => {
      endWatch = roll.onChange(() => {
        if (isEnough()) resolve();
      });
    });
    await within(clock, deadlineMs, Promise.race([walk.over, enough]));
    endWatch();
  }

  #begin(capability: Capability, limit: number, deadlineMs: number): Walk {
    const key = capabilityKey(capability);
    const present = this.#walks.get(key);
    if (present !== undefined) {
      present.limit = Math.max(present.limit, limit);
      return present;
    }
    const walk: Walk = { limit, over: Promise.resolve() };
    this.#walks.set(key, walk);
    walk.over = this.#walk(walk, key, capability, deadlineMs).finally(() => this.#walks.delete(key));
    return walk;
  }

  async #walk(walk: Walk, key: Cid, capability: Capability, deadlineMs: number): Promise<void> {
    const { clock, network, roll } = this.#options;
    const endsAt = clock.elapsed() + deadlineMs;
    const leftMs = () => Math.max(0, endsAt - clock.elapsed());
    const isEnough = () => this.#stopped || roll.liveProviders(capability).length >= walk.limit;
    const reads: Array<Promise<string | null>> = [];
    let found = 0;
    let reason: string | null = null;
    let providers: AsyncIterator<FoundPeer> | null = null;
    try {
      providers = network.findProviders(key, limits.providersPerWalkMax, deadlineMs)[Symbol.asyncIterator]();
      while (found < limits.providersPerWalkMax && !isEnough()) {
        const next = await within(clock, leftMs(), providers.next());
        if (!next.ok) {
          reason = next.reason;
          break;
        }
        if (next.value.done) break;
        const { peer } = next.value.value;
        if (peer === network.peerId) continue;
        found++;
        const read = this.#read(peer);
        if (read !== null) reads.push(read);
      }
    } catch (error) {
      reason = messageOf(error);
    }
    // Not awaited: a generator that waits for the network answers when that does.
    void attempt(() => providers?.return?.()).catch(() => {});
    const problems = await within(clock, leftMs(), Promise.all(reads));
    const failed = problems.ok ? problems.value.filter((problem) => problem !== null) : [];
    this.#reports.set(key, {
      found,
      unread: problems.ok ? failed.length : reads.length,
      reason: failed[0] ?? (problems.ok ? reason : problems.reason),
    });
  }

  /** @returns null when what is known of the peer will do. */
  #read(peer: PeerId): Promise<string | null> | null {
    const { clock, roll, fetcher } = this.#options;
    const entry = roll.table.get(peer);
    if (entry !== null) {
      const isFresh = clock.elapsed() - entry.readAt < limits.recheckMs;
      if (isFresh || isLive(roll.liveness(peer))) return null;
    }
    return fetcher.want(peer);
  }
}
