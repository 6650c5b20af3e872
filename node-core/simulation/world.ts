/**
 * A world of simulated nodes: each is the production node by `createNode`, on ports made here. One thread, virtual time,
 * one seed.
 *
 *     const world = new World({ seed: 7 });
 *     const client = world.add({ region: 'eu' });
 *     world.addProviders(4);
 *     await world.run(60_000);
 */
import type { NodeConfigInput } from '../config/schema.ts';
import { NodeConfig } from '../config/schema.ts';
import { createMemoryHub, type MemoryHub } from '../network/memory/hub.ts';
import { createNode, type InfernetNode } from '../node.ts';
import type { Logger, Signer } from '../ports/index.ts';
import type { PeerId } from '../protocol/index.ts';
import { Chance } from './chance.ts';
import { NodeClock, VirtualTime } from './clock.ts';
import { Disk } from './disk.ts';
import { honest, type Manner, SimulatedExecutor } from './executor.ts';
import { KeyRing } from './keys.ts';

export interface WorldOptions {
  readonly seed: number;
  /** Called for every log line of every node, with virtual time. */
  readonly onLog?: (line: LogLine) => void;
}

export interface LogLine {
  readonly elapsedMs: number;
  readonly node: string;
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

export interface NodeOptions {
  readonly name: string;
  readonly provider?: boolean;
  readonly region?: string;
  readonly skewMs?: number;
  readonly manner?: Partial<Manner>;
  readonly config?: Omit<NodeConfigInput, 'dataFolder'>;
  /** Joins by these; the first node of the world by default. */
  readonly bootstrap?: readonly string[];
}

/** A node over all its lives. */
export class SimulatedNode {
  readonly name: string;
  readonly signer: Signer;
  readonly disk = new Disk();
  readonly manner: Manner;
  readonly options: NodeOptions;
  readonly #world: World;
  #clock: NodeClock;
  #node: InfernetNode | null = null;
  #lives = 0;
  /** Why it ended by itself, if it did. */
  ended: Error | null = null;

  constructor(world: World, options: NodeOptions) {
    this.#world = world;
    this.options = options;
    this.name = options.name;
    this.signer = world.keys.make(world.chance);
    this.manner = { ...honest, ...options.manner };
    this.#clock = new NodeClock(world.time, options.skewMs);
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

  /** Begins a life. */
  async start(): Promise<void> {
    const { hub, keys, chance } = this.#world;
    const { skewMs, region, bootstrap, provider, config } = this.options;
    this.#clock = new NodeClock(this.#world.time, skewMs);
    const joining = { bootstrap: bootstrap ?? this.#world.bootstrapFor(this), ...(region === undefined ? {} : { region }) };
    const network = this.#lives++ === 0 ? hub.join(this.peerId, joining) : hub.restart(this.peerId, joining);
    const parsed = NodeConfig.parse({
      dataFolder: this.name,
      ...config,
      provider: { enabled: provider ?? false, ...config?.provider },
    });
    const node = createNode(parsed, {
      clock: this.#clock,
      random: chance.fork(),
      network,
      signer: this.signer,
      verifier: keys,
      store: this.disk.mount(this.#clock),
      executor: new SimulatedExecutor(this.#clock, chance.fork(), this.manner),
      log: this.#log(),
    });
    node.onEnd((error) => {
      this.ended = error;
    });
    this.#node = node;
    await node.start();
  }

  async stop(): Promise<void> {
    const { node } = this;
    this.#node = null;
    await node.stop();
    this.#clock.kill();
  }

  /** The process is gone, from one moment to the next. */
  crash(how: 'kill' | 'power' = 'kill'): void {
    this.#clock.kill();
    this.#world.hub.crash(this.peerId, how === 'power' ? 15_000 : undefined);
    if (how === 'power') this.disk.losePower(this.#world.chance);
    else this.disk.kill();
    this.#node = null;
  }

  #log(): Logger {
    const write =
      (level: LogLine['level']) =>
      (fields: Readonly<Record<string, unknown>>, message: string): void =>
        this.#world.options.onLog?.({ elapsedMs: this.#world.time.elapsed, node: this.name, level, message, fields });
    return { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') };
  }
}

export class World {
  readonly options: WorldOptions;
  readonly time = new VirtualTime();
  readonly chance: Chance;
  readonly keys = new KeyRing();
  readonly hub: MemoryHub;
  readonly nodes: SimulatedNode[] = [];

  constructor(options: WorldOptions) {
    this.options = options;
    this.chance = new Chance(options.seed);
    this.hub = createMemoryHub({ clock: new NodeClock(this.time), random: this.chance.fork() });
  }

  add(options: Partial<NodeOptions> = {}): SimulatedNode {
    const node = new SimulatedNode(this, { name: `node-${this.nodes.length}`, ...options });
    this.nodes.push(node);
    return node;
  }

  /** Everybody joins by the first node. */
  bootstrapFor(node: SimulatedNode): readonly string[] {
    const first = this.nodes[0];
    return first === undefined || first === node ? [] : [this.hub.addressOf(first.peerId)];
  }

  /** Lets virtual time pass. `watch` is called after every step; it ends the run early by answering true. */
  async run(ms: number, watch: () => boolean = () => false): Promise<void> {
    const until = this.time.elapsed + ms;
    await turn();
    while (!watch() && this.time.step(until)) await turn();
    if (!watch()) this.time.skipTo(until);
  }
}

/** Lets all promises run that wait for nothing but each other. */
function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
