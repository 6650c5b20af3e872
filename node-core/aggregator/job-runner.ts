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
  planShards,
  protocolLimits,
  type ReplicaId,
  replicaMachine,
  taskHashOf,
  utf8,
} from '../protocol/index.ts';
import { Assignments } from './assignments.ts';
import { Chooser } from './choose.ts';
import type { AggregatorContext, KnownTemplate } from './context.ts';
import { decideShard, type ShardNeeds } from './decide.ts';
import { endJob } from './end.ts';
import { afterVerdicts, type JudgedCopy, judgeCopies, type RevealedCopy, verdictEvents } from './judge.ts';
import { type JobInputs, payloads, type Revealed } from './payloads.ts';
import { Quotes } from './quotes.ts';
import { checkReveal } from './reveal.ts';
import { isActive, isFinalShard, type Job, type Replica, type Role, type Shard, shardIndexOf } from './state.ts';
import { Stragglers } from './stragglers.ts';

/** Shards looked at in one go when none of them finds a provider. */
const fruitlessMax = 64;

export class JobRunner {
  readonly jobId: Id;
  readonly #c: AggregatorContext;
  readonly #quotes: Quotes;
  readonly #chooser: Chooser;
  readonly #assignments: Assignments;
  readonly #stragglers: Stragglers;
  /** Shards whose needs must be asked again. */
  readonly #dirty = new Set<number>();
  /** Shards that want further replicas, in order. */
  readonly #wanting = new Map<number, { copies: number; role: Role }>();
  /** Shards that are not closed, or that have replicas which are not. */
  readonly #open = new Set<number>();
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
  #stopped = false;
  #discoveredAt = Number.NEGATIVE_INFINITY;

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
    } else if (job.state === 'planning') {
      const sizes = this.#inputs.inputs.map((input) => utf8.encode(JSON.stringify(input)).length + 1);
      const shards = planShards(job.jobId, sizes, job.job.itemsPerShard, protocolLimits.inlineBytesMax);
      await this.#c.journal.commit([
        { type: 'job.planned', jobId: job.jobId, counts: shards.map((shard) => shard.count) },
      ]);
    }
    for (const shard of this.job?.shards ?? []) {
      this.#open.add(shard.index);
      this.#dirty.add(shard.index);
      for (const replica of shard.replicas) {
        if (!isActive(replica)) continue;
        this.#c.liveness.expect(replica.provider);
        // After a restart: was it sent, and what became of it? The same id asks and repeats in one.
        if (replica.state !== 'revealed') this.query(replica);
      }
    }
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
    for (const index of this.#open) {
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

  /** A second passed, a provider fell silent or came back: everything that waits is looked at again. */
  round(): void {
    const job = this.job;
    if (job === undefined) return;
    if (this.#c.clock.now() >= job.deadlineAt && job.cancelling === null) {
      void this.#giveUp('failed', 'timeout', 'the job’s deadline passed');
    }
    for (const index of this.#open) this.#dirty.add(index);
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
      this.#step();
    });
  }

  // ——— what providers say ———

  query(replica: Replica): void {
    this.#run(`send ${replica.replicaId}`, () => this.#send(replica));
  }

  progress(replica: Replica, itemsDone: number): void {
    if (itemsDone <= (this.#itemsDone.get(replica.replicaId) ?? 0)) return;
    this.#itemsDone.set(replica.replicaId, itemsDone);
    this.#c.onProgress(replica.shardId, replica.replicaId, itemsDone);
  }

  async failed(replica: Replica, body: MessageBody<'shard.fail'>): Promise<void> {
    const { release } = body;
    const released =
      release.by === replica.provider &&
      release.body.replicaId === replica.replicaId &&
      isSigned(this.#c.verifier, 'release', release);
    if (!released) throw new MessageRefused('bad-signature', 'a failure carries a release signed by its provider');
    await this.#assignments.failed(replica, body.code, body.message);
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
    const job = this.job;
    if (
      job === undefined ||
      this.#stopped ||
      job.state !== 'running' ||
      this.#template === null ||
      this.#inputs === null
    ) {
      if (job !== undefined && job.cancelling !== null) this.#finishIfDone(job);
      return;
    }
    for (const index of this.#dirty) {
      const shard = job.shards[index];
      if (shard !== undefined) this.#attend(job, shard);
    }
    this.#dirty.clear();
    if (job.cancelling === null) this.#assignWhatFits(job);
    this.#finishIfDone(job);
  }

  #attend(job: Job, shard: Shard): void {
    const { liveness, config, clock } = this.#c;
    const now = clock.now();
    const needs = decideShard(shard, {
      policy: job.job.policy,
      cancelling: job.cancelling !== null,
      attemptsMax: config.attemptsPerShardMax,
      doubtful: (replica) => liveness.isSuspect(replica.provider) || this.#stragglers.isSlow(replica),
      hopeless: (replica) => {
        const silence = liveness.silenceMs(replica.provider);
        if (replica.state === 'committed') return silence > config.leaseMs + config.graceMs;
        return silence > config.leaseMs || now > replica.deadlineAt;
      },
    });
    this.#act(job, shard, needs);
    if (isFinalShard(shard) && !shard.replicas.some(isActive)) this.#open.delete(shard.index);
  }

  #act(job: Job, shard: Shard, needs: ShardNeeds): void {
    const { shardId, index } = shard;
    if (needs.copies > 0) this.#wanting.set(index, { copies: needs.copies, role: needs.role });
    else this.#wanting.delete(index);
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
    if (this.#wanting.size === 0) return;
    const candidates = this.#chooser.candidates(job);
    this.#quotes.ask(candidates.map(({ peerId }) => peerId));
    const inFlight = new Map<PeerId, number>();
    for (const index of this.#open) {
      for (const replica of job.shards[index]?.replicas ?? []) {
        if (replica.state !== 'assigned' && replica.state !== 'running') continue;
        inFlight.set(replica.provider, (inFlight.get(replica.provider) ?? 0) + 1);
      }
    }
    let fruitless = 0;
    let overBudget = false;
    for (const [index, want] of [...this.#wanting].sort(([a], [b]) => a - b)) {
      const shard = job.shards[index];
      if (shard === undefined) continue;
      const own = this.#ownNodeMayRun(job, shard);
      for (let copies = own ? 1 : want.copies; copies > 0; copies--) {
        const choice = own ? this.#chooseOwn(shard, inFlight) : this.#chooser.choose(job, shard, inFlight);
        if (typeof choice === 'string') {
          fruitless++;
          overBudget ||= choice === 'budget';
          break;
        }
        inFlight.set(choice.provider, (inFlight.get(choice.provider) ?? 0) + 1);
        const replica = this.#assignments.assign(job, shard, own ? 'own-node' : want.role, choice);
        this.#run(`send ${replica.replicaId}`, async () => {
          await replica.durable;
          const assigned = this.#replica(shard, replica.replicaId);
          if (assigned !== undefined) await this.#send(assigned);
        });
        // Its needs have changed: the next step asks again.
        this.#wanting.delete(index);
        this.#dirty.add(index);
      }
      if (fruitless >= fruitlessMax) break;
    }
    if (this.#dirty.size > 0) this.schedule();
    if (inFlight.size === 0 && this.#wanting.size > 0) this.#explainWaiting(job, overBudget);
  }

  #replica(shard: Shard, replicaId: ReplicaId): Replica | undefined {
    return shard.replicas.find((replica) => replica.replicaId === replicaId);
  }

  /** Only where the owner allows it, and, unless it must, when nobody else is there. */
  #ownNodeMayRun(job: Job, shard: Shard): boolean {
    const { ownNode, template, model } = job.job;
    if (ownNode === 'never' || !this.#c.ownServes(template, model)) return false;
    if (ownNode === 'only') return true;
    const begun = shard.replicas.some((replica) => replica.role !== 'own-node');
    const looked = this.#c.clock.elapsed() - this.#startedAt >= this.#c.config.discoverMs;
    return looked && !begun && this.#c.directory.liveProviders({ template, model }).length === 0;
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

  /** Nothing is out and nothing can go out: says why, looks further, and gives up what money does not cover. */
  #explainWaiting(job: Job, overBudget: boolean): void {
    const { clock, config, directory, journal } = this.#c;
    const { template, model, templateName, policy, budgetMicro, ownNode } = job.job;
    const now = clock.elapsed();
    if (now - this.#discoveredAt >= config.discoverMs) {
      this.#discoveredAt = now;
      void directory
        .discover({ template, model }, config.candidatesMax, config.discoverMs)
        .then(() => this.directoryChanged());
    }
    if (overBudget) {
      for (const index of this.#wanting.keys()) {
        const shard = job.shards[index];
        if (shard === undefined) continue;
        const reason = `the budget of ${budgetMicro} micro-credits does not cover another copy`;
        this.#run(`judge ${shard.shardId}`, () =>
          this.#commitFor(shard, [
            { type: 'shard.exhausted', jobId: job.jobId, shardId: shard.shardId, code: 'price', reason },
          ]),
        );
      }
      return;
    }
    if (now - this.#startedAt < config.discoverMs) return;
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
    void this.#guard(journal.commit([{ type: 'job.waiting', jobId: job.jobId, code: 'no-capacity', reason }]));
  }

  async #send(replica: Replica): Promise<void> {
    const job = this.job;
    const shard = job?.shards[shardIndexOf(replica.shardId)];
    if (job === undefined || shard === undefined || this.#inputs === null || !isActive(replica)) return;
    if (replica.state === 'assigned') this.#stragglers.began(replica);
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
      await this.#assignments.failed(replica, 'bad-input', check.reason);
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
      judgement.moreMayHelp &&
      shard.replicas.filter((replica) => replica.state !== 'declined').length < this.#c.config.attemptsPerShardMax &&
      job.cancelling === null;
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
    this.#wanting.clear();
    this.round();
  }

  #finishIfDone(job: Job): void {
    const inHand = job.shards.some((shard) => !isFinalShard(shard) || shard.replicas.some(isActive));
    const begun = job.state === 'running' || job.cancelling !== null;
    if (!begun || (inHand && this.#template !== null && this.#inputs !== null)) return;
    this.#run('end', async () => {
      await endJob(this.#c, job);
      this.#stopped = true;
      this.#ended();
    });
  }

  async #commitFor(shard: Shard, events: readonly NodeEvent[]): Promise<void> {
    await this.#c.journal.commit(events);
    this.touch(shard.shardId);
  }

  /** Begins an effect unless the same is under way; a failure is logged and the shard looked at again. */
  #run(key: string, effect: () => Promise<void>): void {
    if (this.#busy.has(key)) return;
    this.#busy.add(key);
    void this.#guard(effect()).finally(() => {
      this.#busy.delete(key);
      const shard = /^(?:send|end|reveal|judge) ([0-9a-f]{32}\.\d+)/.exec(key)?.[1];
      if (shard !== undefined) this.touch(shard);
    });
  }

  /** Waits for one's turn instead of leaving it. */
  async #once(key: string, effect: () => Promise<void>): Promise<void> {
    if (this.#busy.has(key)) return;
    this.#busy.add(key);
    try {
      await effect();
    } finally {
      this.#busy.delete(key);
    }
  }

  async #guard(effect: Promise<void>): Promise<void> {
    try {
      await effect;
    } catch (error) {
      if (this.#stopped) return;
      this.#c.log.warn(
        { jobId: this.jobId, error: error instanceof Error ? error.message : String(error) },
        'a step of a job failed and will be tried again',
      );
    }
  }
}
