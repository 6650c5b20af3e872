/** Reads node records from the DHT: each peer's once at a time, few at once, and seldom those that cannot be read. */
import type { Clock, Network } from '../ports/index.ts';
import { nodeRecordKey, type PeerId } from '../protocol/index.ts';
import { BoundedMap } from './bounded-map.ts';
import { attempt, messageOf, within } from './deadline.ts';
import { directoryLimits as limits } from './limits.ts';

export interface RecordFetcherOptions {
  readonly clock: Clock;
  readonly network: Network;
  readonly lookupMs: number;
  readonly peersMax: number;
  /** Takes what was found. @returns false when it was of no use. @throws RecordRefused */
  read(key: string, bytes: Uint8Array): boolean;
}

interface Past {
  readonly failures: number;
  readonly problem: string | null;
  /** Monotonic ms. */
  readonly againAt: number;
}

export class RecordFetcher {
  readonly #options: RecordFetcherOptions;
  readonly #past: BoundedMap<PeerId, Past>;
  readonly #wanted = new Map<PeerId, Promise<string | null>>();
  readonly #queue: Array<() => void> = [];
  #running = 0;
  #stopped = false;

  constructor(options: RecordFetcherOptions) {
    this.#options = options;
    this.#past = new BoundedMap(options.peersMax);
  }

  /** Reads a peer's record, unless that failed a moment ago. @returns null when it was read, else the reason. Never rejects. */
  want(peer: PeerId): Promise<string | null> {
    const wanted = this.#wanted.get(peer);
    if (wanted !== undefined) return wanted;
    if (this.#stopped) return Promise.resolve('this node is stopping');
    const past = this.#past.get(peer);
    const waitMs = past === undefined ? 0 : past.againAt - this.#options.clock.elapsed();
    if (past !== undefined && past.failures > 0 && waitMs > 0) {
      return Promise.resolve(`it was asked for a moment ago: ${past.problem ?? ''}`);
    }
    if (this.#wanted.size >= limits.fetchQueueMax) return Promise.resolve('too many look-ups wait');
    // What was just read may have changed right after: it is read again, a little later.
    const ready = waitMs > 0 ? this.#after(waitMs) : Promise.resolve();
    const result = ready.then(() => this.#take()).then(() => this.#fetch(peer));
    this.#wanted.set(peer, result);
    return result;
  }

  /** Something changed for this peer: a failure of the past says nothing any more. */
  forgive(peer: PeerId): void {
    if ((this.#past.get(peer)?.failures ?? 0) > 0) this.#past.delete(peer);
  }

  stop(): void {
    this.#stopped = true;
    for (const go of this.#queue.splice(0)) go();
  }

  #after(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.#options.clock.after(ms, resolve);
    });
  }

  /** Resolves when it is this caller's turn. */
  #take(): Promise<void> {
    if (this.#running < limits.fetchesMax) {
      this.#running++;
      return Promise.resolve();
    }
    return new Promise((resolve) => {
      this.#queue.push(() => {
        this.#running++;
        resolve();
      });
    });
  }

  async #fetch(peer: PeerId): Promise<string | null> {
    const problem = this.#stopped ? 'this node is stopping' : await this.#ask(peer);
    const failures = problem === null ? 0 : (this.#past.get(peer)?.failures ?? 0) + 1;
    const waitMs =
      failures === 0
        ? limits.fetchAgainMs
        : Math.min(limits.fetchRetryMs * 2 ** Math.min(failures - 1, 16), limits.fetchRetryMsMax);
    this.#past.set(peer, { failures, problem, againAt: this.#options.clock.elapsed() + waitMs });
    this.#wanted.delete(peer);
    this.#running--;
    this.#queue.shift()?.();
    return problem;
  }

  async #ask(peer: PeerId): Promise<string | null> {
    const { clock, network, lookupMs, read } = this.#options;
    const key = nodeRecordKey(peer);
    const answer = await within(
      clock,
      lookupMs,
      attempt(() => network.getRecord(key, lookupMs)),
    );
    if (!answer.ok) return answer.reason;
    if (answer.value === null) return 'the DHT holds no record of it';
    try {
      return read(key, answer.value) ? null : 'there is no room for its record';
    } catch (error) {
      return messageOf(error);
    }
  }
}
