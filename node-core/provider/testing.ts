/** For the tests of this room: a provider on a simulated disk and clock, with a wire and an executor that obey the test. */
import { setImmediate as soon } from 'node:timers';
import { NodeConfig } from '../config/schema.ts';
import { Journal } from '../journal/index.ts';
import { PeerUnreachable } from '../messaging/index.ts';
import { Payment } from '../payment/index.ts';
import type {
  CancelSignal,
  Executor,
  ExecutorInventory,
  RunOutcome,
  RunRequest,
  Signer,
  Store,
} from '../ports/index.ts';
import {
  type AnyMessage,
  hashOf,
  idOf,
  type Json,
  type MessageBody,
  type MessageOf,
  type MessageType,
  type PeerId,
  parseMessage,
  type ReceiptBody,
  replicaIdOf,
  type SignedQuote,
} from '../protocol/index.ts';
import { Chance } from '../simulation/chance.ts';
import { NodeClock, VirtualTime } from '../simulation/clock.ts';
import { Disk } from '../simulation/disk.ts';
import { simulatedTemplate } from '../simulation/executor.ts';
import { KeyRing } from '../simulation/keys.ts';
import { makeCatalogue } from './catalogue.ts';
import { Provider, type ProviderOptions } from './provider.ts';

export const silent = { debug() {}, info() {}, warn() {}, error() {} };

type Handler = (from: PeerId, body: unknown) => Promise<AnyMessage | null>;

/** What the provider's messenger says, and a door to its handlers. */
export class TestMail {
  readonly handlers = new Map<MessageType, Handler>();
  readonly sent: Array<{ to: PeerId; message: AnyMessage }> = [];
  readonly #up: Array<(peer: PeerId) => void> = [];
  /** Peers that cannot be reached. */
  readonly away = new Set<PeerId>();

  handle<T extends MessageType>(
    type: T,
    handler: (from: PeerId, body: MessageBody<T>) => Promise<AnyMessage | null>,
  ): void {
    this.handlers.set(type, (from, body) => handler(from, parseMessage(type, body)));
  }
  onUp(listener: (peer: PeerId) => void): void {
    this.#up.push(listener);
  }
  onDown(): void {}
  up(peer: PeerId): void {
    this.away.delete(peer);
    for (const listener of this.#up) listener(peer);
  }
  channelOf(peer: PeerId): { transport: string; path: string } | null {
    return this.away.has(peer) ? null : { transport: 'memory', path: 'direct' };
  }
  async send(to: PeerId, message: AnyMessage): Promise<void> {
    if (this.away.has(to)) throw new PeerUnreachable('away');
    this.sent.push({ to, message });
  }
  async request(): Promise<never> {
    throw new PeerUnreachable('nobody answers in this test');
  }
  of<T extends MessageType>(type: T): Array<MessageBody<T>> {
    return this.sent.flatMap(({ message }) => (message.type === type ? [parseMessage(type, message.body)] : []));
  }
}

export function isOf<T extends MessageType>(message: AnyMessage | null, type: T): message is MessageOf<T> {
  return message?.type === type;
}

/** Runs end when the test says so. */
export class TestExecutor implements Executor {
  readonly runs: Array<{ request: RunRequest; end: (outcome: RunOutcome) => void; isCancelled: boolean }> = [];
  async start(): Promise<ExecutorInventory> {
    return {
      hardware: { os: 'test', cpu: { model: 'test', cores: 1 }, memoryBytes: 2 ** 30, gpus: [], tier: 'cpu' },
      templates: [{ template: simulatedTemplate, models: [], runnable: { ok: true }, tokensPerSecondMilli: { '': 1 } }],
      models: [],
      faults: [],
    };
  }
  async measure(): ReturnType<Executor['measure']> {
    return { ok: false, reason: 'not in this test' };
  }
  run(request: RunRequest, signal: CancelSignal): Promise<RunOutcome> {
    return new Promise((resolve) => {
      const run = { request, end: resolve, isCancelled: false };
      this.runs.push(run);
      signal.onCancel(() => {
        run.isCancelled = true;
        resolve({ ok: false, code: 'cancelled', message: 'cancelled' });
      });
    });
  }
  async stop(): Promise<void> {}
}

const chance = new Chance(11);
export const keys = new KeyRing();
export const clientKey: Signer = keys.make(chance);
export const otherKey: Signer = keys.make(chance);
export const jobId = idOf(new Uint8Array(16).fill(7));
export const shardId = `${jobId}.0`;
export const right = (n: number): Json => ({ label: ['red', 'green', 'blue', 'yellow', 'black'][n % 5] ?? '' });

export type ProviderConfig = Partial<NodeConfig['provider']>;

/** A provider over several lives on one disk. */
export class Bench {
  readonly time = new VirtualTime();
  readonly disk = new Disk();
  readonly key = keys.make(chance);
  readonly config: NodeConfig['provider'];
  clock!: NodeClock;
  store!: Store;
  journal!: Journal;
  mail!: TestMail;
  executor!: TestExecutor;
  payment!: Payment;
  provider!: Provider;
  isOurWork: (body: ReceiptBody) => boolean = () => false;

