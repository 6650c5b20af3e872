import { setImmediate as soon } from 'node:timers';
import { describe, expect, it } from 'vitest';
import { NodeConfig } from '../config/schema.ts';
import { Journal } from '../journal/index.ts';
import { MessageRefused, PeerUnreachable } from '../messaging/index.ts';
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
  type FailureCode,
  hashOf,
  idOf,
  isSigned,
  itemHashesOf,
  type Json,
  type MessageBody,
  type MessageOf,
  type MessageType,
  opens,
  outputsHashOf,
  type PeerId,
  parseMessage,
  protocolLimits,
  type ReceiptBody,
  replicaIdOf,
  type SignedQuote,
  signBody,
  taskHashOf,
} from '../protocol/index.ts';
import { Chance } from '../simulation/chance.ts';
import { NodeClock, VirtualTime } from '../simulation/clock.ts';
import { Disk } from '../simulation/disk.ts';
import { simulatedTemplate } from '../simulation/executor.ts';
import { KeyRing } from '../simulation/keys.ts';
import { makeCatalogue } from './catalogue.ts';
import { Provider, type ProviderOptions } from './provider.ts';

const silent = { debug() {}, info() {}, warn() {}, error() {} };

type Handler = (from: PeerId, body: unknown) => Promise<AnyMessage | null>;

