/** A disk, a clock and a wire that tests of rooms with a journal and a messenger share; no test in itself. */
import { Journal } from '../journal/index.ts';
import { MessageRefused, PeerUnreachable } from '../messaging/index.ts';
import type { Clock, Logger, Signer, Store, StoredLog, StoredSnapshot, Verifier } from '../ports/index.ts';
import {
  type AnyMessage,
  type EpochMs,
  type LogEntry,
  type MessageBody,
  type MessageOf,
  type MessageType,
  type PeerId,
  parseEvent,
  parseMessage,
} from '../protocol/index.ts';
import type { Mail } from './sender.ts';

export const silent: Logger = { debug() {}, info() {}, warn() {}, error() {} };

/** Lets everything run on that waits for nothing but other promises. */
export async function settled(): Promise<void> {
  for (let i = 0; i < 60; i++) await Promise.resolve();
}

/** What survives a process. */
export class Disk {
  entries: LogEntry[] = [];
  snapshot: StoredSnapshot | null = null;
  /** Called for each entry that became durable. */
  onEntry: (entry: LogEntry) => void = () => {};

  copy(): Disk {
    const copy = new Disk();
    copy.entries = [...this.entries];
    copy.snapshot = this.snapshot;
    return copy;
  }
}

/** One process's access to a disk. While `held`, writes wait; after `kill` they never happen. */
export class MemoryStore implements Store {
  readonly disk: Disk;
  #waiting: Array<{ entries: readonly LogEntry[]; done: () => void }> = [];
  #held = false;
  #dead = false;

  constructor(disk: Disk) {
    this.disk = disk;
  }

  hold(): void {
    this.#held = true;
  }

  release(): void {
    this.#held = false;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const { entries, done } of waiting) this.#write(entries, done);
  }

  kill(): void {
    this.#dead = true;
  }

  async open(): Promise<StoredLog> {
    const { snapshot, entries } = this.disk;
    return { snapshot, tail: entries.slice(snapshot?.seq ?? 0) };
  }

