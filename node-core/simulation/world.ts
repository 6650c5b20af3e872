/**
 * A world of simulated nodes: each is the production node by `createNode`, on ports made here. One thread, virtual time,
 * one seed. Observers look at everything; the first thing that breaks ends the run.
 *
 *     const world = new World({ seed: 7 });
 *     const client = world.add({ name: 'client', region: 'eu' });
 *     world.add({ name: 'provider-0', provider: true });
 *     for (const node of world.nodes) node.start();
 *     await world.run(60_000);
 */
import { NodeConfig, type NodeConfigInput } from '../config/schema.ts';
import { createMemoryHub, type LinkModel, type MemoryHub } from '../network/memory/hub.ts';
import { createNode, type InfernetNode } from '../node.ts';
import type { Host, Logger, Network, Ports, Signer } from '../ports/index.ts';
import type { PeerId } from '../protocol/index.ts';
import { Chance } from './chance.ts';
import { NodeClock, VirtualTime } from './clock.ts';
import { type Backup, Disk } from './disk.ts';
import { EventReader } from './event-reader.ts';
import { honest, type Manner, SimulatedExecutor } from './executor.ts';
import { KeyRing } from './keys.ts';
import { Observers } from './observers/observers.ts';
import { checkReplay } from './observers/replay.ts';
import { Screen } from './observers/screen.ts';
import type { Subject } from './observers/subject.ts';
import { readFrame, type Said } from './observers/wire.ts';
import { TappedNetwork } from './tap.ts';
import { Timeline } from './timeline.ts';

export interface WorldOptions {
  readonly seed: number;
  readonly link?: Partial<LinkModel>;
  /** Keep a timeline; costs time and memory. */
  readonly isRecorded?: boolean;
}

export interface NodeOptions {
  readonly name: string;
  readonly provider?: boolean;
  readonly region?: string;
  readonly skewMs?: number;
  readonly manner?: Partial<Manner>;
  readonly config?: Omit<NodeConfigInput, 'dataFolder'>;
  /** The computer that it runs on; by default nobody tells of it. */
  readonly host?: Host;
  /** Joins by these; the first node of the world by default. */
  readonly bootstrap?: readonly string[];
}

/** Called at each step of a node's life: a frame leaves or comes, something is written. */
export type OnTouch = (node: SimulatedNode, what: string) => void;

/** A node over all its lives. */
export class SimulatedNode {
  readonly name: string;
  readonly signer: Signer;
  readonly disk: Disk;
  readonly manner: Manner;
  readonly options: NodeOptions;
  readonly config: NodeConfig;
  readonly subject: Subject;
  /** What its owner was shown of answers, over all its lives. */
  readonly screen = { pieces: 0, restarts: 0 };
  readonly #world: World;
  #clock: NodeClock;
  #node: InfernetNode | null = null;
  #lives = 0;
  /** Its start is over. */
  isOnline = false;
  /** It said that it cannot go on: its host has to stop it. */
  ended: Error | null = null;

  constructor(world: World, options: NodeOptions) {
    this.#world = world;
    this.options = options;
    this.name = options.name;
    this.disk = new Disk(world.events);
    this.signer = world.keys.make(world.chance);
    this.manner = { ...honest, ...options.manner };
    this.#clock = this.#newClock();
    this.config = NodeConfig.parse({
      dataFolder: this.name,
      ...options.config,
      provider: { enabled: options.provider ?? false, ...options.config?.provider },
    });
    const { name, peerId, disk, config } = this;
    this.subject = world.observers.add(
      { name, peerId, disk, config, verifier: world.keys, elapsedMs: () => world.time.elapsed },
      () => this.#clock.live,
    );
    disk.watch = {
      written: (entries) => {
        world.timeline.wrote(name, entries);
        world.observers.written(this.subject, entries);
      },
      changed: (how) => world.observers.diskChanged(this.subject, how === 'replaced'),
      touched: (what) => world.onTouch?.(this, what),
    };
  }

  get peerId(): PeerId {
    return this.signer.peerId;
  }

  get up(): boolean {
    return this.#node !== null;
  }