  constructor(config: ProviderConfig = {}) {
    this.config = { ...NodeConfig.parse({ dataFolder: 'x', provider: { enabled: true } }).provider, ...config };
  }

  static async up(config: ProviderConfig = {}): Promise<Bench> {
    const bench = new Bench(config);
    await bench.start();
    return bench;
  }

  async start(): Promise<void> {
    const clock = new NodeClock(this.time);
    const store = this.disk.mount(clock);
    const mail = new TestMail();
    const executor = new TestExecutor();
    const journal = new Journal({
      store,
      clock,
      signer: this.key,
      verifier: keys,
      log: silent,
      snapshotEntries: 50,
      onFatal() {},
    });
    const common = { journal, messenger: mail, clock, signer: this.key, verifier: keys, log: silent };
    const payment = new Payment({ ...common, creditLimitMicro: this.config.creditLimitMicro });
    const reputation = { isOurWork: () => false };
    const options = {
      ...common,
      payment,
      reputation,
      executor,
      store,
      random: chance.fork(),
      config: this.config,
      onLoad() {},
      onOffers() {},
    } satisfies Partial<Record<keyof ProviderOptions, unknown>>;
    // The test's wire and reputation are the parts of them that a provider uses.
    const provider = new Provider(options as unknown as ProviderOptions);
    Object.assign(this, { clock, store, journal, mail, executor, payment, provider });
    await this.done(journal.open());
    await this.done(provider.start(makeCatalogue(await executor.start(), this.config)));
    this.isOurWork = reputation.isOurWork;
  }

  kill(): void {
    this.clock.kill();
    this.disk.kill();
  }

  async restart(): Promise<void> {
    this.kill();
    await this.start();
  }

  async pass(ms: number): Promise<void> {
    const until = this.time.elapsed + ms;
    do await turn();
    while (this.time.step(until));
    this.time.skipTo(until);
  }

  async done<T>(promise: Promise<T>, ms = 100): Promise<T> {
    promise.catch(() => undefined);
    await this.pass(ms);
    return Promise.race([promise, turn().then(() => Promise.reject(new Error(`not settled after ${ms} ms`)))]);
  }

  /** What the provider answers. */
  ask<T extends MessageType>(
    type: T,
    body: MessageBody<T>,
    from: PeerId = clientKey.peerId,
  ): Promise<AnyMessage | null> {
    return this.done(this.asking(type, body, from));
  }

  asking<T extends MessageType>(
    type: T,
    body: MessageBody<T>,
    from: PeerId = clientKey.peerId,
  ): Promise<AnyMessage | null> {
    const handler = this.mail.handlers.get(type);
    if (handler === undefined) throw new Error(`${type} is not handled`);
    const answer = (async () => handler(from, body))();
    answer.catch(() => undefined);
    return answer;
  }

  async quote(from: PeerId = clientKey.peerId, job = jobId): Promise<SignedQuote> {
    const body = { jobId: job, template: simulatedTemplate.id, model: null, items: 10, itemsPerShard: 10 };
    const answer = await this.ask('job.quote', body, from);
    if (!isOf(answer, 'job.offer')) throw new Error(JSON.stringify(answer));
    return answer.body.quote;
  }

  replicaId(attempt = 1, shard = shardId): string {
    return replicaIdOf(shard, attempt, this.key.peerId);
  }

  /** An assignment that is taken. */
  async assignment(
    change: Partial<MessageBody<'shard.assign'>> = {},
    from?: PeerId,
  ): Promise<MessageBody<'shard.assign'>> {
    const inputs = [{ n: 0 }, { n: 1 }];
    return {
      replicaId: this.replicaId(),
      jobId,
      shardId,
      attempt: 1,
      kind: { type: 'run' },
      quote: change.quote ?? (await this.quote(from)),
      params: {},
      payload: { type: 'plain', inputs, itemSalt: 'c2FsdA' },
      inputsHash: hashOf(inputs),
      priceMicro: '1200',
      deadlineAt: this.clock.now() + 120_000,
      leaseMs: 10_000,
      graceMs: 60_000,
      reveal: 'on-request',
      priority: 5,
      ...change,
    };
  }

  async assign(change: Partial<MessageBody<'shard.assign'>> = {}): Promise<AnyMessage | null> {
    return this.ask('shard.assign', await this.assignment(change));
  }

  /** Ends the run that is under way well. */
  async finish(outputs: Json[] = [right(0), right(1)]): Promise<void> {
    this.executor.runs.at(-1)?.end({ ok: true, outputs });
    await this.pass(100);
  }

  stateOf(replicaId = this.replicaId()): string {
    return this.provider.work().find((work) => work.replicaId === replicaId)?.state ?? 'over';
  }

  types(): string[] {
    return this.disk.entries().map(({ event }) => event.type);
  }
}

function turn(): Promise<void> {
  return new Promise((resolve) => soon(resolve));
}
