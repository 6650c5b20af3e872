/**
 * What the log hears of other nodes: that they joined, changed and left, and not how often they flap. A peer's first
 * transitions are logged at once; those of a restless one wait, longer each time, and all together have a rate. What waits
 * is not lost: the log is brought to the present state later.
 */
import type { Journal, View } from '../journal/index.ts';
import type { Clock } from '../ports/index.ts';
import type { NodeEvent, NodeRecord, PeerId } from '../protocol/index.ts';
import { BoundedMap } from './bounded-map.ts';
import { directoryLimits as limits } from './limits.ts';
import type { Entry } from './peer-table.ts';
import type { DirectoryState } from './projection.ts';

export type Departure = 'tombstone' | 'silent' | 'expired';

export interface ChronicleOptions {
  readonly journal: Journal;
  readonly view: View<DirectoryState>;
  readonly clock: Clock;
  readonly peersMax: number;
  /** A provider that the last run knew and this one does not hear within this time fell silent, ms. */
  readonly silentMs: number;
  /** Another peer whose record does not come within this time: it expired, ms. */
  readonly expiredMs: number;
}

export class Chronicle {
  readonly #options: ChronicleOptions;
  readonly #transitions: BoundedMap<PeerId, { count: number; at: number }>;
  /** Peers whose last transition is not in the log yet. */
  readonly #owed = new Map<PeerId, 'joined' | Departure>();
  /** Peers that the log of the last run left present, and of which this run has heard nothing. */
  #inherited = new Set<PeerId>();
  #startedAt = 0;
  #isOpen = false;
  #tokens: number = limits.transitionsPerMinuteMax;
  #tokensAt = 0;

  constructor(options: ChronicleOptions) {
    this.#options = options;
    this.#transitions = new BoundedMap(options.peersMax);
  }

  /** The journal is open. */
  begin(): void {
    this.#isOpen = true;
    this.#startedAt = this.#options.clock.elapsed();
    this.#tokensAt = this.#startedAt;
    this.#inherited = new Set(Object.keys(this.#options.view.state.present).sort());
  }

  end(): void {
    this.#isOpen = false;
  }

  /** It is live, with this record. */
  joined(peer: PeerId, { record, content }: Entry): void {
    this.#inherited.delete(peer);
    this.#owed.delete(peer);
    if (this.#options.view.state.present[peer]?.content === content) return;
    if (this.#mayLog(peer)) this.#commit({ type: 'peer.joined', record });
    else this.#owe(peer, 'joined');
  }

  left(peer: PeerId, how: Departure): void {
    this.#inherited.delete(peer);
    this.#owed.delete(peer);
    const logged = this.#options.view.state.present[peer];
    // Only providers have heartbeats: the silence of others says nothing.
    if (logged === undefined || (how === 'silent' && !logged.provider)) return;
    if (this.#mayLog(peer)) this.#commit({ type: 'peer.left', peerId: peer, how });
    else this.#owe(peer, how);
  }

  /** From time to time: logs what had to wait. @param liveEntry the entry of a peer that is live now, else null. */
  catchUp(liveEntry: (peer: PeerId) => Entry | null): void {
    for (const [peer, what] of [...this.#owed]) {
      if (what !== 'joined') {
        this.left(peer, what);
        continue;
      }
      const entry = liveEntry(peer);
      if (entry === null) this.#owed.delete(peer);
      else this.joined(peer, entry);
    }
    if (this.#inherited.size > 0) this.#endInherited();
  }

  /** The own record; resolves when it is durable. @throws Error when the log cannot be written. */
  async own(record: NodeRecord): Promise<void> {
    await this.#options.journal.commit([{ type: 'peer.joined', record }]);
  }

  #endInherited(): void {
    const { clock, silentMs, expiredMs, view } = this.#options;
    const ranMs = clock.elapsed() - this.#startedAt;
    if (ranMs < silentMs) return;
    for (const peer of this.#inherited) {
      if (view.state.present[peer]?.provider) this.left(peer, 'silent');
      else if (ranMs >= expiredMs) this.left(peer, 'expired');
    }
  }

  #owe(peer: PeerId, what: 'joined' | Departure): void {
    if (this.#owed.size < this.#options.peersMax) this.#owed.set(peer, what);
  }

  #mayLog(peer: PeerId): boolean {
    if (!this.#isOpen) return false;
    const now = this.#options.clock.elapsed();
    this.#tokens = Math.min(
      limits.transitionsPerMinuteMax,
      this.#tokens + ((now - this.#tokensAt) / 60_000) * limits.transitionsPerMinuteMax,
    );
    this.#tokensAt = now;
    if (this.#tokens < 1) return false;
    const past = this.#transitions.get(peer) ?? { count: 0, at: now };
    const sinceMs = now - past.at;
    const count = sinceMs > limits.transitionsForgottenMs ? 0 : past.count;
    const extra = count - limits.freeTransitions;
    const waitMs = extra < 0 ? 0 : Math.min(limits.transitionMs * 2 ** Math.min(extra, 16), limits.transitionMsMax);
    if (sinceMs < waitMs) return false;
    this.#tokens--;
    this.#transitions.set(peer, { count: count + 1, at: now });
    return true;
  }

  #commit(event: NodeEvent): void {
    // A log that cannot be written stops the node by itself; here nothing depends on the entry.
    this.#options.journal.commit([event]).catch(() => {});
  }
}
