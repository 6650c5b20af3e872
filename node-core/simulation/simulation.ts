/**
 * What scenarios are written in: nodes to start, jobs to submit, faults to inject, and the end, at which everything is
 * healed and must be settled.
 *
 * Each fault has a number. A run can leave some out (`without`), and draws the same numbers for all others: that is how a
 * failing run is shrunk.
 */
import type { LinkModel } from '../network/memory/hub.ts';
import {
  hashOf,
  idOf,
  type JobSpecInput,
  type Json,
  type MessageOf,
  type PeerId,
  parseMessage,
  priceOf,
  type ReplicaId,
  replicaIdOf,
} from '../protocol/index.ts';
import { Broken } from './broken.ts';
import { Chance } from './chance.ts';
import { type Manner, simulatedTemplate, truth } from './executor.ts';
import type { JobFacts } from './observers/client-book.ts';
import { countWrong } from './observers/results.ts';
import { at } from './observers/wire.ts';
import { type Manners, Speaker } from './speaker.ts';
import { type NodeOptions, type SimulatedNode, World } from './world.ts';

export interface SimulationOptions {
  readonly seed: number;
  readonly nodes: number;
  /** Numbers of faults that do not happen. */
  readonly without?: ReadonlySet<number>;
  readonly isRecorded?: boolean;
}

/** Over all that was counted by one name. */
export interface Measure {
  readonly sum: number;
  readonly most: number;
}

export interface Money {
  readonly clientsLostMicro: bigint;
  readonly providersLostMicro: bigint;
  readonly providersLimitMicro: bigint;
  /** The most that one client ever owed one provider. */
  readonly mostUnpaidMicro: bigint;
}

export interface Cast {
  readonly clients?: number;
  readonly providers: number;
  /** Neither: they are only there. */
  readonly idle?: number;
  /** Of each provider. */
  readonly manner?: (index: number, chance: Chance) => Partial<Manner>;
  readonly node?: (name: string, chance: Chance) => Partial<NodeOptions>;
  readonly link?: Partial<LinkModel>;
}

export interface SubmittedJob {
  readonly node: SimulatedNode;
  readonly jobId: string;
  readonly inputs: ReadonlyArray<{ n: number }>;
  readonly mayFail: boolean;
}

export interface JobWish extends Omit<Partial<JobSpecInput>, 'inputs' | 'template'> {
  readonly items: number;
  /** Default: colours. */
  readonly template?: 'colours' | 'stories' | 'vectors';
  /** It need not be done: its budget or deadline is too tight for that. */
  readonly mayFail?: boolean;
}

/** Of the items of stolen shards. */
export const thiefSalt = 'AAAA';

const regions = ['eu', 'us', 'asia'] as const;

export class Simulation {
  readonly seed: number;
  readonly size: number;
  readonly chance: Chance;
  world: World;
  readonly clients: SimulatedNode[] = [];
  readonly providers: SimulatedNode[] = [];
  readonly jobs: SubmittedJob[] = [];
  readonly speakers: Speaker[] = [];
  /** Faults that happened, by number. */
  readonly faults: string[] = [];
  /** Nodes that do not come back at the end. */
  readonly gone = new Set<SimulatedNode>();
  /** Answers of ended jobs that are not true. */
  wrongAnswers = 0;
  /** Prices of results that thieves got without paying. */
  stolenMicro = 0n;
  /** What a bar counts. */
  readonly measures: Record<string, Measure> = {};
  /** Jobs that ended otherwise than done are no fault: the scenario takes away what they need. */
  mayFail = false;
  readonly #options: SimulationOptions;
  #faultNumber = 0;

  constructor(options: SimulationOptions) {
    this.#options = options;
    this.seed = options.seed;
    this.size = options.nodes;
    this.chance = new Chance(options.seed ^ 0x5eed);
    this.world = new World({ seed: options.seed, isRecorded: options.isRecorded ?? false });
  }

  get now(): number {
    return this.world.time.elapsed;
  }

  /** Starts clients and providers, and waits until the clients know of enough providers. */
  async begin({ clients = 1, providers, idle = 0, manner, node, link }: Cast): Promise<void> {
    const { chance, world } = this;
    world.hub.setLink({ jitterMs: chance.pick([0, 2, 20]), ...link });
    const snapshotEntries = chance.pick([20, 200, 5000]);
    const add = (name: string, options: Partial<NodeOptions>): SimulatedNode => {
      const own = node?.(name, chance) ?? {};
      const added = world.add({
        name,
        region: chance.pick(regions),
        ...options,
        ...own,
        config: { store: { snapshotEntries }, ...options.config, ...own.config },
      });
      added.disk.speed = chance.pick([
        { normalMs: 0.1, fullMs: 1 },
        { normalMs: 0.2, fullMs: 3 },
        { normalMs: 1, fullMs: 12 },
      ]);
      return added;
    };
    for (let i = 0; i < clients; i++) this.clients.push(add(clients === 1 ? 'client' : `client-${i}`, {}));
    for (let i = 0; i < providers; i++) {
      this.providers.push(add(`provider-${i}`, { provider: true, manner: manner?.(i, chance) ?? {} }));
    }
    for (let i = 0; i < idle; i++) add(`idle-${i}`, {});
    for (const each of world.nodes) each.start();
    await this.#meet(Math.min(providers - 1, 4));
  }

