/**
 * A disk with the semantics of a crash: what was not durable is gone. A killed process loses what it had not handed to the
 * system; a computer without power also loses what was not synced, up to a torn tail.
 */
import type { Clock, Durability, Store, StoredBlob, StoredLog, StoredSnapshot } from '../ports/index.ts';
import type { EventType, LogEntry, NodeEvent, Sha256 } from '../protocol/index.ts';
import type { Chance } from './chance.ts';
import { EventReader } from './event-reader.ts';
import { historyOf } from './history.ts';

export interface DiskSpeed {
  /** ms of a write to the system. */
  readonly normalMs: number;
  /** ms of a write with sync. */
  readonly fullMs: number;
}

interface Written {
  readonly seq: number;
  readonly at: number;
  /** JSON: what is read back shares nothing with what was written. */
  readonly event: string;
}

export interface Backup {
  readonly events: EventReader;
  readonly entries: readonly Written[];
  readonly snapshot: StoredSnapshot | null;
  readonly blobs: ReadonlyMap<Sha256, Uint8Array>;
}

/** Is told what happens on a disk, at the moment at which it does. */
export interface DiskWatch {
  /** Entries are readable from now on by a next process. */
  written(entries: readonly LogEntry[]): void;
  /** Entries that were written are gone, at a loss of power only such as nobody was told of. */
  changed(how: 'power' | 'replaced'): void;
  /** A process asks for something to be written, or learns that it was. */
  touched(what: string): void;
}

/** What survives a process, and in part a loss of power. */
export class Disk {
  watch: DiskWatch | null = null;
  speed: DiskSpeed = { normalMs: 0.2, fullMs: 3 };
  /** Refuses writes with this message, as a full disk does. */
  full: string | null = null;
  readonly #events: EventReader;
  #entries: Written[] = [];
  #synced = 0;
  snapshot: StoredSnapshot | null = null;
  readonly blobs = new Map<Sha256, Uint8Array>();
  /** Blobs that go with an entry which is not synced, by its number: one transaction. */
  readonly #unsynced = new Map<Sha256, number>();
  /** Lengths of the log after each transaction since the last sync. */
  #ends: number[] = [];
  #mounted: SimulatedStore | null = null;

  /** @param events of the world that it is in. */
  constructor(events = new EventReader()) {
    this.#events = events;
  }

  /** The store of a new process. */
  mount(clock: Clock): Store {
    this.#mounted = new SimulatedStore(this, clock);
    return this.#mounted;
  }

  /** The process is killed: what is under way never happens. */
  kill(): void {
    this.#mounted?.die();
    this.#mounted = null;
  }

  /**
   * Power is lost: of what was not synced, transactions survive only up to some point. One that is torn is gone as a whole, with
   * its blobs: SQLite's log of writes ends before the first frame whose checksum does not fit (https://sqlite.org/walformat.html).
   */
  losePower(chance: Chance): void {
    this.kill();
    this.#entries.length = [this.#synced, ...this.#ends][chance.below(this.#ends.length + 1)] ?? this.#synced;
    if (this.snapshot !== null && this.snapshot.seq > this.#entries.length) this.snapshot = null;
    for (const [hash, seq] of this.#unsynced) if (seq > this.#entries.length) this.blobs.delete(hash);
    // What is read back from now on is on the disk.
    this.sync();
    this.watch?.changed('power');
  }

  /** What a backup of this moment holds. */
  backup(): Backup {
    return {
      events: this.#events,
      entries: this.#entries.slice(),
      snapshot: this.snapshot,
      blobs: new Map(this.blobs),
    };
  }

  /** The disk is replaced: by an empty one, or one on which an older state was restored. */
  replace(by: Omit<Backup, 'events'> = { entries: [], snapshot: null, blobs: new Map() }): void {
    this.kill();
    this.#entries = by.entries.slice();
    this.#synced = by.entries.length;
    this.snapshot = by.snapshot;
    this.#unsynced.clear();
    this.#ends = [];
    this.blobs.clear();
    for (const [hash, bytes] of by.blobs) this.blobs.set(hash, bytes);
    this.watch?.changed('replaced');
  }

  entries(after = 0): LogEntry[] {
    return read(this.#events, this.#entries, after);
  }

  /** Events of one type, the newest first. */
  *newest<Type extends EventType>(type: Type): Generator<Extract<NodeEvent, { type: Type }>> {
    for (let i = this.#entries.length - 1; i >= 0; i--) {
      const text = this.#entries[i]?.event ?? '';
      // An event begins with its type, but for those that were written otherwise.
      if (text.startsWith('{"type":') && !text.startsWith(`{"type":"${type}"`)) continue;
      const event = this.#events.read(text);
      if (isOf(event, type)) yield event;
    }
  }

  get length(): number {
    return this.#entries.length;
  }

  /** Entries that also survive a loss of power. */
  get synced(): number {
    return this.#synced;
  }

  /** Does a process wait for a write? If not, its memory and the disk are of the same moment. */
  get isBusy(): boolean {
    return this.#mounted?.isBusy ?? false;
  }

  /** All that was ever written, as bytes: for the comparison of two runs. */
  text(): string {
    return JSON.stringify([this.#entries, this.snapshot, [...this.blobs.keys()].sort()]);
  }

  /** @param blobs of the same transaction. */
  write(entries: readonly LogEntry[], durability: Durability, blobs: readonly StoredBlob[] = []): void {
    for (const { seq, at, event } of entries) {
      if (seq !== this.#entries.length + 1) throw new Error(`entry ${seq} after ${this.#entries.length}`);
      this.#entries.push({ seq, at, event: JSON.stringify(event) });
    }
    for (const { hash, bytes } of blobs) {
      if (!this.blobs.has(hash)) this.#unsynced.set(hash, this.#entries.length);
      this.blobs.set(hash, bytes.slice());
    }
    this.#ends.push(this.#entries.length);
    if (durability === 'full') this.sync();
    this.watch?.written(entries);
  }

  sync(): void {
    this.#synced = this.#entries.length;
    this.#unsynced.clear();
    this.#ends = [];
  }
}

class SimulatedStore implements Store {
  readonly #disk: Disk;
  readonly #clock: Clock;
  readonly history;
  /** Writes happen one after the other, as by one writer. */
  #last: Promise<void> = Promise.resolve();
  #dead = false;
  #underWay = 0;
  #parsed: LogEntry[] = [];

  constructor(disk: Disk, clock: Clock) {
    this.#disk = disk;
    this.#clock = clock;
    this.history = historyOf(() => this.#read());
  }

  get isBusy(): boolean {
    return this.#underWay > 0;
  }

  die(): void {
    this.#dead = true;
  }

  async open(): Promise<StoredLog> {
    await this.#take(this.#disk.speed.normalMs);
    const { snapshot } = this.#disk;
    return { snapshot, tail: this.#disk.entries(snapshot?.seq ?? 0) };
  }

  append(entries: readonly LogEntry[], durability: Durability, blobs: readonly StoredBlob[] = []): Promise<void> {
    const what = entries.map(({ event }) => event.type).join(' ');
    const { fullMs, normalMs } = this.#disk.speed;
    return this.#write(what, durability === 'full' ? fullMs : normalMs, () => {
      this.#disk.write(entries, durability, blobs);
    });
  }

  saveSnapshot(snapshot: StoredSnapshot): Promise<void> {
    return this.#write('snapshot', this.#disk.speed.fullMs, () => {
      this.#disk.sync();
      this.#disk.snapshot = snapshot;
    });
  }

  putBlob(bytes: Uint8Array, hash: Sha256): Promise<void> {
    return this.#write('blob', this.#disk.speed.fullMs, () => {
      // Blobs and log are one file.
      this.#disk.sync();
      this.#disk.blobs.set(hash, bytes.slice());
    });
  }

  async getBlob(hash: Sha256): Promise<Uint8Array | null> {
    await this.#take(this.#disk.speed.normalMs);
    return this.#disk.blobs.get(hash) ?? null;
  }

  deleteBlobs(hashes: readonly Sha256[]): Promise<void> {
    if (hashes.length === 0) return Promise.resolve();
    return this.#write('deletion', this.#disk.speed.normalMs, () => {
      // Blobs and log are one file: no deletion outlives a loss of power that an earlier entry does not.
      this.#disk.sync();
      for (const hash of hashes) this.#disk.blobs.delete(hash);
    });
  }