  /** @throws Error when the node is down. */
  get node(): InfernetNode {
    if (this.#node === null) throw new Error(`${this.name} is down`);
    return this.#node;
  }

  /** Begins a life; it is online when virtual time has passed. That it cannot start is a fault. */
  start(): void {
    if (this.#node !== null) return;
    const { hub, timeline } = this.#world;
    const { region, bootstrap } = this.options;
    timeline.note(this.name, this.#lives === 0 ? '— starts' : '— starts again');
    this.ended = null;
    this.isOnline = false;
    const clock = this.#newClock();
    this.#clock = clock;
    const joining = {
      bootstrap: [...(bootstrap ?? this.#world.bootstrapFor(this)), ...this.#cachedPeers()],
      ...(region === undefined ? {} : { region }),
    };
    const network = this.#lives++ === 0 ? hub.join(this.peerId, joining) : hub.restart(this.peerId, joining);
    const node = createNode(this.config, {
      ...this.#ports(new TappedNetwork(network, this.#world.watch, () => !clock.isDead), clock),
      store: this.disk.mount(this.#clock),
    });
    node.onEnd((error) => {
      this.ended = error;
      if (error !== null) timeline.note(this.name, `— cannot go on: ${error.message}`);
    });
    const screen = new Screen(this.subject, this.screen);
    node.api.subscribe(0, (item) => this.#world.observers.told(this.subject, screen, item));
    this.#node = node;
    this.subject.believed.clear();
    this.subject.upSinceMs = this.#world.time.elapsed;
    node.start().then(
      () => {
        if (this.#node === node) this.isOnline = true;
      },
      (error: unknown) => {
        if (this.#node === node && this.disk.full === null)
          this.#world.observers.fault(this.name, `the start failed: ${textOf(error)}`);
      },
    );
  }

  /** In order, as its owner does; lets virtual time pass until it is down. */
  async stop(): Promise<void> {
    await this.#world.until(this.stopping(), stopMsMax);
  }

  /** As {@link stop}, while others let virtual time pass. */
  async stopping(): Promise<void> {
    const { node } = this;
    this.#world.timeline.note(this.name, '— stops in order');
    this.#world.time.after(stopMsMax - 1, () => {
      if (this.#node === node) this.#world.observers.fault(this.name, `it did not stop within ${stopMsMax} ms`);
    });
    await node.stop();
    if (this.#node !== node) return;
    this.#node = null;
    this.subject.upSinceMs = null;
    this.#clock.kill();
  }

  /**
   * The process is gone, from one moment to the next.
   * @param isInside called from inside the node's own code, where memory and disk need not be of one moment.
   */
  crash(how: 'kill' | 'power' = 'kill', isInside = false): void {
    if (this.#node === null) return;
    const { hub, chance, timeline } = this.#world;
    timeline.note(this.name, how === 'kill' ? '— is killed' : '— loses power');
    const inMemory =
      isInside || this.disk.isBusy || how === 'power' || this.ended !== null ? null : this.#node.stateText();
    this.#node = null;
    this.subject.upSinceMs = null;
    this.#clock.kill();
    hub.crash(this.peerId, how === 'power' ? 15_000 : undefined);
    if (how === 'power') this.disk.losePower(chance);
    else this.disk.kill();
    this.#world.checkLater(this.replay(inMemory));
  }

  /** As {@link crash}, and the disk with it: the next life begins with the key and an empty disk, or an older state. */
  loseDisk(backup?: Backup): void {
    this.crash();
    this.#world.timeline.note(this.name, backup === undefined ? '— has a new disk' : '— has a disk with a backup');
    this.disk.replace(backup);
  }

  /** I9 for what is on the disk now. */
  replay(inMemory: string | null): Promise<void> {
    const clock = this.#newClock();
    const alone = createMemoryHub({ clock, random: new Chance(0) }).join(this.peerId);
    return checkReplay(this.subject, this.#ports(alone, clock), inMemory);
  }

  /** What the node's memory says, where it is of the same moment as the disk. */
  get stateText(): string | null {
    return this.#node === null || this.disk.isBusy || this.ended !== null ? null : this.#node.stateText();
  }

  #ports(network: Network, clock: NodeClock): Omit<Ports, 'store'> {
    const { keys, chance } = this.#world;
    return {
      clock,
      random: chance.fork(),
      network,
      signer: this.signer,
      verifier: keys,
      executor: new SimulatedExecutor(clock, chance.fork(), this.manner),
      log: this.#log(),
      ...(this.options.host !== undefined && { host: this.options.host }),
    };
  }

  /** What a network adapter remembers over a restart: where some of the peers were that the log saw join. */
  #cachedPeers(): string[] {
    const addresses = new Set<string>();
    for (const { record } of this.disk.newest('peer.joined')) {
      if (record.peerId === this.peerId) continue;
      for (const address of record.addresses) addresses.add(address);
      if (addresses.size >= 8) break;
    }
    return [...addresses];
  }

  #newClock(): NodeClock {
    return new NodeClock(this.#world.time, this.options.skewMs, (error) =>
      this.#world.observers.fault(this.name, `an exception that nobody caught: ${textOf(error)}`),
    );
  }

  #log(): Logger {
    const { timeline, observers } = this.#world;
    const note = (level: string) => (fields: Readonly<Record<string, unknown>>, message: string) =>
      timeline.note(this.name, `${level}: ${message} ${JSON.stringify(fields)}`);
    return {
      debug: () => {},
      info: () => {},
      warn: note('warn'),
      error: (fields, message) => {
        note('error')(fields, message);
        if (this.disk.full === null && this.#node !== null)
          observers.fault(this.name, `${message} ${JSON.stringify(fields)}`);
      },
    };
  }
}

export class World {
  readonly time = new VirtualTime();
  readonly chance: Chance;
  readonly keys = new KeyRing();
  readonly events = new EventReader();
  readonly hub: MemoryHub;
  readonly nodes: SimulatedNode[] = [];
  readonly observers: Observers;
  readonly timeline: Timeline;
  onTouch: OnTouch | null = null;
  /** Overhears what honest nodes say to each other. */
  onSaid: ((from: PeerId, to: PeerId, said: Said) => void) | null = null;
  /** Is shown what honest nodes are given by others. */
  onHeard: ((by: PeerId, from: PeerId, said: Said) => void) | null = null;
  /** Overhears what honest nodes gossip. */
  onGossip: ((topic: string, message: Uint8Array) => void) | null = null;
  readonly #byPeer = new Map<PeerId, SimulatedNode>();
  readonly #later: Array<Promise<void>> = [];
  #isRunning = false;

  constructor({ seed, link, isRecorded = false }: WorldOptions) {
    const elapsedMs = (): number => this.time.elapsed;
    this.chance = new Chance(seed);
    this.observers = new Observers(elapsedMs);
    this.timeline = new Timeline(isRecorded, elapsedMs);
    this.hub = createMemoryHub({
      clock: new NodeClock(this.time, 0, (error) => this.observers.fault('the network', textOf(error))),
      random: this.chance.fork(),
      // Each look-up asks so many peers: kad-dht’s 20 would be most of what a small world does.
      link: { replication: 5, ...link },
    });
  }

  add(options: Partial<NodeOptions> = {}): SimulatedNode {
    const node = new SimulatedNode(this, { name: `node-${this.nodes.length}`, ...options });
    this.nodes.push(node);
    this.#byPeer.set(node.peerId, node);
    return node;
  }

  /** Everybody joins by the first node. */
  bootstrapFor(node: SimulatedNode): readonly string[] {
    const first = this.nodes[0];
    return first === undefined || first === node ? [] : [this.hub.addressOf(first.peerId)];
  }

  /** What networks of this world show. */
  readonly watch = {
    sent: (from: PeerId, to: PeerId, frame: Uint8Array): void => {
      const node = this.#byPeer.get(from);
      const messages = this.observers.sent(node?.subject, to, frame);
      this.timeline.said(this.nameOf(from), this.nameOf(to), messages);
      if (this.onSaid !== null) for (const said of messages) this.onSaid(from, to, said);
      if (node !== undefined) this.onTouch?.(node, `sends ${messages.map(({ type }) => type).join(' ')}`);
    },
    received: (by: PeerId, from: PeerId, frame: Uint8Array): void => {
      if (this.onHeard !== null) for (const said of readFrame(frame)) this.onHeard(by, from, said);
      const node = this.#byPeer.get(by);
      if (node !== undefined) this.onTouch?.(node, 'receives a frame');
    },
    believed: (by: PeerId, key: string, value: Uint8Array): void => {
      const node = this.#byPeer.get(by);
      if (node !== undefined) this.observers.believed(node.subject, key, value);
    },
    gossiped: (_from: PeerId, topic: string, message: Uint8Array): void => {
      this.observers.counts.gossip++;
      this.onGossip?.(topic, message);
    },
  };

  nameOf(peer: PeerId): string {
    return this.#byPeer.get(peer)?.name ?? `…${peer.slice(-6)}`;
  }

  /** A check that is awaited after the step in which it began. */
  checkLater(check: Promise<void>): void {
    // Its failure is reported where it is awaited.
    check.catch(() => undefined);
    this.#later.push(check);
  }

  /**
   * Lets virtual time pass. `isOver` is asked after every step; it ends the run early by answering true.
   * @throws Broken
   */
  async run(ms: number, isOver: () => boolean = () => false): Promise<void> {
    // Two loops would run two timers without letting the promises of the first one run in between.
    if (this.#isRunning) throw new Error('virtual time is passing already: await one thing at a time');
    this.#isRunning = true;
    try {
      const until = this.time.elapsed + ms;
      for (;;) {
        await turn();
        this.observers.afterStep();
        if (this.#later.length > 0) await Promise.all(this.#later.splice(0));
        if (this.observers.broken !== null) throw this.observers.broken;
        if (isOver()) break;
        if (this.time.step(until)) continue;
        this.time.skipTo(until);
        break;
      }
    } finally {
      this.#isRunning = false;
    }
  }

  /** Lets virtual time pass until a promise settles. @returns null when it does not within `ms`. @throws what it throws. */
  async until<T>(promise: Promise<T>, ms = 60_000): Promise<{ readonly value: T } | null> {
    let isSettled = false;
    const mark = (): void => {
      isSettled = true;
    };
    promise.then(mark, mark);
    await this.run(ms, () => isSettled);
    return isSettled ? { value: await promise } : null;
  }
}

/** Draining, leaving and closing together; far more than their own limits. */
const stopMsMax = 120_000;

let turns = 0;

/**
 * Lets all promises run that wait for nothing but each other: Node runs a tick after the microtasks are done. Now and then
 * a true turn of the event loop, so that the process still hears signals.
 */
function turn(): Promise<void> {
  turns++;
  return new Promise((resolve) => {
    // biome-ignore lint/style/noRestrictedGlobals: a true turn of the event loop, by which no virtual time passes.
    if (turns % 1000 === 0) setImmediate(resolve);
    else process.nextTick(resolve);
  });
}

function textOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