  /** A peer that speaks the raw protocol and keeps to no rule but those that it is told. */
  speaker(name: string): Speaker {
    const speaker = new Speaker(this.world, name);
    this.speakers.push(speaker);
    return speaker;
  }

  /** A speaker that poses as a provider and is known to the clients. */
  async hostile(name: string, manners: Manners): Promise<Speaker> {
    const speaker = this.speaker(name);
    speaker.manners = manners;
    await this.wait(1_000);
    await this.world.until(speaker.announce());
    const beat = (): void => {
      speaker.beat();
      this.world.time.after(8_000, beat);
    };
    beat();
    await this.wait(1_000);
    return speaker;
  }

  /** A speaker poses as a client: one shard is assigned, run and revealed to it. @returns null when it was declined. */
  async steal(
    thief: Speaker,
    victim: SimulatedNode,
    { reveal, attempt }: { reveal: 'with-commit' | 'on-request' | 'never'; attempt: number },
  ): Promise<{ replicaId: ReplicaId; priceMicro: bigint } | null> {
    const how = reveal === 'with-commit' ? reveal : 'on-request';
    const assignment = await this.#assignment(thief, victim, { items: 10, reveal: how, attempt });
    if (assignment === null) return null;
    const { replicaId, priceMicro } = assignment.body;
    if ((await thief.ask(victim.peerId, assignment, 'shard.accept')) === null) return null;
    await this.world.run(8_000, () =>
      thief.heard.some(
        (heard) => heard.type === 'shard.commit' && at(heard.body, 'commitment', 'body', 'replicaId') === replicaId,
      ),
    );
    if (reveal === 'on-request') {
      const shown = await thief.ask(
        victim.peerId,
        { type: 'shard.reveal.request', body: { replicaId } },
        'shard.reveal',
      );
      if (shown === null) return null;
    }
    return { replicaId, priceMicro: BigInt(priceMicro) };
  }

  /** When a speaker that was declined may come back, by the last that it heard; 0 when that was no such word. */
  retryAfterMs(speaker: Speaker): number {
    const last = speaker.heard.findLast(({ type }) => type === 'job.decline' || type === 'shard.decline');
    const ms = last === undefined ? null : at(last.body, 'retryAfterMs');
    return typeof ms === 'number' && ms > 60_000 ? ms : 0;
  }

  /** All of them assign their shards in the same moment, and ask for nothing of it. */
  async flood(thieves: readonly Speaker[], victim: SimulatedNode, shardsEach: number): Promise<void> {
    const said: Array<() => Promise<void>> = [];
    for (const thief of thieves) {
      for (let i = 0; i < shardsEach; i++) {
        const assignment = await this.#assignment(thief, victim, { items: 10, reveal: 'on-request', attempt: 1 });
        if (assignment !== null) said.push(() => thief.say(victim.peerId, assignment).catch(() => {}));
      }
    }
    await this.world.until(Promise.all(said.map((say) => say())));
  }

  get anyClient(): SimulatedNode {
    return this.chance.pick(this.clients);
  }

