/** For the tests of this room: time that stands still until it is moved, a log in memory, and one node's directory. */
import { Journal } from '../journal/index.ts';
import type {
  Clock,
  Logger,
  Network,
  Random,
  Signer,
  Store,
  StoredLog,
  StoredSnapshot,
  Verifier,
} from '../ports/index.ts';
import {
  type Capability,
  type Cid,
  canonicalBytes,
  capabilityKey,
  type HardwarePassport,
  type Leave,
  type LogEntry,
  type NodeRecord,
  type Offer,
  type PeerId,
  type Presence,
  signBody,
} from '../protocol/index.ts';
import { Directory } from './directory.ts';
import type { DirectoryConfig } from './types.ts';

/** Virtual time. {@link advance} runs what is due, in order, and lets promises settle in between. */
export class ManualClock implements Clock {
  #elapsed = 0;
  #order = 0;
  #timers: Array<{ at: number; order: number; run: () => void }> = [];
  /** Added to the wall clock only: a clock that is wrong or was set. */
  offsetMs = 0;

  now(): number {
    return 1_700_000_000_000 + Math.floor(this.#elapsed) + this.offsetMs;
  }

  elapsed(): number {
    return this.#elapsed;
  }

  after(ms: number, run: () => void): () => void {
    const timer = { at: this.#elapsed + Math.max(0, ms), order: this.#order++, run };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  }

  async advance(ms: number): Promise<void> {
    const until = this.#elapsed + ms;
    await settle();
    for (;;) {
      this.#timers.sort((a, b) => a.at - b.at || a.order - b.order);
      const next = this.#timers[0];
      if (next === undefined || next.at > until) break;
      this.#timers.shift();
      this.#elapsed = Math.max(this.#elapsed, next.at);
      next.run();
      await settle();
    }
    this.#elapsed = until;
  }

  /** Moves on until a promise settles. @throws Error when it does not within `maxMs`. */
  async run<T>(promise: Promise<T>, maxMs = 60_000): Promise<T> {
    let isOver = false;
    const over = promise.finally(() => {
      isOver = true;
    });
    over.catch(() => {});
    await this.advance(0);
    for (let ms = 0; !isOver && ms < maxMs; ms += 10) await this.advance(10);
    if (!isOver) throw new Error(`still waiting after ${maxMs} virtual ms`);
    return over;
  }
}

async function settle(): Promise<void> {
  for (let turn = 0; turn < 60; turn++) await Promise.resolve();
}

/** The same numbers for the same seed (mulberry32). */
export function seededRandom(seed: number): Random {
  let state = seed;
  const fraction = () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  return { fraction, bytes: (count) => Uint8Array.from({ length: count }, () => Math.floor(fraction() * 256)) };
}

/** What survives a restart. */
export class MemoryStore implements Store {
  readonly log: LogEntry[] = [];
  snapshot: StoredSnapshot | null = null;
  readonly history: Store['history'] = {
    jobs: async () => [],
    countJobs: async () => 0,
    job: async () => null,
    entries: async ({ after, limit }) => this.log.filter(({ seq }) => seq > after).slice(0, limit),
    ledger: async () => [],
  };

  async open(): Promise<StoredLog> {
    const from = this.snapshot?.seq ?? 0;
    return { snapshot: this.snapshot, tail: this.log.filter(({ seq }) => seq > from) };
  }

  async append(entries: readonly LogEntry[]): Promise<void> {
    this.log.push(...structuredClone([...entries]));
  }

  async saveSnapshot(snapshot: StoredSnapshot): Promise<void> {
    this.snapshot = snapshot;
  }

  async putBlob(): Promise<void> {}

  async getBlob(): Promise<Uint8Array | null> {
    return null;
  }

  async deleteBlobs(): Promise<void> {}
  async blobHashes(): Promise<string[]> {
    return [];
  }

  async close(): Promise<void> {}
}

export const silentLog: Logger = { debug() {}, info() {}, warn() {}, error() {} };

export const testConfig: DirectoryConfig = {
  recordTtlMs: 3_600_000,
  recordRefreshMs: 600_000,
  heartbeatMs: 10_000,
  goneMs: 25_000,
  discoverEveryMs: 15_000,
  lookupMs: 5_000,
  peersMax: 10_000,
  knownGoodMax: 64,
};

export interface TestNodeOptions {
  readonly clock: Clock;
  readonly network: Network;
  readonly signer: Signer;
  readonly verifier: Verifier;
  readonly config?: Partial<DirectoryConfig>;
  /** Of an earlier life. */
  readonly store?: MemoryStore;
}

export interface TestNode {
  readonly peerId: PeerId;
  readonly directory: Directory;
  readonly journal: Journal;
  readonly store: MemoryStore;
  readonly network: Network;
  /** `peer.joined` and `peer.left` of others, as `joined <peer>` and `left <peer> <how>`. */
  told(): string[];
}

/** One node: journal opened, network started, directory not yet. */
export async function startNode(options: TestNodeOptions): Promise<TestNode> {
  const { clock, network, signer, verifier } = options;
  const store = options.store ?? new MemoryStore();
  const journal = new Journal({
    store,
    clock,
    signer,
    verifier,
    log: silentLog,
    snapshotEntries: 1_000_000,
    onFatal: (error) => {
      throw error;
    },
  });
  const directory = new Directory({
    journal,
    network,
    clock,
    random: seededRandom(7),
    signer,
    verifier,
    log: silentLog,
    config: { ...testConfig, ...options.config },
    agent: 'infernet/test',
  });
  await journal.open();
  await network.start({ ...directory.hooks, onChannel: () => {} });
  const from = store.log.length;
  const told = () =>
    store.log.slice(from).flatMap(({ event }) => {
      if (event.type === 'peer.joined' && event.record.peerId !== signer.peerId)
        return [`joined ${event.record.peerId}`];
      return event.type === 'peer.left' ? [`left ${event.peerId} ${event.how}`] : [];
    });
  return { peerId: signer.peerId, directory, journal, store, network, told };
}

/** A CID that stands for a template or model. */
export function testCid(name: string): Cid {
  // Any CID will do, and this function makes one of a text of the right form.
  const filler: Capability = { kind: 'template', template: `b${name.replaceAll(/[^a-z]/g, '').padEnd(58, 'a')}` };
  return capabilityKey(filler);
}

export const template = testCid('template');
export const model = testCid('model');

export const hardware: HardwarePassport = {
  os: 'linux-x64',
  cpu: { model: 'test', cores: 8 },
  memoryBytes: 16 * 2 ** 30,
  gpus: [],
  tier: 'cpu',
};

export const offer: Offer = {
  template,
  templateName: 'text-classification',
  model,
  modelName: 'infernet-tiny',
  price: { shardMicro: '1000', itemMicro: '100' },
  tokensPerSecondMilli: 1_000_000,
  itemsPerShardMax: 100,
};

export const noLoad = { running: 0, queued: 0, queueMax: 64 };

export function nodeRecord(peerId: PeerId, now: number, change: Partial<NodeRecord> = {}): NodeRecord {
  return {
    v: 1,
    kind: 'node',
    peerId,
    sequence: 1,
    addresses: [`/memory/1/p2p/${peerId}`],
    agent: 'infernet/test',
    hardware,
    offers: [offer],
    attestation: 'none',
    issuedAt: now,
    expiresAt: now + 3_600_000,
    ...change,
  };
}

export function signedRecord(signer: Signer, now: number, change: Partial<NodeRecord> = {}): Uint8Array {
  return canonicalBytes(signBody(signer, 'node-record', nodeRecord(signer.peerId, now, change)));
}

export function signedLeave(signer: Signer, now: number, change: Partial<Leave> = {}): Uint8Array {
  const body: Leave = {
    v: 1,
    kind: 'leave',
    peerId: signer.peerId,
    sequence: 2,
    issuedAt: now,
    expiresAt: now + 3_600_000,
    ...change,
  };
  return canonicalBytes(signBody(signer, 'leave', body));
}

export function signedPresence(signer: Signer, now: number, change: Partial<Presence> = {}): Uint8Array {
  const body: Presence = {
    v: 1,
    kind: 'presence',
    peerId: signer.peerId,
    at: now,
    sequence: 1,
    load: noLoad,
    nextMs: 12_000,
    ...change,
  };
  return canonicalBytes(signBody(signer, 'presence', body));
}
