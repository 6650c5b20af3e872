/**
 * One job under way. What is to be done is asked of `decideShard`; this file does it: assigns, reveals, judges, cancels,
 * ends. Everything that must survive a kill is in the log before anybody hears of it; what is kept here may be lost.
 */
import { MessageRefused } from '../messaging/index.ts';
import {
  type AnyMessage,
  type Id,
  isSigned,
  type MessageBody,
  type NodeEvent,
  type PeerId,
  type ReplicaId,
  replicaMachine,
  taskHashOf,
} from '../protocol/index.ts';
import { Assignments } from './assignments.ts';
import { type Choice, Chooser } from './choose.ts';
import type { AggregatorContext, KnownTemplate } from './context.ts';
import { decideShard, type ShardNeeds } from './decide.ts';
import { endJob } from './end.ts';
import { afterVerdicts, type JudgedCopy, judgeCopies, type RevealedCopy, verdictEvents } from './judge.ts';
import { type JobInputs, payloads, type Revealed } from './payloads.ts';
import { shardsOf } from './plan.ts';
import { Quotes } from './quotes.ts';
import { checkReveal } from './reveal.ts';
import {
  attemptsOf,
  isActive,
  isFinalShard,
  type Job,
  type Replica,
  type Role,
  type Shard,
  shardIndexOf,
} from './state.ts';
import { Stragglers } from './stragglers.ts';

/** Shards looked at in one go when none of them finds a provider. */
const fruitlessMax = 64;
/** Before a step that failed (the disk, mostly) is tried again, ms. */
const againMs = 1_000;

interface Want {
  readonly copies: number;
  readonly role: Role;
}

export class JobRunner {
  readonly jobId: Id;
  readonly #c: AggregatorContext;
  readonly #quotes: Quotes;
  readonly #chooser: Chooser;
  readonly #assignments: Assignments;
  readonly #stragglers: Stragglers;
  /** Shards whose needs must be asked again. */
  readonly #dirty = new Set<number>();
  /** Shards that want further replicas: those that were begun come first; the others in order. */
  readonly #begun = new Map<number, Want>();
  readonly #fresh = new Map<number, Want>();
  /** Shards that are not closed, or that have replicas which are not. */
  readonly #open = new Set<number>();
  /** Of these, the shards with work out: few, however large the job is. */
  readonly #active = new Set<number>();
  /** Effects under way, by what they are about: none is begun twice. */
  readonly #busy = new Set<string>();
  readonly #revealed = new Map<ReplicaId, Revealed>();
  readonly #itemsDone = new Map<ReplicaId, number>();
  /** Monotonic time at which a replica was first asked to reveal. */
  readonly #revealAskedAt = new Map<ReplicaId, number>();
  readonly #startedAt: number;
  readonly #ended: () => void;
  #inputs: JobInputs | null = null;
  #template: KnownTemplate | null = null;
  #scheduled = false;
  #started = false;
  #stopped = false;
  #discoveredAt = Number.NEGATIVE_INFINITY;
  #explainedAt = Number.NEGATIVE_INFINITY;