  /** Submits a job of numbers to be labelled. @returns null when the node went down meanwhile. */
  async submit(node: SimulatedNode, wish: JobWish): Promise<SubmittedJob | null> {
    const life = node.node;
    const answer = await this.world.until(this.#submission(node, wish), 30_000);
    if (answer === null && node.up && node.node === life && node.ended === null) {
      throw new Broken('I7', node.name, this.now, 'a job was not taken within 30 s');
    }
    return answer?.value ?? null;
  }

  /** All submit in the same moment. */
  async submitAll(nodes: readonly SimulatedNode[], wish: () => JobWish): Promise<void> {
    const answers = await this.world.until(Promise.all(nodes.map((node) => this.#submission(node, wish()))), 30_000);
    if (answers === null) throw new Broken('I7', 'a client', this.now, 'a job was not taken within 30 s');
  }

  async #submission(node: SimulatedNode, { items, mayFail = this.mayFail, ...spec }: JobWish): Promise<SubmittedJob> {
    const first = this.chance.below(1_000_000);
    const inputs = Array.from({ length: items }, (_, i) => ({ n: first + i }));
    const common = { template: spec.stream === true ? 'stories' : 'colours', inputs, budgetMicro: '100000000' };
    const { jobId } = await node.node.api.call('jobs.submit', { ...common, ...spec });
    const job: SubmittedJob = { node, jobId, inputs, mayFail };
    this.jobs.push(job);
    return job;
  }

  measure(name: string, value: number): void {
    const { sum = 0, most = 0 } = this.measures[name] ?? {};
    this.measures[name] = { sum: sum + value, most: Math.max(most, value) };
  }

  wait(ms: number): Promise<void> {
    return this.world.run(ms);
  }

  /** Waits until a job has ended. @returns what the log says of it. */
  async ended(job: SubmittedJob, withinMs = 900_000): Promise<JobFacts | undefined> {
    await this.world.run(withinMs, () => this.facts(job)?.endedElapsedMs != null);
    return this.facts(job);
  }

  facts({ node, jobId }: SubmittedJob): JobFacts | undefined {
    return node.subject.client.jobs.get(jobId);
  }

  /** Answers of a job so far that are not true. */
  wrongIn(job: SubmittedJob): number {
    const facts = this.facts(job);
    return facts === undefined ? 0 : countWrong(job.node.subject, facts, truth, job.inputs);
  }

  /** Something goes wrong, unless this run leaves it out. @param act draws from a source of its own. */
  fault(what: string, act: (chance: Chance) => void): void {
    const number = this.#faultNumber++;
    if (this.#options.without?.has(number)) return;
    this.faults.push(`${number} ${what}`);
    this.world.timeline.note('world', `fault ${number}: ${what}`);
    act(new Chance(this.seed * 7919 + number));
  }

  /** How many faults the run came to, those left out included. */
  get faultCount(): number {
    return this.#faultNumber;
  }

  /**
   * Heals everything, brings everybody back, waits until all jobs have ended and all books agree. I4, I6, I9.
   * @throws Broken
   */
  async end(): Promise<void> {
    const { world } = this;
    world.onTouch = null;
    world.hub.heal();
    const noFaults = { loss: 0, duplicate: 0, reorder: 0 };
    world.hub.setLink({ gossip: noFaults, answers: noFaults, staleAnswer: 0 });
    for (const node of world.nodes) {
      node.disk.full = null;
      if (node.ended !== null) node.crash();
      if (!this.gone.has(node)) node.start();
    }
    await this.#returned();
    await this.#endJobs();
    await this.#agree();
    this.#checkLosses();
    this.#checkAnswers();
    await this.#checkStates();
  }

  /** Of a shard that a speaker wants run, with the victim's own quote. */
  async #assignment(
    thief: Speaker,
    victim: SimulatedNode,
    { items, reveal, attempt }: { items: number; reveal: 'with-commit' | 'on-request'; attempt: number },
  ): Promise<MessageOf<'shard.assign'> | null> {
    const template = simulatedTemplate.id;
    const jobId = idOf(this.chance.bytes(16));
    const inputs = Array.from({ length: items }, (_, n) => ({ n }));
    const asked = await thief.ask(
      victim.peerId,
      { type: 'job.quote', body: { jobId, template, model: null, items, itemsPerShard: items } },
      'job.offer',
    );
    if (asked === null) return null;
    const { quote } = parseMessage('job.offer', asked.body);
    const shardId = `${jobId}.0`;
    const replicaId = replicaIdOf(shardId, attempt, victim.peerId);
    const priceMicro = priceOf(quote.body.price, inputs.length);
    return {
      type: 'shard.assign',
      body: {
        replicaId,
        jobId,
        shardId,
        attempt,
        kind: { type: 'run' },
        quote,
        params: {},
        payload: { type: 'plain', inputs, itemSalt: thiefSalt },
        inputsHash: hashOf(inputs),
        priceMicro,
        deadlineAt: thief.now + 60_000,
        leaseMs: 10_000,
        graceMs: 10_000,
        reveal,
        priority: 5,
      },
    };
  }

  async #meet(wanted: number): Promise<void> {
    for (let i = 0; i < 30; i++) {
      await this.world.run(1_000);
      let isEnough = true;
      for (const client of this.clients) {
        const status = await this.world.until(client.node.api.call('node.status', {})).catch(() => null);
        isEnough &&= (status?.value.knownProviders ?? 0) >= wanted;
      }
      if (isEnough) return;
    }
    throw new Broken(
      'discovery',
      this.clients[0]?.name ?? '',
      this.now,
      `${wanted} providers were not found within 30 s`,
    );
  }

  /** Everybody who comes back is online. */
  async #returned(): Promise<void> {
    const late = () => this.world.nodes.find((node) => node.up && !node.isOnline);
    await this.world.run(60_000, () => late() === undefined);
    const node = late();
    if (node !== undefined) throw new Broken('I7', node.name, this.now, 'it is not online 60 s after its start');
  }

  async #endJobs(): Promise<void> {
    const open = (): boolean => this.world.nodes.some((node) => node.up && node.subject.client.hasOpenJobs);
    // I6 names the job that does not end; this only bounds the run.
    await this.world.run(8 * 24 * 3_600_000, () => !open());
    for (const job of this.jobs) {
      const facts = this.facts(job);
      if (job.mayFail || !job.node.up || facts === undefined || facts.state === 'done') continue;
      throw new Broken(
        'I6',
        job.node.name,
        this.now,
        `job ${job.jobId} could be done, and is ${facts.state}: ${facts.code} ${facts.reason}`,
      );
    }
  }