  append(entries: readonly LogEntry[]): Promise<void> {
    return new Promise((done) => {
      if (this.#held) this.#waiting.push({ entries, done });
      else this.#write(entries, done);
    });
  }

  async saveSnapshot(snapshot: StoredSnapshot): Promise<void> {
    if (!this.#dead) this.disk.snapshot = snapshot;
  }

  async putBlob(): Promise<void> {}
  async getBlob(): Promise<null> {
    return null;
  }
  async deleteBlobs(): Promise<void> {}
  async blobHashes(): Promise<string[]> {
    return [];
  }
  readonly history: Store['history'] = {
    jobs: async () => [],
    countJobs: async () => 0,
    job: async () => null,
    ledger: async () => [],
    entries: async ({ after, limit }) => this.disk.entries.slice(after, after + limit),
  };
  async close(): Promise<void> {}

  #write(entries: readonly LogEntry[], done: () => void): void {
    if (this.#dead) return;
    for (const { seq, at, event } of entries) {
      // As from a real disk: what is read back is what the schema keeps.
      const entry: LogEntry = { seq, at, event: parseEvent(JSON.parse(JSON.stringify(event))) };
      this.disk.entries.push(entry);
      this.disk.onEntry(entry);
    }
    done();
  }
}

/** Virtual time; timers run in {@link advance}. */
export class TestClock implements Clock {
  #now = 1_000_000;
  #timers: Array<{ at: number; run: () => void }> = [];

  now(): EpochMs {
    return this.#now;
  }
  elapsed(): number {
    return this.#now;
  }
  after(ms: number, run: () => void): () => void {
    const timer = { at: this.#now + ms, run };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  }
  get timers(): number {
    return this.#timers.length;
  }
  advance(ms: number): void {
    this.#now += ms;
    const due = this.#timers.filter((timer) => timer.at <= this.#now).sort((a, b) => a.at - b.at);
    this.#timers = this.#timers.filter((timer) => timer.at > this.#now);
    for (const { run } of due) run();
  }
}

export interface Parcel {
  readonly from: Mailbox;
  readonly to: PeerId;
  readonly message: AnyMessage;
  readonly id: string;
  readonly re: string | null;
}

/**
 * A wire that delivers nothing by itself: the test takes parcels from `parcels` in any order, once, twice or never.
 * Worse than a channel, which keeps order; what holds here holds there.
 */
export class Wire {
  parcels: Parcel[] = [];
  readonly #boxes = new Map<PeerId, Mailbox>();
  /** Sees every message as it is sent. */
  onSend: (parcel: Parcel) => void = () => {};

  /** A new life of a peer; parcels go to it from now on. */
  attach(peer: PeerId, clock: Clock): Mailbox {
    const box = new Mailbox(this, peer, clock);
    this.#boxes.set(peer, box);
    return box;
  }

  post(parcel: Parcel): void {
    if (this.#boxes.get(parcel.from.peer) !== parcel.from) return;
    this.onSend(parcel);
    this.parcels.push(parcel);
  }

  deliver(parcel: Parcel): void {
    this.#boxes.get(parcel.to)?.receive(parcel);
  }

  /** Delivers in order until nothing more is sent. */
  async drain(): Promise<void> {
    for (let i = 0; i < 10_000; i++) {
      await settled();
      const parcel = this.parcels.shift();
      if (parcel === undefined) return;
      this.deliver(parcel);
    }
    throw new Error('the peers never come to rest');
  }

  /** A new connection between two peers. What was under way is lost. */
  connect(a: PeerId, b: PeerId): void {
    this.parcels = this.parcels.filter(
      ({ from, to }) => !(from.peer === a && to === b) && !(from.peer === b && to === a),
    );
    this.#boxes.get(a)?.up(b);
    this.#boxes.get(b)?.up(a);
  }
}

type Handler = (from: PeerId, body: unknown) => Promise<AnyMessage | null>;

export class Mailbox implements Mail {
  readonly peer: PeerId;
  readonly #wire: Wire;
  readonly #clock: Clock;
  readonly #handlers = new Map<MessageType, Handler>();
  readonly #pending = new Map<string, (message: AnyMessage) => void>();
  readonly #upListeners: Array<(peer: PeerId) => void> = [];
  #nextId = 0;

  constructor(wire: Wire, peer: PeerId, clock: Clock) {
    this.#wire = wire;
    this.peer = peer;
    this.#clock = clock;
  }

  handle<T extends MessageType>(
    type: T,
    handler: (from: PeerId, body: MessageBody<T>) => Promise<AnyMessage | null>,
  ): void {
    this.#handlers.set(type, (from, body) => handler(from, parseMessage(type, body)));
  }

  onUp(listener: (peer: PeerId) => void): void {
    this.#upListeners.push(listener);
  }

  up(peer: PeerId): void {
    for (const listener of this.#upListeners) listener(peer);
  }

  async send(to: PeerId, message: AnyMessage): Promise<void> {
    this.#post(to, message, null);
  }

  request<T extends MessageType>(
    to: PeerId,
    message: AnyMessage,
    answers: readonly T[],
    deadlineMs = 10_000,
  ): Promise<MessageOf<T>> {
    return new Promise((resolve, reject) => {
      const id = this.#post(to, message, null);
      const cancel = this.#clock.after(deadlineMs, () => {
        this.#pending.delete(id);
        reject(new PeerUnreachable('no answer'));
      });
      this.#pending.set(id, (answer) => {
        cancel();
        if (answer.type === 'error') reject(new MessageRefused(answer.body.code, answer.body.message));
        else if (isOneOf(answer, answers)) resolve(answer);
        else reject(new PeerUnreachable(`answered with ${answer.type}`));
      });
    });
  }

  receive({ from, message, id, re }: Parcel): void {
    if (re !== null) {
      const pending = this.#pending.get(re);
      this.#pending.delete(re);
      if (pending !== undefined) {
        pending(message);
        return;
      }
    }
    if (message.type === 'error') return;
    void this.#run(from.peer, message, id);
  }

  async #run(from: PeerId, message: AnyMessage, id: string): Promise<void> {
    const handler = this.#handlers.get(message.type);
    if (handler === undefined) throw new Error(`no handler for ${message.type}`);
    let answer: AnyMessage | null;
    try {
      answer = await handler(from, message.body);
    } catch (error) {
      if (!(error instanceof MessageRefused)) throw error;
      answer = { type: 'error', body: { code: error.code, message: error.message } };
    }
    if (answer !== null) this.#post(from, answer, id);
  }

  #post(to: PeerId, message: AnyMessage, re: string | null): string {
    const id = `${this.peer}-${this.#nextId++}`;
    this.#wire.post({ from: this, to, message: throughJson(message), id, re });
    return id;
  }
}

/** As the other process gets it. @throws z.ZodError when the message breaks its schema. */
function throughJson(message: AnyMessage): AnyMessage {
  parseMessage(message.type, JSON.parse(JSON.stringify(message.body)));
  return structuredClone(message);
}

function isOneOf<T extends MessageType>(message: AnyMessage, types: readonly T[]): message is MessageOf<T> {
  return types.some((type) => type === message.type);
}

export function testJournal(
  store: Store,
  clock: Clock,
  signer: Signer,
  verifier: Verifier,
  snapshotEntries = 7,
): Journal {
  return new Journal({
    store,
    clock,
    signer,
    verifier,
    log: silent,
    snapshotEntries,
    onFatal(error) {
      throw error;
    },
  });
}