  /** @param ended the job left the state. */
  constructor(context: AggregatorContext, jobId: Id, ended: () => void) {
    this.#c = context;
    this.jobId = jobId;
    this.#ended = ended;
    this.#startedAt = context.clock.elapsed();
    this.#quotes = new Quotes(
      context,
      () => this.job,
      () => this.schedule(),
    );
    this.#chooser = new Chooser(context, this.#quotes);
    this.#stragglers = new Stragglers(context.clock, context.config);
    this.#assignments = new Assignments(context, this.#quotes, (replica) => this.touch(replica.shardId));
  }

  get job(): Job | undefined {
    return this.#c.view.state.jobs[this.jobId];
  }

  /** Begins, or goes on from the log after a restart. */
  async start(): Promise<void> {
    const job = this.job;
    if (job === undefined) return;
    this.#template = this.#c.known().templates.get(job.job.template) ?? null;
    this.#inputs = await payloads.inputs(this.#c.store, job.inputsHash);
    if (this.#inputs === null || this.#template === null) {
      const what = this.#template === null ? `template ${job.job.templateName}` : 'inputs';
      await this.#giveUp(
        'failed',
        'internal',
        `the job cannot go on: its ${what} ${this.#template === null ? 'is not here any more' : 'were lost or damaged on disk'}`,
      );
    } else if (job.state === 'planning' && job.cancelling === null && this.job !== undefined) {
      const shards = shardsOf(job.jobId, this.#inputs.inputs, job.job.itemsPerShard);
      await this.#c.journal.commit([
        { type: 'job.planned', jobId: job.jobId, counts: shards.map((shard) => shard.count) },
      ]);
    }
    for (const shard of this.job?.shards ?? []) {
      this.#open.add(shard.index);
      this.#dirty.add(shard.index);
      for (const replica of shard.replicas) {
        if (!isActive(replica)) continue;
        this.#active.add(shard.index);
        this.#c.liveness.expect(replica.provider);
        // After a restart: was it sent, and what became of it? The same id asks and repeats in one.
        if (replica.state !== 'revealed') this.query(replica);
      }
    }
    this.#started = true;
    this.schedule();
  }

  stop(): void {
    this.#stopped = true;
  }

  cancel(reason: string): Promise<void> {
    return this.#giveUp('cancelled', null, reason);
  }

  /** Replicas whose provider is expected to say something. */
  working(): Replica[] {
    const working: Replica[] = [];
    for (const index of this.#active) {
      for (const replica of this.job?.shards[index]?.replicas ?? []) {
        if (replica.state === 'assigned' || replica.state === 'running' || replica.state === 'committed')
          working.push(replica);
      }
    }
    return working;
  }

  itemsDone(replica: Replica): number {
    const shard = this.job?.shards[shardIndexOf(replica.shardId)];
    if (replica.commitment !== null && shard !== undefined) return shard.count;
    return this.#itemsDone.get(replica.replicaId) ?? 0;
  }

  /** Something happened to a shard. */
  touch(shardId: string): void {
    this.#dirty.add(shardIndexOf(shardId));
    this.schedule();
  }

  /** A second passed, a provider fell silent or came back: everything that waits for somebody is looked at again. */
  round(): void {
    const job = this.job;
    if (job === undefined) return;
    if (this.#c.clock.now() >= job.deadlineAt && job.cancelling === null) {
      void this.#guard(() => this.#giveUp('failed', 'timeout', 'the job’s deadline passed'));
    }
    for (const index of this.#active) this.#dirty.add(index);
    this.schedule();
  }

  directoryChanged(): void {
    this.#chooser.forget();
    this.schedule();
  }

  schedule(): void {
    if (this.#scheduled || this.#stopped) return;
    this.#scheduled = true;
    this.#c.clock.after(0, () => {
      this.#scheduled = false;
      try {
        this.#step();
      } catch (error) {
        this.#log(error);
        this.#c.clock.after(againMs, () => this.schedule());
      }
    });
  }

  // ——— what providers say ———

  query(replica: Replica): void {
    this.#run(`send ${replica.replicaId}`, () => this.#send(replica));
  }

  progress(replica: Replica, said: number): void {
    const itemsDone = Math.min(said, this.job?.shards[shardIndexOf(replica.shardId)]?.count ?? 0);
    if (itemsDone <= (this.#itemsDone.get(replica.replicaId) ?? 0)) return;
    this.#itemsDone.set(replica.replicaId, itemsDone);
    this.#c.onProgress(replica.shardId, replica.replicaId, itemsDone);
  }

  failed(replica: Replica, body: MessageBody<'shard.fail'>): Promise<void> {
    return this.#assignments.failed(replica, body);
  }

  async committed(replica: Replica, body: MessageBody<'shard.commit'>): Promise<AnyMessage | null> {
    const { commitment, result } = body;
    if (replica.state === 'assigned' || replica.state === 'running') {
      const fault = this.#commitmentFault(replica, body);
      if (fault !== null) throw new MessageRefused('bad-signature', fault);
      const { jobId, shardId, replicaId, provider } = replica;
      await this.#c.journal.commit([{ type: 'replica.committed', jobId, shardId, replicaId, provider, commitment }]);
      this.#stragglers.ended(replica);
      this.#quotes.worked(provider);
    }
    if (result !== undefined && replica.state === 'committed') {
      await this.#once(`reveal ${replica.replicaId}`, () => this.#takeReveal(replica, result));
    }
    this.touch(replica.shardId);
    if (replicaMachine.isFinal(replica.state) && replica.state !== 'accepted') {
      return this.#verdictMessage(replica);
    }
    return null;
  }

  #commitmentFault(replica: Replica, { commitment }: MessageBody<'shard.commit'>): string | null {
    const { body } = commitment;
    const task = this.#taskHash(replica);
    if (commitment.by !== replica.provider || body.peerId !== replica.provider)
      return 'the commitment is by another peer';
    if (body.jobId !== replica.jobId || body.shardId !== replica.shardId || body.replicaId !== replica.replicaId) {
      return 'the commitment is about another replica';
    }
    if (task === null || body.taskHash !== task) return 'the commitment is about another task';
    return isSigned(this.#c.verifier, 'commitment', commitment) ? null : 'the commitment’s signature does not verify';
  }

  #verdictMessage(replica: Replica): AnyMessage {
    const { replicaId } = replica;
    const known = this.#c.view.state.verdicts[replicaId];
    const policy = this.job?.job.policy;
    if (policy === undefined) throw new MessageRefused('unknown-replica', 'the job is over');
    return {
      type: 'shard.verdict',
      body: { replicaId, verdict: known?.verdict ?? 'superseded', policy, evidence: known?.evidence ?? null },
    };
  }

  // ——— the step ———

  #step(): void {
    const { job } = this;
    // A round may come while the plan is still being written: no shard is known yet, and none is done.
    if (job === undefined || this.#stopped || !this.#started) return;
    if (job.state === 'running') {
      for (const index of this.#dirty) {
        this.#dirty.delete(index);
        const shard = job.shards[index];
        if (shard !== undefined) this.#attend(job, shard);
      }
      if (job.cancelling === null) this.#assignWhatFits(job);
    }
    if (this.#open.size === 0 && (job.state === 'running' || job.cancelling !== null)) {
      this.#run('end', async () => {
        await endJob(this.#c, job);
        this.#stopped = true;
        this.#ended();
      });
    }
  }

  #attend(job: Job, shard: Shard): void {
    const { liveness, config, clock } = this.#c;
    const now = clock.now();
    const needs = decideShard(shard, {
      policy: job.job.policy,
      cancelling: job.cancelling !== null,
      canJudge: this.#template !== null && this.#inputs !== null,
      attemptsMax: config.attemptsPerShardMax,
      doubtful: (replica) => liveness.isSuspect(replica.provider) || this.#stragglers.isSlow(replica),
      hopeless: (replica) => {
        const silence = liveness.silenceMs(replica.provider);
        if (replica.state === 'committed') return silence > config.leaseMs + config.graceMs;
        return silence > config.leaseMs || now > replica.deadlineAt;
      },
    });
    this.#act(job, shard, needs);
    const hasActive = shard.replicas.some(isActive);
    if (hasActive) this.#active.add(shard.index);
    else this.#active.delete(shard.index);
    if (isFinalShard(shard) && !hasActive) this.#open.delete(shard.index);
  }

  #act(job: Job, shard: Shard, needs: ShardNeeds): void {
    const { shardId, index } = shard;
    const [mine, other] = shard.replicas.length > 0 ? [this.#begun, this.#fresh] : [this.#fresh, this.#begun];
    other.delete(index);
    if (needs.copies > 0) mine.set(index, { copies: needs.copies, role: needs.role });
    else mine.delete(index);
    for (const replica of needs.lose)
      this.#run(`end ${replica.replicaId}`, () =>
        this.#assignments.lose(replica, 'its provider fell silent, or its time was up'),
      );
    for (const replica of needs.cancel)
      this.#run(`end ${replica.replicaId}`, () =>
        this.#assignments.cancel(replica, job.cancelling?.reason ?? 'the shard has its answer'),
      );
    for (const replica of needs.reveal) this.#run(`reveal ${replica.replicaId}`, () => this.#askReveal(replica));
    for (const replica of needs.late) this.#run(`judge ${shardId}`, () => this.#judgeLate(job, shard, replica));
    if (needs.judge) this.#run(`judge ${shardId}`, () => this.#judge(job, shard));
    if (needs.undecided.length > 0)
      this.#run(`judge ${shardId}`, () => this.#leaveUndecided(job, shard, needs.undecided));
    if (needs.exhausted !== null) {
      const { code, reason } = needs.exhausted;
      this.#run(`judge ${shardId}`, () =>
        this.#commitFor(shard, [{ type: 'shard.exhausted', jobId: job.jobId, shardId, code, reason }]),
      );
    }
    if (needs.cancelled)
      this.#run(`judge ${shardId}`, () =>
        this.#commitFor(shard, [{ type: 'shard.cancelled', jobId: job.jobId, shardId }]),
      );
  }

  // ——— assignment ———

  #assignWhatFits(job: Job): void {
    if (this.#begun.size + this.#fresh.size === 0) return;
    const candidates = this.#chooser.candidates(job);
    this.#quotes.ask(candidates.map(({ peerId }) => peerId));
    const inFlight = new Map<PeerId, number>();
    for (const index of this.#active) {
      for (const replica of job.shards[index]?.replicas ?? []) {
        if (replica.state !== 'assigned' && replica.state !== 'running') continue;
        inFlight.set(replica.provider, (inFlight.get(replica.provider) ?? 0) + 1);
      }
    }
    const mayRunOwn = this.#ownNodeMayRun(job);
    const tooDear = [this.#begun, this.#fresh].flatMap((wants) => this.#assignFrom(wants, job, inFlight, mayRunOwn));
    if (this.#dirty.size > 0) this.schedule();
    if (inFlight.size > 0 || this.#begun.size + this.#fresh.size === 0) return;
    // Nothing is out and nothing can go out.
    if (tooDear.length > 0) for (const shard of tooDear) this.#exhaustBudget(job, shard);
    else this.#explainWaiting(job);
  }

  /** @returns shards that nobody would take for what is left of the budget. */
  #assignFrom(wants: Map<number, Want>, job: Job, inFlight: Map<PeerId, number>, mayRunOwn: boolean): Shard[] {
    const tooDear: Shard[] = [];
    const without: Array<[number, Want]> = [];
    let fruitless = 0;
    for (const [index, want] of wants) {
      const shard = job.shards[index];
      if (shard === undefined || this.#dirty.has(index)) continue;
      const own = mayRunOwn && (job.job.ownNode === 'only' || shard.replicas.every(({ role }) => role === 'own-node'));
      for (let copies = own ? 1 : want.copies; copies > 0; copies--) {
        const choice = own ? this.#chooseOwn(shard, inFlight) : this.#chooser.choose(job, shard, inFlight);
        if (typeof choice === 'string') {
          fruitless++;
          if (choice === 'budget') tooDear.push(shard);
          if (choice === 'no-provider') without.push([index, want]);
          break;
        }
        inFlight.set(choice.provider, (inFlight.get(choice.provider) ?? 0) + 1);
        this.#assign(job, shard, own ? 'own-node' : want.role, choice);
        // Its needs have changed: the next step asks again.
        wants.delete(index);
        this.#dirty.add(index);
      }
      if (fruitless >= fruitlessMax) break;
    }
    // They tried everybody who is there; the next time others have their turn first.
    for (const [index, want] of without) if (wants.delete(index)) wants.set(index, want);
    return tooDear;
  }

  #assign(job: Job, shard: Shard, role: Role, choice: Choice): void {
    const { replicaId, durable } = this.#assignments.assign(job, shard, role, choice);
    this.#active.add(shard.index);
    this.#run(`send ${replicaId}`, async () => {
      await durable;
      const replica = shard.replicas.find((candidate) => candidate.replicaId === replicaId);
      if (replica !== undefined) await this.#send(replica);
    });
  }

  /** Only where the owner allows it, and, unless it must, when nobody else is there. */
  #ownNodeMayRun({ job: { ownNode, template, model } }: Job): boolean {
    if (ownNode === 'never' || !this.#c.ownServes(template, model)) return false;
    if (ownNode === 'only') return true;
    const looked = this.#c.clock.elapsed() - this.#startedAt >= this.#c.config.discoverMs;
    return looked && this.#c.directory.liveProviders({ template, model }).length === 0;
  }

  #chooseOwn(shard: Shard, inFlight: ReadonlyMap<PeerId, number>) {
    const { signer, config } = this.#c;
    const self = signer.peerId;
    this.#quotes.ask([self]);
    const quote = this.#quotes.usable(self);
    if (quote === null || (inFlight.get(self) ?? 0) >= config.inFlightPerProviderMax || shard.replicas.some(isActive))
      return 'busy' as const;
    return { provider: self, quote, priceMicro: '0', terms: { ownNode: 1000 } };
  }

  #exhaustBudget(job: Job, shard: Shard): void {
    const { jobId } = job;
    const { shardId } = shard;
    const reason = `the budget of ${job.job.budgetMicro} micro-credits does not cover another copy`;
    this.#run(`judge ${shardId}`, () =>
      this.#commitFor(shard, [{ type: 'shard.exhausted', jobId, shardId, code: 'price', reason }]),
    );
  }

  /** Says why nothing goes on, and looks further. */
  #explainWaiting(job: Job): void {
    const { clock, config, directory, journal } = this.#c;
    const { template, model, templateName, policy, ownNode } = job.job;
    const now = clock.elapsed();
    if (now - this.#discoveredAt >= config.discoverMs) {
      this.#discoveredAt = now;
      void this.#guard(async () => {
        await directory.discover({ template, model }, config.candidatesMax, config.discoverMs);
        this.directoryChanged();
      });
    }
    // Reasons may change with every answer; the log need not hold each of them.
    if (now - Math.max(this.#startedAt, this.#explainedAt) < config.discoverMs) return;
    const { live, reasons } = directory.explain({ template, model });
    const wanted = ownNode === 'only' ? 0 : policy.copies;
    const said = [...reasons, ...this.#quotes.reasons()];
    let reason: string;
    if (ownNode === 'only')
      reason = `only this node may run the job, and it does not provide ${templateName}: switch the provider on, or allow other nodes`;
    else if (live < wanted)
      reason = `${wanted} different providers of ${templateName} are needed, ${live} ${live === 1 ? 'is' : 'are'} known${said.length > 0 ? `: ${said.join('; ')}` : ''}`;
    else reason = `no provider takes the work at present${said.length > 0 ? `: ${said.join('; ')}` : ''}`;
    reason = reason.slice(0, 500);
    if (job.waiting?.reason === reason) return;
    this.#explainedAt = now;
    void this.#guard(() => journal.commit([{ type: 'job.waiting', jobId: job.jobId, code: 'no-capacity', reason }]));
  }

  async #send(replica: Replica): Promise<void> {
    const job = this.job;
    const shard = job?.shards[shardIndexOf(replica.shardId)];
    if (job === undefined || shard === undefined || this.#inputs === null || !isActive(replica)) return;
    if (replica.state === 'assigned' || replica.state === 'running') this.#stragglers.began(replica);
    const inputs = this.#inputs.inputs.slice(shard.start, shard.start + shard.count);
    await this.#assignments.send(job, replica, inputs, this.#inputs.itemSalt);
  }

  #taskHash(replica: Replica): string | null {
    const job = this.job;
    const shard = job?.shards[shardIndexOf(replica.shardId)];
    if (job === undefined || shard === undefined || this.#inputs === null) return null;
    const { template, model, params } = job.job;
    const { itemSalt, inputs } = this.#inputs;
    return taskHashOf({
      template,
      model,
      params,
      inputsHash: this.#assignments.inputsHash(inputs.slice(shard.start, shard.start + shard.count)),
      itemSalt,
    });
  }

  // ——— reveal and verdict ———

  async #askReveal(replica: Replica): Promise<void> {
    const { messenger, config, clock, journal } = this.#c;
    const askedAt = this.#revealAskedAt.get(replica.replicaId) ?? clock.elapsed();
    this.#revealAskedAt.set(replica.replicaId, askedAt);
    try {
      // The commitments of all copies are durable before any of them is opened.
      await journal.settled();
      const answer = await messenger.request(
        replica.provider,
        { type: 'shard.reveal.request', body: { replicaId: replica.replicaId } },
        ['shard.reveal'],
        config.revealMs,
      );
      await this.#takeReveal(replica, answer.body);
    } catch (error) {
      if (this.#stopped) return;
      const refused = error instanceof MessageRefused && error.code === 'unknown-replica';
      // However lively it is otherwise: who renews its lease and does not reveal would hold the shard for ever.
      const late = clock.elapsed() - askedAt >= config.revealMs;
      if (refused || late)
        await this.#assignments.lose(replica, 'its provider did not reveal what it had committed to');
      else await new Promise<void>((resolve) => clock.after(config.leaseRenewMs, resolve));
    }
  }

  async #takeReveal(replica: Replica, result: MessageBody<'shard.reveal'>): Promise<void> {
    const { verifier, store } = this.#c;
    const shard = this.job?.shards[shardIndexOf(replica.shardId)];
    if (
      replica.state !== 'committed' ||
      replica.commitment === null ||
      shard === undefined ||
      this.#template === null ||
      this.#inputs === null
    )
      return;
    const check = checkReveal(replica, replica.commitment, result, {
      verifier,
      template: this.#template,
      itemSalt: this.#inputs.itemSalt,
      items: shard.count,
    });
    if (check.kind === 'bad') {
      await this.#disregard(replica, shard, check.reason);
      return;
    }
    if (check.kind === 'mismatch') {
      await this.#reject(replica, shard, check.opening);
      throw new MessageRefused('commitment-mismatch', 'the revealed outputs and salt do not hash to the commitment');
    }
    const { outputs, opening } = check;
    const { jobId, shardId, replicaId, provider } = replica;
    const revealed: Revealed = { replicaId, outputs, opening };
    const resultHash = await payloads.putRevealed(store, revealed);
    if (!replicaMachine.allows(replica.state, 'reveal')) return;
    this.#revealed.set(replicaId, revealed);
    await this.#commitFor(shard, [
      {
        type: 'replica.revealed',
        jobId,
        shardId,
        replicaId,
        provider,
        resultHash,
        outputsHash: opening.reveal.body.outputsHash,
      },
    ]);
  }

  /** No result, and no proof of anything: unpaid, and its provider is told why. */
  async #disregard(replica: Replica, shard: Shard, reason: string): Promise<void> {
    const { job } = this;
    if (job === undefined) return;
    const { provider, replicaId } = replica;
    const noted = replica.role === 'own-node' ? [] : this.#c.reputation.note(provider, 'failed', replicaId);
    const judged = { replica, verdict: 'undecided', itemsWrong: 0, reason, evidence: null, agreed: 0 } as const;
    await this.#conclude(job, shard, noted, [judged]);
    this.#quotes.declined(provider, 'internal', reason, undefined);
  }

  /** A signed reveal that does not open the commitment: rejected with the two signatures as evidence. */
  async #reject(replica: Replica, shard: Shard, opening: Revealed['opening']): Promise<void> {
    const job = this.job;
    if (job === undefined || replica.commitment === null) return;
    await this.#conclude(
      job,
      shard,
      [],
      [
        {
          replica,
          verdict: 'rejected',
          itemsWrong: 0,
          reason: 'its reveal does not open its commitment',
          evidence: { accused: { commitment: replica.commitment, opening }, quorum: [] },
          agreed: 0,
        },
      ],
    );
  }

  async #judge(job: Job, shard: Shard): Promise<void> {
    const template = this.#template;
    const copies = await this.#load(shard.replicas.filter((replica) => replica.state === 'revealed'));
    if (template === null || shard.state !== 'open' || copies.length === 0) return;
    const { jobId, shardId } = shard.replicas[0] ?? { jobId: job.jobId, shardId: shard.shardId };
    const judgement = judgeCopies(job, shard, template, copies, this.#c.badProbabilityPpm);
    if (judgement.kind === 'agreed') {
      const outputsHash = await payloads.putShardOutputs(this.#c.store, shardId, judgement.outputs);
      await this.#conclude(
        job,
        shard,
        [{ type: 'shard.accepted', jobId, shardId, how: judgement.how, outputsHash }],
        judgement.verdicts,
      );
      return;
    }
    const mayAskAnother =
      judgement.moreMayHelp && attemptsOf(shard) < this.#c.config.attemptsPerShardMax && job.cancelling === null;
    if (mayAskAnother) {
      await this.#commitFor(shard, [{ type: 'shard.disagreed', jobId, shardId }]);
      return;
    }
    const reason = `${copies.length} copies found no quorum of ${job.job.policy.quorum} on ${judgement.itemsWithout} items`;
    await this.#conclude(
      job,
      shard,
      [{ type: 'shard.exhausted', jobId, shardId, code: 'internal', reason }],
      judgement.verdicts,
    );
  }

  /** The loser of a hedge that had committed is judged like any copy. */
  async #judgeLate(job: Job, shard: Shard, late: Replica): Promise<void> {
    const copies = await this.#load(
      shard.replicas.filter((replica) => replica === late || replica.state === 'accepted'),
    );
    if (this.#template === null || late.state !== 'revealed' || !copies.some(({ replica }) => replica === late)) return;
    const { verdicts } = judgeCopies(job, shard, this.#template, copies, this.#c.badProbabilityPpm);
    await this.#conclude(
      job,
      shard,
      [],
      verdicts.filter(({ replica }) => replica === late),
    );
  }

  async #leaveUndecided(job: Job, shard: Shard, replicas: readonly Replica[]): Promise<void> {
    await this.#conclude(
      job,
      shard,
      [],
      replicas.map((replica) => ({
        replica,
        verdict: 'undecided',
        itemsWrong: 0,
        reason: 'there was nothing to compare it with',
        evidence: null,
        agreed: 0,
      })),
    );
  }

  /** Verdicts, money and the shard's new state are one transaction; vouchers and messages follow. */
  async #conclude(
    job: Job,
    shard: Shard,
    events: readonly NodeEvent[],
    verdicts: readonly JudgedCopy[],
  ): Promise<void> {
    await this.#commitFor(shard, [
      ...verdicts.flatMap((judged) => verdictEvents(this.#c, job, shard, judged)),
      ...events,
    ]);
    for (const { replica, verdict } of verdicts) {
      this.#revealed.delete(replica.replicaId);
      this.#itemsDone.delete(replica.replicaId);
      this.#revealAskedAt.delete(replica.replicaId);
      this.#assignments.tell(job, replica, verdict);
    }
    afterVerdicts(this.#c, job, shard, verdicts);
  }

  async #load(replicas: readonly Replica[]): Promise<RevealedCopy[]> {
    const copies: RevealedCopy[] = [];
    for (const replica of replicas) {
      if (replica.resultHash === null) continue;
      const revealed =
        this.#revealed.get(replica.replicaId) ?? (await payloads.revealed(this.#c.store, replica.resultHash));
      if (revealed !== null) copies.push({ replica, revealed });
      // The disk lost it: it cannot be judged.
      else if (replica.state === 'revealed') await this.#assignments.undecidable(replica);
    }
    return copies;
  }

  // ——— the end ———

  async #giveUp(becomes: 'cancelled' | 'failed', code: 'timeout' | 'internal' | null, reason: string): Promise<void> {
    const job = this.job;
    if (job === undefined || job.cancelling !== null) return;
    await this.#c.journal.commit([{ type: 'job.cancelling', jobId: job.jobId, becomes, code, reason }]);
    this.#begun.clear();
    this.#fresh.clear();
    for (const index of this.#open) this.#dirty.add(index);
    this.schedule();
  }

  async #commitFor(shard: Shard, events: readonly NodeEvent[]): Promise<void> {
    await this.#c.journal.commit(events);
    this.touch(shard.shardId);
  }

  /** Begins an effect unless the same is under way; then its shard is looked at again. One that failed waits first. */
  #run(key: string, effect: () => Promise<void>): void {
    if (this.#busy.has(key)) return;
    this.#busy.add(key);
    void this.#guard(effect).then((ok) => {
      if (ok) this.#free(key);
      else this.#c.clock.after(againMs, () => this.#free(key));
    });
  }

  #free(key: string): void {
    this.#busy.delete(key);
    const shardId = /^(?:send|end|reveal|judge) ([0-9a-f]{32}\.\d+)/.exec(key)?.[1];
    if (shardId === undefined) this.schedule();
    else this.touch(shardId);
  }

  /** Not while the same is under way. */
  async #once(key: string, effect: () => Promise<void>): Promise<void> {
    if (this.#busy.has(key)) return;
    this.#busy.add(key);
    try {
      await effect();
    } finally {
      this.#busy.delete(key);
    }
  }

  /** For what nobody waits for. @returns whether it went well; never rejects. */
  async #guard(effect: () => Promise<void>): Promise<boolean> {
    try {
      await effect();
      return true;
    } catch (error) {
      this.#log(error);
      return false;
    }
  }

  #log(error: unknown): void {
    if (this.#stopped) return;
    this.#c.log.warn(
      { jobId: this.jobId, error: error instanceof Error ? error.message : String(error) },
      'a step of a job failed and will be tried again',
    );
  }
}