  /** I4: the books agree some time after healing. */
  async #agree(): Promise<void> {
    const differ = () => this.world.observers.booksDiffer();
    let nextMs = 0;
    await this.world.run(healMs, () => {
      if (this.now < nextMs) return false;
      nextMs = this.now + 500;
      return differ() === null;
    });
    const difference = differ();
    if (difference !== null) {
      throw new Broken('I4', difference.node.name, this.now, `${healMs / 1000} s after healing, ${difference.what}`);
    }
  }

  #checkAnswers(): void {
    for (const job of this.jobs) this.wrongAnswers += this.wrongIn(job);
  }

  /** I9, and what the API says of each job is what the log says. */
  async #checkStates(): Promise<void> {
    const { world } = this;
    for (const { node, jobId } of this.jobs) {
      const facts = node.subject.client.jobs.get(jobId);
      if (!node.up || facts === undefined) continue;
      const got = await world.until(node.node.api.call('jobs.results', { jobId }));
      const said: { state: string; outputs: ReadonlyArray<{ how: string; output: Json | null }> } | undefined =
        got?.value;
      const missing = said?.outputs.filter(({ how }) => how === 'missing').length;
      const expected = facts.shards
        .filter(({ state }) => state !== 'accepted')
        .reduce((sum, { count }) => sum + count, 0);
      const unplanned = facts.shards.length === 0 ? facts.job.items : 0;
      if (said?.state !== facts.state || missing !== expected + unplanned) {
        throw new Broken(
          'I6',
          node.name,
          this.now,
          `job ${jobId} is ${facts.state} with ${expected} missing items; the API says ${said?.state} and ${missing}`,
        );
      }
    }
    for (const node of world.nodes) {
      // Memory and disk are of one moment when nothing is being written.
      await world.run(restMsMax, () => !node.disk.isBusy);
      if (node.up && node.ended === null && node.stateText === null)
        throw new Broken('I7', node.name, this.now, `its disk did not rest within ${restMsMax / 1000} s`);
      await node.replay(node.stateText);
    }
  }

  /** Everything that is unpaid for ever, beside what it may be at most with those clients that owe it. */
  money(): Money {
    let clientsLostMicro = 0n;
    let providersLostMicro = 0n;
    let providersLimitMicro = 0n;
    let mostUnpaidMicro = 0n;
    for (const { subject } of this.world.nodes) {
      clientsLostMicro += subject.client.lostMicro;
      for (const payee of subject.provider.payees.values()) {
        if (payee.mostUnpaidMicro > mostUnpaidMicro) mostUnpaidMicro = payee.mostUnpaidMicro;
      }
      for (const { lostMicro, limitMicro } of subject.provider.lost()) {
        providersLostMicro += lostMicro;
        providersLimitMicro += limitMicro;
      }
    }
    return { clientsLostMicro, providersLostMicro, providersLimitMicro, mostUnpaidMicro };
  }

  /** I3, at the end: nobody has lost more than it stood to lose. */
  #checkLosses(): void {
    for (const { name, subject } of this.world.nodes) {
      for (const { client, lostMicro, limitMicro } of subject.provider.lost()) {
        if (lostMicro <= limitMicro) continue;
        const what = `${lostMicro} of work for ${client} will never be paid; the limit is ${limitMicro}`;
        throw new Broken('I3', name, this.now, what);
      }
    }
  }

  isHostile(peer: PeerId): boolean {
    return this.speakers.some((speaker) => speaker.peerId === peer);
  }
}

/**
 * Vouchers are repeated once a minute at most; work is forgotten twice lease and grace after its end (140 s); the price of a
 * lost attempt is held until its deadline, grace and the tolerance for clocks are over (300 s), and swept soon after.
 */
const healMs = 330_000;

/** Many writes of the slowest disk. */
const restMsMax = 30_000;