  async blobHashes(): Promise<Sha256[]> {
    await this.#take(this.#disk.speed.normalMs);
    return [...this.#disk.blobs.keys()];
  }

  async close(): Promise<void> {
    await this.#last;
    this.#disk.sync();
  }

  #write(what: string, ms: number, act: () => void): Promise<void> {
    if (this.#dead) return new Promise(() => {});
    this.#underWay++;
    this.#disk.watch?.touched(`writes ${what}`);
    const done = this.#last.then(async () => {
      await this.#take(ms);
      this.#underWay--;
      if (this.#disk.full !== null) throw new Error(this.#disk.full);
      act();
      this.#disk.watch?.touched(`has written ${what}`);
      // The watch may have ended this very process.
      if (this.#dead) await new Promise(() => {});
    });
    this.#last = done.catch(() => undefined);
    return done;
  }

  /** Takes time; of a dead process, for ever. */
  #take(ms: number): Promise<void> {
    return new Promise((resolve) => {
      if (this.#dead) return;
      this.#clock.after(ms, () => {
        if (!this.#dead) resolve();
      });
    });
  }

  #read(): LogEntry[] {
    if (this.#parsed.length < this.#disk.length) this.#parsed.push(...this.#disk.entries(this.#parsed.length));
    return this.#parsed;
  }
}

function read(events: EventReader, entries: readonly Written[], after: number): LogEntry[] {
  return entries.slice(after).map(({ seq, at, event }) => ({ seq, at, event: events.read(event) }));
}

function isOf<Type extends EventType>(event: NodeEvent, type: Type): event is Extract<NodeEvent, { type: Type }> {
  return event.type === type;
}

/** Reads what was on a disk at one moment, without a process: no time passes, and nothing is written. */
export class BackupReader implements Store {
  readonly history;
  readonly #backup: Backup;
  readonly #useSnapshot: boolean;

  constructor(backup: Backup, useSnapshot: boolean) {
    this.#backup = backup;
    this.#useSnapshot = useSnapshot;
    this.history = historyOf(() => read(backup.events, backup.entries, 0));
  }

  async open(): Promise<StoredLog> {
    const snapshot = this.#useSnapshot ? this.#backup.snapshot : null;
    return { snapshot, tail: read(this.#backup.events, this.#backup.entries, snapshot?.seq ?? 0) };
  }

  append(): Promise<void> {
    return Promise.reject(new Error('this store only reads'));
  }

  saveSnapshot(): Promise<void> {
    return Promise.reject(new Error('this store only reads'));
  }

  putBlob(): Promise<void> {
    return Promise.reject(new Error('this store only reads'));
  }

  async getBlob(hash: Sha256): Promise<Uint8Array | null> {
    return this.#backup.blobs.get(hash) ?? null;
  }

  deleteBlobs(): Promise<void> {
    return Promise.reject(new Error('this store only reads'));
  }

  async blobHashes(): Promise<Sha256[]> {
    return [...this.#backup.blobs.keys()];
  }

  async close(): Promise<void> {}
}