/** What the provider's messenger says, and a door to its handlers. */
class TestMail {
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

function isOf<T extends MessageType>(message: AnyMessage | null, type: T): message is MessageOf<T> {
  return message?.type === type;
}

/** Runs end when the test says so. */
class TestExecutor implements Executor {
  readonly runs: Array<{ request: RunRequest; end: (outcome: RunOutcome) => void; isCancelled: boolean }> = [];
  async start(): Promise<ExecutorInventory> {
    return {
      hardware: { os: 'test', cpu: { model: 'test', cores: 1 }, memoryBytes: 2 ** 30, gpus: [], tier: 'cpu' },
      templates: [{ template: simulatedTemplate, models: [], runnable: { ok: true }, tokensPerSecondMilli: { '': 1 } }],
      models: [],
      faults: [],
    };
  }
  async check(): ReturnType<Executor['check']> {
    return { ok: false, code: 'internal', message: 'not in this test' };
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
const keys = new KeyRing();
const clientKey: Signer = keys.make(chance);
const otherKey: Signer = keys.make(chance);
const jobId = idOf(new Uint8Array(16).fill(7));
const shardId = `${jobId}.0`;
const right = (n: number): Json => ({ label: ['red', 'green', 'blue', 'yellow', 'black'][n % 5] ?? '' });

type ProviderConfig = Partial<NodeConfig['provider']>;

/** A provider over several lives on one disk. */
class Bench {
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
  pausedBy: string | null = null;
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
    const payment = new Payment({
      ...common,
      rules: this.config,
      spending: { dayMicroMax: null, peerDayMicroMax: null },
    });
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
      pauses: {
        all: [],
        against: (own: boolean) => (own ? null : this.pausedBy),
      },
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

const client = clientKey.peerId;
const policy = { type: 'replicate', copies: 2, quorum: 2, tieBreakers: 1 } as const;

/** A bench with one replica brought to a state. */
async function at(state: 'queued' | 'running' | 'committed' | 'revealed' | 'accepted', config?: ProviderConfig) {
  const bench = await Bench.up({ runsMax: 1, ...config });
  if (state === 'queued') await bench.assign({ replicaId: bench.replicaId(9), attempt: 9, priceMicro: '1200' });
  await bench.assign();
  if (state === 'queued' || state === 'running') return bench;
  await bench.finish();
  if (state === 'committed') return bench;
  await bench.ask('shard.reveal.request', { replicaId: bench.replicaId() });
  if (state === 'accepted') await judge(bench, 'accepted');
  return bench;
}

function judge(bench: Bench, verdict: MessageBody<'shard.verdict'>['verdict'], replicaId = bench.replicaId()) {
  return bench.ask('shard.verdict', { replicaId, verdict, policy, evidence: null });
}

function unpaid(bench: Bench): string {
  return bench.payment.summary().peers.find(({ peerId }) => peerId === client)?.unpaidMicro ?? '0';
}

describe('the disk that jobs may take', () => {
  it('is given back with the work, and counted over a restart; no work is taken that could fill it', async () => {
    const inline = protocolLimits.inlineBytesMax;
    const bench = await at('running', { storageBytesMax: 3 * inline });
    const second = await bench.assign({ replicaId: bench.replicaId(2), attempt: 2 });
    expect(second).toMatchObject({ type: 'shard.decline', body: { code: 'no-capacity', retryAfterMs: 2_000 } });
    expect(isOf(second, 'shard.decline') && second.body.message).toMatch(/provider\.storageBytesMax/);
    await bench.finish();
    await bench.restart();
    // What is committed brings nothing more, but it lies there.
    bench.config.storageBytesMax = 2 * inline;
    expect(await bench.assign({ replicaId: bench.replicaId(3), attempt: 3 })).toMatchObject({ type: 'shard.decline' });
    await bench.ask('shard.reveal.request', { replicaId: bench.replicaId() });
    await judge(bench, 'accepted');
    expect(await bench.assign({ replicaId: bench.replicaId(4), attempt: 4 })).toMatchObject({ type: 'shard.accept' });
  });
});

describe('a pause', () => {
  const pause = (bench: Bench, reason: string | null) => {
    bench.pausedBy = reason;
    bench.provider.pausesChanged();
  };

  it('holds what runs, and lets it go on: nobody hears of it', async () => {
    const bench = await at('running');
    const [run] = bench.executor.runs;
    const held: boolean[] = [];
    run?.request.hold?.onChange((now) => held.push(now));
    pause(bench, 'a film');
    await bench.pass(9_000);
    pause(bench, null);
    await bench.pass(60);
    expect([held, run?.isCancelled, bench.stateOf()]).toEqual([[true, false], false, 'running']);
    await bench.finish();
    expect(bench.stateOf()).toBe('committed');
  });

  it('that outlasts the lease gives the work up, waiting and running: its client gets a release and looks elsewhere', async () => {
    const bench = await at('queued');
    pause(bench, 'a film');
    const renewed = { replicaIds: [bench.replicaId(), bench.replicaId(9)] };
    for (let second = 0; second < 11; second++) {
      await bench.ask('lease.renew', renewed);
      await bench.pass(900);
    }
    expect(bench.executor.runs.map(({ isCancelled }) => isCancelled)).toEqual([true]);
    const said = bench.mail.of('shard.fail');
    expect(said.map(({ replicaId }) => replicaId).sort()).toEqual(renewed.replicaIds.sort());
    for (const { code, message, release } of said) {
      expect([code, message]).toEqual(['no-capacity', 'held for 10000 ms, the length of its lease: a film']);
      expect(release?.by).toBe(bench.key.peerId);
    }
    expect(unpaid(bench)).toBe('0');
  });

  it('begins nothing new', async () => {
    const bench = await at('queued');
    bench.pausedBy = 'a film';
    bench.provider.pausesChanged();
    bench.executor.runs[0]?.end({ ok: false, code: 'container', message: 'it broke meanwhile' });
    await bench.pass(1_000);
    expect(bench.executor.runs).toHaveLength(1);
    pause(bench, null);
    await bench.pass(100);
    expect(bench.executor.runs).toHaveLength(2);
  });

  it('does not hold the owner’s own jobs', async () => {
    const bench = await Bench.up({ runsMax: 1 });
    const own = bench.key.peerId;
    await bench.ask('shard.assign', await bench.assignment({}, own), own);
    const held: boolean[] = [];
    bench.executor.runs[0]?.request.hold?.onChange((now) => held.push(now));
    pause(bench, 'a film');
    await bench.pass(20_000);
    expect(held).toEqual([]);
  });
});

describe('a quote', () => {
  const asked = { jobId, template: simulatedTemplate.id, model: null, items: 10, itemsPerShard: 10 };

  it('is signed, and names price, limits and client', async () => {
    const bench = await Bench.up();
    const quote = await bench.quote();
    expect(isSigned(keys, 'quote', quote)).toBe(true);
    expect(quote.body).toMatchObject({
      client,
      provider: bench.key.peerId,
      jobId,
      price: { shardMicro: '1000', itemMicro: '100' },
      inFlightMax: 8,
      creditLimitMicro: '16000',
    });
    expect((await bench.quote(bench.key.peerId)).body.price).toEqual({ shardMicro: '0', itemMicro: '0' });
  });

  it.each<[FailureCode, string, Partial<MessageBody<'job.quote'>>, ProviderConfig]>([
    ['policy', 'switched off', {}, { enabled: false }],
    ['policy', 'blocked', {}, { blockedClients: [client] }],
    ['policy', 'not on the list of those that are served', {}, { allowedClients: [otherKey.peerId] }],
    ['requirements', 'shards too large for this client', {}, { clientLimits: { [client]: { itemsPerShardMax: 9 } } }],
    ['template-missing', 'another template', { template: `b${'a'.repeat(58)}` }, {}],
    ['template-missing', 'a template that the owner does not serve', {}, { templates: ['other'] }],
    ['model-missing', 'a model', { model: `b${'a'.repeat(58)}` }, {}],
    ['requirements', 'shards too large', { itemsPerShard: 500 }, {}],
  ])('is refused with %s for %s', async (code, _, change, config) => {
    const bench = await Bench.up(config);
    const answer = await bench.ask('job.quote', { ...asked, ...change });
    expect(answer).toMatchObject({ type: 'job.decline', body: { jobId, code } });
  });
});

describe('admission', () => {
  const plain = (inputs: MessageBody<'shard.assign'>['payload'] & { type: 'plain' }) => ({
    payload: inputs,
    inputsHash: hashOf(inputs.inputs),
  });
  const itemSalt = 'c2FsdA';
  const foreign = (bench: Bench) => bench.quote(otherKey.peerId);
  type Change = (bench: Bench) => Partial<MessageBody<'shard.assign'>> | Promise<Partial<MessageBody<'shard.assign'>>>;

  it.each<[FailureCode, string, Change, ProviderConfig?]>([
    ['bad-input', 'an id that is not of its shard', () => ({ shardId: `${jobId}.1` })],
    ['bad-input', 'a shard that is not of its job', () => ({ jobId: 'f'.repeat(32) })],
    ['bad-input', 'an id for another provider', () => ({ replicaId: `${shardId}.1.${otherKey.peerId.slice(-8)}` })],
    ['price', 'a quote for another client', async (bench) => ({ quote: await foreign(bench) })],
    [
      'price',
      'a quote by another provider',
      async (bench) => ({ quote: signBody(otherKey, 'quote', (await bench.quote()).body) }),
    ],
    [
      'price',
      'a quote that was changed',
      async (bench) => {
        const quote = await bench.quote();
        return { quote: { ...quote, body: { ...quote.body, price: { shardMicro: '0', itemMicro: '0' } } } };
      },
    ],
    ['price', 'too little money', () => ({ priceMicro: '1199' })],
    [
      'expired',
      'an old quote',
      async (bench) => {
        const quote = await bench.quote();
        await bench.pass(protocolLimits.clockSkewMsMax + 11_000);
        return { quote };
      },
      { quoteTtlMs: 10_000 },
    ],
    ['expired', 'a deadline that passed', (bench) => ({ deadlineAt: bench.clock.now() - 121_000 })],
    ['policy', 'a check', () => ({ kind: { type: 'check', claims: [{ tokenIds: [1], given: 0 }] } })],
    ['policy', 'a sealed payload', () => ({ payload: { type: 'sealed', ciphertext: 'x' } })],
    ['bad-input', 'inputs with another hash', () => ({ inputsHash: hashOf([]) })],
    ['bad-input', 'an input that breaks the schema', () => plain({ type: 'plain', inputs: [{ m: 1 }], itemSalt })],
    ['bad-input', 'parameters that break the schema', () => ({ params: { x: 1 } })],
    [
      'bad-input',
      'too many items',
      () => plain({ type: 'plain', inputs: Array.from({ length: 201 }, (_, n) => ({ n })), itemSalt }),
    ],
    [
      'bad-input',
      'inputs over inlineBytesMax',
      () => plain({ type: 'plain', inputs: [{ n: 1, text: 'x'.repeat(protocolLimits.inlineBytesMax) }], itemSalt }),
    ],
    ['credit-limit', 'more than the credit', () => ({ priceMicro: '16001' })],
  ])('declines with %s: %s', async (code, _, change, config) => {
    const template = { ...simulatedTemplate, params: { type: 'object', additionalProperties: false } };
    const bench = await Bench.up(config);
    if (code === 'bad-input') {
      // A template whose parameters are none.
      const { makeCatalogue } = await import('./catalogue.ts');
      const inventory = await bench.executor.start();
      const [installed] = inventory.templates;
      if (installed === undefined) throw new Error('no template');
      await bench.done(
        bench.provider.start(makeCatalogue({ ...inventory, templates: [{ ...installed, template }] }, bench.config)),
      );
    }
    const answer = await bench.assign(await change(bench));
    expect(answer).toMatchObject({ type: 'shard.decline', body: { code } });
    expect(bench.types()).not.toContain('work.admitted');
    expect(bench.disk.blobs.size).toBe(0);
  });

  it('declines a blocked client, a stopping node and a template that is not served any more', async () => {
    const bench = await Bench.up();
    const assignment = await bench.assignment();
    bench.config.blockedClients.push(client);
    expect(await bench.ask('shard.assign', assignment)).toMatchObject({ body: { code: 'policy' } });
    bench.config.blockedClients.pop();
    await bench.done(bench.provider.switch(false));
    expect(await bench.ask('shard.assign', assignment)).toMatchObject({ body: { code: 'policy' } });
    await bench.done(bench.provider.switch(true));
    await bench.done(bench.provider.start({ served: new Map(), offers: [], notOffered: [] }));
    expect(await bench.ask('shard.assign', assignment)).toMatchObject({ body: { code: 'template-missing' } });
    void bench.provider.drain(1000);
    expect(await bench.ask('shard.assign', assignment)).toMatchObject({ body: { code: 'no-capacity' } });
  });

  it('is busy, and not without the template, while what ran it is away: a client asks again', async () => {
    const bench = await Bench.up();
    const assignment = await bench.assignment();
    bench.provider.configured({ served: new Map(), offers: [], notOffered: [] });
    const away = { code: 'no-capacity', retryAfterMs: expect.any(Number) };
    expect(await bench.ask('shard.assign', assignment)).toMatchObject({ type: 'shard.decline', body: away });
    bench.provider.configured(makeCatalogue(await bench.executor.start(), bench.config));
    expect(await bench.ask('shard.assign', assignment)).toMatchObject({ type: 'shard.accept' });
  });

  it.each<[string, ProviderConfig, number, FailureCode]>([
    ['the queue is full', { queueMax: 3 }, 3, 'no-capacity'],
    ['the client has enough here', { inFlightPerClientMax: 2 }, 2, 'no-capacity'],
    ['this client in particular has', { clientLimits: { [client]: { inFlightMax: 2 } } }, 2, 'no-capacity'],
    ['the credit is used up', { creditLimitMicro: '2400' }, 2, 'credit-limit'],
  ])('takes exactly as many as there is room for, also in one moment: %s', async (_, config, most, code) => {
    for (const isOneMoment of [true, false]) {
      const bench = await Bench.up(config);
      const quote = await bench.quote();
      const answers = [];
      for (let attempt = 1; attempt <= 5; attempt++) {
        const assignment = await bench.assignment({ quote, attempt, replicaId: bench.replicaId(attempt) });
        const answer = bench.asking('shard.assign', assignment);
        if (!isOneMoment) await bench.done(answer);
        answers.push(answer);
      }
      const all = await bench.done(Promise.all(answers));
      expect(all.filter((answer) => isOf(answer, 'shard.accept'))).toHaveLength(most);
      const refused = all.filter((answer) => isOf(answer, 'shard.decline'));
      expect(refused).toHaveLength(5 - most);
      for (const answer of refused) expect(answer).toMatchObject({ body: { code, retryAfterMs: 250 } });
      expect(bench.disk.blobs.size).toBe(most);
    }
  });

  it('takes as many shards an hour as the client is granted, and says when it will take more', async () => {
    const bench = await Bench.up({
      shardsPerHourPerClientMax: 2,
      clientLimits: { [otherKey.peerId]: { shardsPerHourMax: 5 } },
    });
    // From the beginning of an hour.
    await bench.pass(3_600_000 - (bench.clock.now() % 3_600_000));
    const quote = await bench.quote();
    const assign = async (attempt: number) => {
      const change = { quote, attempt, replicaId: bench.replicaId(attempt) };
      return bench.ask('shard.assign', await bench.assignment(change));
    };
    for (const attempt of [1, 2]) expect(await assign(attempt)).toMatchObject({ type: 'shard.accept' });
    // A restart grants nothing anew.
    await bench.restart();
    const declined = await assign(3);
    if (!isOf(declined, 'shard.decline')) throw new Error(JSON.stringify(declined));
    expect(declined.body).toMatchObject({ code: 'no-capacity', message: expect.stringContaining('2 shards an hour') });
    const asked = { jobId, template: simulatedTemplate.id, model: null, items: 1, itemsPerShard: 1 };
    expect(await bench.ask('job.quote', asked)).toMatchObject({
      type: 'job.decline',
      body: { code: 'no-capacity', retryAfterMs: expect.any(Number) },
    });
    // Others have limits of their own, and the own node none.
    await bench.quote(otherKey.peerId);
    await bench.quote(bench.key.peerId);
    await bench.pass((declined.body.retryAfterMs ?? 0) + 1_000);
    await bench.quote();
  });

  it('takes an assignment once, however often it comes, and answers with its present state', async () => {
    const bench = await Bench.up();
    const assignment = await bench.assignment();
    const both = [bench.asking('shard.assign', assignment), bench.asking('shard.assign', assignment)];
    // It runs while its admission is being written.
    const accepted = (state: string) => ({ type: 'shard.accept', body: { state } });
    expect(await bench.done(Promise.all(both))).toMatchObject([accepted('queued'), accepted('running')]);
    expect(await bench.ask('shard.assign', assignment)).toMatchObject({ body: { state: 'running' } });
    bench.executor.runs[0]?.request.onProgress(1);
    expect(await bench.ask('shard.assign', assignment)).toMatchObject({ body: { state: 'running', itemsDone: 1 } });
    await bench.finish();
    expect(await bench.ask('shard.assign', assignment)).toMatchObject({ body: { state: 'committed', itemsDone: 2 } });
    expect([bench.executor.runs.length, bench.types().filter((type) => type === 'work.admitted').length]).toEqual([
      1, 1,
    ]);
    // Asked for in the state committed: the commitment may have been lost.
    expect(bench.mail.of('shard.commit')).toHaveLength(2);
    expect(bench.mail.of('shard.commit')[1]).toEqual(bench.mail.of('shard.commit')[0]);
  });

  it('takes the quote that it gave the same client for another job', async () => {
    const bench = await Bench.up();
    const assignment = await bench.assignment({ quote: await bench.quote(client, 'e'.repeat(32)) });
    expect(await bench.ask('shard.assign', assignment)).toMatchObject({ type: 'shard.accept' });
  });

  it('lets no client use or see the replica of another', async () => {
    const bench = await Bench.up();
    const mine = await bench.assignment();
    const theirs = await bench.assignment({ quote: await bench.quote(otherKey.peerId) });
    const answers = [bench.asking('shard.assign', mine), bench.asking('shard.assign', theirs, otherKey.peerId)];
    expect(await bench.done(Promise.all(answers))).toMatchObject([
      { type: 'shard.accept' },
      { type: 'shard.decline', body: { code: 'no-capacity' } },
    ]);
    expect(await bench.ask('shard.assign', theirs, otherKey.peerId)).toMatchObject({ type: 'shard.decline' });
    await bench.finish();
    const replicaId = bench.replicaId();
    const other = otherKey.peerId;
    await expect(bench.ask('shard.reveal.request', { replicaId }, other)).rejects.toThrow(MessageRefused);
    await expect(bench.ask('shard.cancel', { replicaId, reason: '' }, other)).rejects.toThrow(MessageRefused);
    expect(await bench.ask('lease.renew', { replicaIds: [replicaId] }, other)).toMatchObject({
      body: { replicas: [{ state: 'unknown' }] },
    });
    await bench.ask('shard.verdict', { replicaId, verdict: 'superseded', policy, evidence: null }, other);
    expect(bench.stateOf()).toBe('committed');
  });

  it('grants one shard whatever the limit, and quotes it so', async () => {
    const bench = await Bench.up({ creditLimitMicro: '1' });
    const quote = await bench.quote();
    // For a shard as large as the client named it.
    expect(quote.body.creditLimitMicro).toBe('2000');
    const assignment = await bench.assignment({ quote });
    expect(await bench.ask('shard.assign', assignment)).toMatchObject({ type: 'shard.accept' });
  });

  it('tells a newcomer why and when, once strangers have used up their hour', async () => {
    const bench = await Bench.up({ strangersPerHourMicro: '2000' });
    const theirs = await bench.quote(otherKey.peerId);
    await bench.ask('shard.assign', await bench.assignment());
    const late = await bench.assignment({ quote: theirs, attempt: 2, replicaId: bench.replicaId(2) });
    const soon = { code: 'credit-limit', retryAfterMs: 1000, message: expect.stringContaining('all new clients') };
    expect(await bench.ask('shard.assign', late, otherKey.peerId)).toMatchObject({ body: soon });
    // It is worked for nothing: the hour goes on.
    await bench.ask('shard.cancel', { replicaId: bench.replicaId(), reason: '' });
    const { quote } = late;
    const { jobId, template, model } = quote.body;
    const declined = await bench.ask(
      'job.quote',
      { jobId, template, model, items: 10, itemsPerShard: 10 },
      quote.body.client,
    );
    if (!isOf(declined, 'job.decline')) throw new Error('it was quoted a price');
    expect(declined.body.code).toBe('credit-limit');
    expect(declined.body.retryAfterMs).toBeGreaterThan(3_500_000);
    expect(declined.body.retryAfterMs).toBeLessThanOrEqual(3_660_000);
  });

  it('costs the own node nothing', async () => {
    const bench = await Bench.up({ creditLimitMicro: '0' });
    const self = bench.key.peerId;
    const assignment = await bench.assignment({
      quote: await bench.quote(self),
      priceMicro: '0',
      reveal: 'with-commit',
    });
    expect(await bench.ask('shard.assign', assignment, self)).toMatchObject({ type: 'shard.accept' });
    await bench.finish();
    await bench.ask(
      'shard.verdict',
      { replicaId: bench.replicaId(), verdict: 'accepted', policy, evidence: null },
      self,
    );
    expect(bench.types().filter((type) => type.startsWith('payment.'))).toEqual([]);
    expect(bench.stateOf()).toBe('over');
  });
});

describe('work', () => {
  it('is committed, revealed on request and judged, and its payloads are deleted', async () => {
    const bench = await Bench.up();
    const replicaId = bench.replicaId();
    await bench.assign();
    expect(bench.stateOf()).toBe('running');
    await bench.finish();
    const [commit] = bench.mail.of('shard.commit');
    expect(commit?.result).toBeUndefined();
    const { commitment } = commit ?? {};
    if (commitment === undefined) throw new Error('no commitment');
    expect(isSigned(keys, 'commitment', commitment)).toBe(true);
    const inputs = [{ n: 0 }, { n: 1 }];
    expect(commitment.body.taskHash).toBe(
      taskHashOf({
        template: simulatedTemplate.id,
        model: null,
        params: {},
        inputsHash: hashOf(inputs),
        itemSalt: 'c2FsdA',
      }),
    );
    const shown = await bench.ask('shard.reveal.request', { replicaId });
    if (!isOf(shown, 'shard.reveal')) throw new Error('no reveal');
    expect(shown.body.outputs).toEqual([right(0), right(1)]);
    expect(opens(commitment.body, shown.body.reveal.body)).toBe(true);
    expect(outputsHashOf(itemHashesOf('c2FsdA', shown.body.outputs))).toBe(shown.body.reveal.body.outputsHash);
    expect(await bench.ask('shard.reveal.request', { replicaId })).toEqual(shown);
    expect(bench.disk.blobs.size).toBe(2);

    expect(unpaid(bench)).toBe('1200');
    expect(await judge(bench, 'accepted')).toMatchObject({ type: 'shard.verdict.ack' });
    expect(bench.disk.blobs.size).toBe(0);
    expect(bench.payment.summary().owedToUsMicro).toBe('1200');
    // Said again, or contradicted, it changes nothing.
    await judge(bench, 'accepted');
    await judge(bench, 'rejected');
    expect(bench.types().filter((type) => type === 'work.judged' || type === 'payment.earned')).toHaveLength(2);
    expect(bench.payment.summary().owedToUsMicro).toBe('1200');
    await bench.pass(80_000);
    expect(bench.types().at(-1)).toBe('work.forgotten');
    expect(await judge(bench, 'accepted')).toMatchObject({ type: 'shard.verdict.ack' });
  });

  it('with one copy travels with its commitment', async () => {
    const bench = await Bench.up();
    await bench.assign({ reveal: 'with-commit' });
    await bench.finish();
    expect(bench.mail.of('shard.commit')[0]?.result?.outputs).toEqual([right(0), right(1)]);
    expect(bench.stateOf()).toBe('revealed');
  });

  it.each<[string, FailureCode, Json[] | { code: FailureCode }]>([
    ['the run fails', 'out-of-memory', { code: 'out-of-memory' }],
    ['the runner gives too few outputs', 'container', [right(0)]],
    ['an output breaks the schema', 'container', [right(0), { label: 7 }]],
    ['outputs are over inlineBytesMax', 'bad-input', [right(0), { label: 'x'.repeat(protocolLimits.inlineBytesMax) }]],
  ])('fails with a release when %s', async (_, code, outcome) => {
    const bench = await at('running');
    if (Array.isArray(outcome)) await bench.finish(outcome);
    else bench.executor.runs[0]?.end({ ok: false, code: outcome.code, message: 'it broke' });
    await bench.pass(100);
    const [fail] = bench.mail.of('shard.fail');
    expect(fail?.code).toBe(code);
    expect(fail && isSigned(keys, 'release', fail.release)).toBe(true);
    expect(fail?.release.body).toMatchObject({ replicaId: bench.replicaId(), provider: bench.key.peerId });
    expect([unpaid(bench), bench.disk.blobs.size]).toEqual(['0', 0]);
    expect(await bench.assign()).toMatchObject({ type: 'shard.fail', body: { code } });
    await bench.pass(80_000);
    expect(bench.types().at(-1)).toBe('work.forgotten');
  });

  it('runs as many at once as configured', async () => {
    const bench = await Bench.up({ runsMax: 3 });
    const quote = await bench.quote();
    expect(quote.body.runsMax).toBe(3);
    for (const attempt of [1, 2, 3, 4, 5]) await bench.assign({ quote, attempt, replicaId: bench.replicaId(attempt) });
    expect(bench.provider.load).toMatchObject({ running: 3, queued: 2 });
    expect(bench.executor.runs).toHaveLength(3);
    await bench.finish();
    expect(bench.provider.load).toMatchObject({ running: 3, queued: 1 });
  });

  it('serves clients in turn, whatever priority a stranger claims', async () => {
    const bench = await Bench.up({ runsMax: 1 });
    const quotes = new Map([
      [client, await bench.quote()],
      [otherKey.peerId, await bench.quote(otherKey.peerId)],
    ]);
    const assign = async (from: PeerId, attempt: number, priority: number) => {
      const quote = quotes.get(from);
      if (quote === undefined) throw new Error('no quote');
      const change = { quote, attempt, replicaId: bench.replicaId(attempt), priority };
      expect(await bench.ask('shard.assign', await bench.assignment(change), from)).toMatchObject({
        type: 'shard.accept',
      });
    };
    for (const attempt of [1, 2, 3, 4]) await assign(client, attempt, 9);
    for (const attempt of [5, 6]) await assign(otherKey.peerId, attempt, 5);
    for (let i = 0; i < 6; i++) await bench.finish();
    const order = bench.executor.runs.map(({ request }) => Number(request.runId.split('.')[2]));
    // Where both had as much, whoever uses less of its credit is first.
    expect(order).toEqual([1, 5, 6, 2, 3, 4]);
  });

  it('runs by priority, then in the order of admission, one at a time if so configured', async () => {
    const bench = await Bench.up({ runsMax: 1 });
    const quote = await bench.quote();
    for (const [attempt, priority] of [1, 5, 5, 9].entries()) {
      await bench.assign({ quote, attempt: attempt + 1, replicaId: bench.replicaId(attempt + 1), priority });
    }
    expect(bench.provider.load).toMatchObject({ running: 1, queued: 3 });
    for (let i = 0; i < 4; i++) await bench.finish();
    const order = bench.executor.runs.map(({ request }) => Number(request.runId.split('.')[2]));
    expect(order).toEqual([1, 4, 2, 3]);
  });

  it('tells its progress, now and then', async () => {
    const bench = await at('running');
    for (let done = 0; done <= 2; done++) {
      bench.executor.runs[0]?.request.onProgress(done);
      await bench.pass(150);
    }
    expect(bench.mail.of('shard.progress')).toEqual([{ replicaId: bench.replicaId(), itemsDone: 1, itemsTotal: 2 }]);
  });

  it('gives receipts its signature only for what it did', async () => {
    const bench = await at('revealed');
    const { commitment } = bench.provider.work()[0] ?? {};
    const body: ReceiptBody = {
      v: 1,
      kind: 'good',
      client,
      provider: bench.key.peerId,
      jobId,
      shardId,
      replicaId: bench.replicaId(),
      template: simulatedTemplate.id,
      model: null,
      items: 2,
      at: 1,
      priceMicro: '1200',
      check: { type: 'replicate', copies: 2, quorum: 2, agreed: 2 },
      digest: commitment?.body.digest ?? '',
    };
    expect(bench.isOurWork(body)).toBe(true);
    const lies: Array<Partial<typeof body>> = [
      { client: otherKey.peerId },
      { provider: otherKey.peerId },
      { replicaId: bench.replicaId(2) },
      { shardId: `${jobId}.1` },
      { items: 3 },
      { priceMicro: '1' },
      { digest: '0'.repeat(64) },
      { template: `b${'a'.repeat(58)}` },
    ];
    for (const lie of lies) expect(bench.isOurWork({ ...body, ...lie })).toBe(false);
    expect((await at('running')).isOurWork(body)).toBe(false);
  });
});

describe('a cancel', () => {
  it.each(['queued', 'running'] as const)('ends work that is %s, and its answer is a release', async (state) => {
    const bench = await at(state);
    const replicaId = bench.replicaId();
    const answer = await bench.ask('shard.cancel', { replicaId, reason: 'enough' });
    if (!isOf(answer, 'shard.cancelled') || answer.body.release === null) throw new Error('no release');
    expect(answer.body).toMatchObject({ replicaId, state: 'cancelled', release: { body: { replicaId } } });
    expect(isSigned(keys, 'release', answer.body.release)).toBe(true);
    const run = bench.executor.runs.find(({ request }) => request.runId === replicaId);
    expect([run?.isCancelled ?? null, unpaid(bench)]).toEqual(state === 'running' ? [true, '0'] : [null, '1200']);
    expect(bench.disk.blobs.size).toBe(state === 'running' ? 0 : 1);
    expect(await bench.ask('shard.cancel', { replicaId, reason: '' })).toMatchObject({ body: { state: 'cancelled' } });
  });

  it.each(['committed', 'revealed', 'accepted'] as const)('of work that is %s releases nothing', async (state) => {
    const bench = await at(state);
    const answer = await bench.ask('shard.cancel', { replicaId: bench.replicaId(), reason: 'enough' });
    expect(answer).toMatchObject({ body: { state, release: null } });
    expect(unpaid(bench)).toBe('1200');
  });

  it('of what was seen and never judged releases nothing: the credit limit has to bound it', async () => {
    const bench = await at('revealed');
    await bench.pass(71_000);
    const answer = await bench.ask('shard.cancel', { replicaId: bench.replicaId(), reason: 'never mind' });
    expect(answer).toMatchObject({ body: { state: 'undecided', release: null } });
    expect(unpaid(bench)).toBe('1200');
  });

  it('that overtakes the write of its assignment ends it all the same', async () => {
    const bench = await Bench.up();
    const assigned = bench.asking('shard.assign', await bench.assignment());
    const cancelled = bench.asking('shard.cancel', { replicaId: bench.replicaId(), reason: '' });
    await bench.pass(100);
    expect(await assigned).toMatchObject({ type: 'shard.accept' });
    expect(await cancelled).toMatchObject({ body: { state: 'cancelled' } });
  });

  it('of what was never assigned is refused', async () => {
    const bench = await Bench.up();
    const cancel = bench.ask('shard.cancel', { replicaId: bench.replicaId(), reason: '' });
    await expect(cancel).rejects.toMatchObject({ code: 'unknown-replica' });
  });

  it('while the outputs are being written comes too late: the commitment follows, and may be judged', async () => {
    const bench = await at('running');
    bench.disk.speed = { normalMs: 1, fullMs: 50 };
    bench.executor.runs[0]?.end({ ok: true, outputs: [right(0), right(1)] });
    await bench.pass(10);
    const cancelled = bench.asking('shard.cancel', { replicaId: bench.replicaId(), reason: '' });
    await bench.pass(500);
    expect(await cancelled).toMatchObject({ body: { state: 'committed', release: null } });
    expect(bench.mail.of('shard.commit')).toHaveLength(1);
    await judge(bench, 'superseded');
    expect([unpaid(bench), bench.disk.blobs.size]).toEqual(['0', 0]);
  });
});

describe('a verdict', () => {
  it.each(['rejected', 'undecided', 'superseded'] as const)('%s drops the claim', async (verdict) => {
    const bench = await at('revealed');
    await judge(bench, verdict);
    expect([bench.stateOf(), unpaid(bench), bench.disk.blobs.size]).toEqual(['over', '0', 0]);
  });

  it('superseded stops a run; accepted is refused for what was not revealed, and does not disturb it', async () => {
    const bench = await at('running');
    await expect(judge(bench, 'accepted')).rejects.toMatchObject({ code: 'bad-message' });
    expect(bench.executor.runs[0]?.isCancelled).toBe(false);
    await judge(bench, 'superseded');
    expect(bench.executor.runs[0]?.isCancelled).toBe(true);
    expect(bench.stateOf()).toBe('over');
  });
});

describe('a lease', () => {
  it('is kept by renewals', async () => {
    const bench = await at('running');
    for (let i = 0; i < 10; i++) {
      await bench.pass(5_000);
      const answer = await bench.ask('lease.renew', { replicaIds: [bench.replicaId(), bench.replicaId(3)] });
      expect(answer).toMatchObject({ body: { replicas: [{ state: 'running' }, { state: 'unknown' }] } });
    }
  });

  it.each([
    ['queued', 'work.failed', '0'],
    ['running', 'work.failed', '0'],
    ['committed', 'work.lost', '0'],
    // What the client has seen stays in the books: the credit limit bounds the loss.
    ['revealed', 'work.judged', '1200'],
  ] as const)('that ends for work that is %s ends it by %s, then forgets it', async (state, type, left) => {
    const bench = await at(state);
    const pending = state === 'queued' || state === 'running';
    await bench.pass(pending ? 9_000 : 69_000);
    expect(bench.stateOf()).toBe(state);
    await bench.pass(3_000);
    expect(bench.stateOf()).toBe('over');
    expect(bench.types()).toContain(type);
    expect([unpaid(bench), bench.disk.blobs.size]).toEqual([left, 0]);
    if (pending) expect(bench.mail.of('shard.fail')[0]?.code).toBe('expired');
    await bench.pass(80_000);
    expect(bench.types().at(-1)).toBe('work.forgotten');
    expect(JSON.parse(bench.journal.stateText()).states.provider).toEqual({
      on: null,
      work: {},
      pending: {},
      storedBytes: 0,
    });
  });
});

describe('a restart', () => {
  it.each(['queued', 'running'] as const)('fails work that was %s, with a release', async (state) => {
    const bench = await at(state);
    const assignment = await bench.assignment();
    await bench.restart();
    expect(unpaid(bench)).toBe('0');
    expect(await bench.ask('shard.assign', assignment)).toMatchObject({
      type: 'shard.fail',
      body: { code: 'internal', release: { by: bench.key.peerId } },
    });
  });

  it('keeps what was committed, says it again to a client that comes, and reveals it', async () => {
    const bench = await at('committed');
    const [before] = bench.mail.of('shard.commit');
    await bench.restart();
    bench.mail.up(client);
    await bench.pass(100);
    expect(bench.mail.of('shard.commit')).toEqual([before]);
    const shown = await bench.ask('shard.reveal.request', { replicaId: bench.replicaId() });
    expect(shown).toMatchObject({ type: 'shard.reveal', body: { outputs: [right(0), right(1)] } });
    await judge(bench, 'accepted');
    expect(bench.payment.summary().owedToUsMicro).toBe('1200');
  });

  it.each(['revealed', 'accepted'] as const)('knows what was %s', async (state) => {
    const bench = await at(state);
    await bench.restart();
    const answer = await bench.ask('lease.renew', { replicaIds: [bench.replicaId()] });
    expect(answer).toMatchObject({ body: { replicas: [{ state }] } });
    expect(unpaid(bench)).toBe('1200');
  });

  it('keeps the owner’s switch', async () => {
    const bench = await Bench.up();
    await bench.done(bench.provider.switch(false));
    await bench.restart();
    expect(bench.provider.on).toBe(false);
  });
});

describe('draining', () => {
  it('waits for what runs and for results that are fetched, and takes nothing more', async () => {
    const bench = await at('running');
    let drained = false;
    const drain = bench.provider.drain(20_000).then(() => {
      drained = true;
    });
    await bench.finish();
    expect(drained).toBe(false);
    await bench.ask('shard.reveal.request', { replicaId: bench.replicaId() });
    await bench.done(drain);
    expect(bench.mail.of('shard.fail')).toEqual([]);
  });

  it('does not wait for clients who are not there', async () => {
    const bench = await at('committed');
    bench.mail.away.add(client);
    await bench.done(bench.provider.drain(20_000));
    expect(bench.stateOf()).toBe('committed');
  });

  it('ends at its deadline, and tells whose work it gave up', async () => {
    const bench = await at('queued');
    const drain = bench.provider.drain(5_000);
    await bench.pass(4_900);
    expect(bench.mail.of('shard.fail')).toEqual([]);
    await bench.done(drain, 500);
    expect(bench.mail.of('shard.fail').map(({ code }) => code)).toEqual(['no-capacity', 'no-capacity']);
    expect(bench.executor.runs.map(({ isCancelled }) => isCancelled)).toEqual([true]);
  });

  it('ends when the last of it is cancelled', async () => {
    const bench = await at('running');
    const drain = bench.provider.drain(20_000);
    await bench.ask('shard.cancel', { replicaId: bench.replicaId(), reason: '' });
    await bench.done(drain);
  });
});
