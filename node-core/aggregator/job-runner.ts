/**
 * One job under way. What is to be done is asked of `decideShard`; this file has it done: assigned (`wants.ts`), revealed
 * (`reveals.ts`), judged (`judging.ts`), cancelled, ended. Everything that must survive a kill is in the log before anybody
 * hears of it; what is kept here may be lost.
 */
import { MessageRefused } from '../messaging/index.ts';
import { type AnyMessage, ApiError, type Id, type MessageBody, replicaMachine } from '../protocol/index.ts';
import type { Choice } from './choose.ts';
import { tokenClaims } from './claims.ts';
import type { AggregatorContext, Shows } from './context.ts';
import { decideShard, type ShardNeeds } from './decide.ts';
import { againMs, Effects } from './effects.ts';
import { endJob } from './end.ts';
import { Judging } from './judging.ts';
import { type JobInputs, payloads } from './payloads.ts';
import { shardsOf } from './plan.ts';
import { Reveals } from './reveals.ts';
import { RunningJob } from './running-job.ts';
import {
  isActive,
  isFinalShard,
  itemsOf,
  type Job,
  type Replica,
  type Role,
  type Shard,
  shardIndexOf,
} from './state.ts';
import { Waiting } from './waiting.ts';
import { Wants } from './wants.ts';

export class JobRunner {
  readonly jobId: Id;
  readonly #c: AggregatorContext;
  readonly #r: RunningJob;
  readonly #wants: Wants;
  readonly #waiting: Waiting;
  readonly #judging: Judging;
  readonly #reveals: Reveals;
  readonly #effects: Effects;
  /** Shards whose needs must be asked again. */
  readonly #dirty = new Set<number>();
  /** Shards that are not closed, or that have replicas which are not. */
  readonly #open = new Set<number>();
  /** Of these, the shards with work out: few, however large the job is. */
  readonly #active = new Set<number>();
  /** Since when nobody is there to check the answer of a shard; elapsed ms by index. */
  readonly #unchecked = new Map<number, number>();
  readonly #ended: () => void;
  #scheduled = false;
  #started = false;

  /** @param ended the job left the state. */
  constructor(context: AggregatorContext, jobId: Id, ended: () => void) {
    this.#c = context;
    this.jobId = jobId;
    this.#ended = ended;
    this.#r = new RunningJob(context, jobId, {
      schedule: () => this.schedule(),
      touch: (shardId) => this.touch(shardId),
    });
    this.#effects = new Effects({
      clock: context.clock,
      freed: (key) => this.#freed(key),
      failed: (error) => this.#log(error),
    });
    this.#wants = new Wants(this.#r, {
      isDirty: (index) => this.#dirty.has(index),
      assign: (shard, role, choice) => this.#assign(shard, role, choice),
      noChecker: (shard) => this.#noChecker(shard),
    });
    this.#waiting = new Waiting(
      this.#r,
      (effect) => this.#effects.guard(effect),
      () => this.directoryChanged(),
    );
    this.#judging = new Judging(this.#r);
    this.#reveals = new Reveals(this.#r, this.#judging);
  }

  get job(): Job | undefined {
    return this.#r.job;
  }

  /** Begins, or goes on from the log after a restart. @param given the inputs, where they are in memory. */
  async start(given?: JobInputs): Promise<void> {
    const job = this.job;
    if (job === undefined) return;
    const template = this.#c.known().templates.get(job.job.template) ?? null;
    const found = given ?? (await payloads.inputs(this.#c.journal, job.inputsHash));
    const hasCanaries = job.shards.some(({ place }) => place === true);
    const inputs = hasCanaries && !(await this.#r.loadCanaries(job)) ? null : found;
    this.#r.template = template;
    this.#r.inputs = inputs;
    if (inputs === null || template === null) {
      const what = template === null ? `template ${job.job.templateName}` : 'inputs';
      await this.#giveUp(
        'failed',
        'internal',
        `the job cannot go on: its ${what} ${template === null ? 'is not here any more' : 'were lost or damaged on disk'}`,
      );
    } else if (job.state === 'planning' && job.cancelling === null && this.job !== undefined) {
      const shards = shardsOf(job.jobId, inputs.inputs, job.job.itemsPerShard);
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
    this.#r.stopped = true;
  }

  cancel(reason: string): Promise<void> {
    return this.#giveUp('cancelled', null, reason);
  }

  /** @param item index in the job; null = all. @throws ApiError when the job does not stream, or has no such item. */
  async stopAnswers(item: number | null): Promise<void> {
    const { job } = this;
    if (job === undefined || job.cancelling !== null) return;
    if (!job.job.stream) throw new ApiError('invalid-params', `job ${job.jobId} does not stream: cancel it instead`);
    if (item !== null && item >= job.job.items)
      throw new ApiError('invalid-params', `job ${job.jobId} has ${job.job.items} items; there is no item ${item}`);
    await this.#r.stopping.stop(job, item);
    for (const index of this.#open) this.#dirty.add(index);
    this.schedule();
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
    const shard = this.#r.shardOf(replica);
    if (replica.commitment !== null && shard !== undefined) return itemsOf(shard);
    return this.#r.itemsDone.get(replica.replicaId) ?? 0;
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
      void this.#effects.guard(() => this.#giveUp('failed', 'timeout', 'the job’s deadline passed'));
    }
    for (const index of this.#active) this.#dirty.add(index);
    this.schedule();
  }

  directoryChanged(): void {
    this.#wants.forgetCandidates();
    this.schedule();
  }

  schedule(): void {
    if (this.#scheduled || this.#r.stopped) return;
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
    this.#effects.run(`send ${replica.replicaId}`, () => this.#send(replica));
  }

  progress(replica: Replica, said: number): void {
    const { itemsDone: known } = this.#r;
    const itemsDone = Math.min(said, this.#r.shardOf(replica)?.count ?? 0);
    if (itemsDone <= (known.get(replica.replicaId) ?? 0)) return;
    known.set(replica.replicaId, itemsDone);
    this.#c.onProgress(replica.shardId, replica.replicaId, itemsDone);
  }

  /** @throws MessageRefused for tokens that break the rules. */
  token(replica: Replica, body: MessageBody<'shard.token'>): void {
    const shard = this.#r.shardOf(replica);
    if (shard !== undefined) this.#r.shown.take(replica, shard, body);
    // It may now have as much as was shown when its owner stopped it.
    if (this.job?.stopping !== undefined) this.touch(replica.shardId);
  }

  shown(): Shows[] {
    return this.#r.shown.snapshot();
  }

  failed(replica: Replica, body: MessageBody<'shard.fail'>): Promise<void> {
    return this.#r.assignments.failed(replica, body);
  }

  async committed(replica: Replica, body: MessageBody<'shard.commit'>): Promise<AnyMessage | null> {
    const { result } = body;
    // What came with the commitment is taken before anything else may ask for it.
    const { durable } = await this.#reveals.committed(replica, body);
    const taken =
      result !== undefined && replica.state === 'committed'
        ? this.#effects.once(`reveal ${replica.replicaId}`, () => this.#reveals.take(replica, result))
        : null;
    this.touch(replica.shardId);
    await Promise.all([durable, taken]);
    if (replicaMachine.isFinal(replica.state) && replica.state !== 'accepted') {
      // Perhaps by the step that this commitment has set off: nothing is told of a verdict before it is durable.
      await this.#c.journal.settled();
      return this.#verdictMessage(replica);
    }
    return null;
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
    if (job === undefined || this.#r.stopped || !this.#started) return;
    if (job.state === 'running') {
      for (const index of this.#dirty) {
        this.#dirty.delete(index);
        const shard = job.shards[index];
        if (shard !== undefined) this.#attend(job, shard);
      }
      if (job.cancelling === null) this.#assignWhatFits(job);
    }
    if (this.#open.size === 0 && (job.state === 'running' || job.cancelling !== null)) {
      this.#effects.run('end', async () => {
        if (!(await endJob(this.#c, job))) return;
        this.#r.stopped = true;
        this.#ended();
      });
    }
  }

  #attend(job: Job, shard: Shard): void {
    const { liveness, config, clock } = this.#c;
    const now = clock.now();
    this.#r.shown.attend(shard);
    this.#r.stopping.tell(job, shard);
    const needs = decideShard(shard, {
      policy: job.job.policy,
      cancelling: job.cancelling !== null || this.#r.stopping.isOver(job, shard),
      canJudge: this.#r.template !== null && this.#r.inputs !== null,
      attemptsMax: config.attemptsPerShardMax,
      doubtful: (replica) => liveness.isSuspect(replica.provider) || this.#r.stragglers.isSlow(replica),
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
    // An accepted one may have been opened again.
    else this.#open.add(shard.index);
  }

  #act(job: Job, shard: Shard, needs: ShardNeeds): void {
    const { jobId } = job;
    const { shardId } = shard;
    const { assignments } = this.#r;
    const run = (key: string, effect: () => Promise<void>): void => this.#effects.run(key, effect);
    this.#wants.set(shard, needs);
    for (const replica of needs.lose)
      run(`end ${replica.replicaId}`, () => assignments.lose(replica, 'its provider fell silent, or its time was up'));
    for (const replica of needs.cancel)
      run(`end ${replica.replicaId}`, () =>
        assignments.cancel(replica, job.cancelling?.reason ?? 'the shard has its answer'),
      );
    for (const replica of needs.reveal) run(`reveal ${replica.replicaId}`, () => this.#reveals.ask(replica));
    for (const replica of needs.late) run(`judge ${shardId}`, () => this.#judging.judgeLate(job, shard, replica));
    if (needs.restart) run(`judge ${shardId}`, () => this.#judging.restart(job, shard));
    if (needs.restore) run(`judge ${shardId}`, () => this.#judging.restore(job, shard));
    if (needs.judge) run(`judge ${shardId}`, () => this.#judging.judge(job, shard));
    if (needs.undecided.length > 0)
      run(`judge ${shardId}`, () => this.#judging.leaveUndecided(job, shard, needs.undecided));
    if (needs.exhausted !== null) {
      const { code, reason } = needs.exhausted;
      run(`judge ${shardId}`, () =>
        this.#r.commitFor(shard, [{ type: 'shard.exhausted', jobId, shardId, code, reason }]),
      );
    }
    if (needs.cancelled)
      run(`judge ${shardId}`, () => this.#r.commitFor(shard, [{ type: 'shard.cancelled', jobId, shardId }]));
  }

  // ——— assignment ———

  #assignWhatFits(job: Job): void {
    const outcome = this.#wants.assignWhatFits(job, this.#active);
    if (this.#dirty.size > 0) this.schedule();
    if (outcome.kind === 'waiting') this.#waiting.explain(job);
    if (outcome.kind === 'too-dear') {
      const reason = `the budget of ${job.job.budgetMicro} micro-credits does not cover another copy`;
      this.#exhaustMoney(job, outcome.shards, reason);
    }
    if (outcome.kind === 'capped') {
      const { cap, shards } = outcome;
      const mayWait = cap.freeAt !== null && cap.freeAt < job.deadlineAt;
      if (mayWait) this.#waiting.say(job, 'price', cap.message);
      else this.#exhaustMoney(job, shards, `${cap.message}; there is no more before the job’s deadline`);
    }
  }

  #assign(shard: Shard, role: Role, choice: Choice): void {
    const { job } = this;
    if (job === undefined) return;
    const prefixes = this.#r.prefixesFor(job, shard, role);
    const claims = this.#r.knownClaims(shard);
    const { choice: paid, drawn } = this.#r.canaryFor(job, shard, role, choice);
    const { replicaId, durable } = this.#r.assignments.assign(job, shard, role, paid, prefixes, drawn, claims);
    this.#active.add(shard.index);
    this.#dirty.add(shard.index);
    this.#unchecked.delete(shard.index);
    this.#effects.run(`send ${replicaId}`, async () => {
      await durable;
      const replica = shard.replicas.find((candidate) => candidate.replicaId === replicaId);
      if (replica !== undefined) await this.#send(replica);
    });
  }

  /** An answer is more than none: without anybody to check it, it stands as what it is. Not one that failed at a known item. */
  #noChecker(shard: Shard): void {
    const { job } = this;
    if (job === undefined || shard.audit === 'canary') return;
    const now = this.#c.clock.elapsed();
    const since = this.#unchecked.get(shard.index) ?? now;
    this.#unchecked.set(shard.index, since);
    if (now - since < this.#c.config.auditWaitMs) return;
    this.#effects.run(`judge ${shard.shardId}`, () => this.#judging.unaudited(job, shard));
  }

  #exhaustMoney(job: Job, shards: readonly Shard[], reason: string): void {
    const { jobId } = job;
    for (const shard of shards) {
      const { shardId } = shard;
      this.#effects.run(`judge ${shardId}`, () =>
        shard.before !== null
          ? this.#judging.restore(job, shard)
          : this.#r.commitFor(shard, [{ type: 'shard.exhausted', jobId, shardId, code: 'price', reason }]),
      );
    }
  }

  async #send(replica: Replica): Promise<void> {
    const { job } = this;
    const { inputs, assignments, stragglers } = this.#r;
    const shard = this.#r.shardOf(replica);
    if (job === undefined || shard === undefined || inputs === null || !isActive(replica)) return;
    if (replica.state === 'assigned' || replica.state === 'running') stragglers.began(replica);
    const prefixes = await this.#r.prefixesOf(replica);
    if (prefixes === null) {
      await assignments.lose(replica, 'what it was given to begin with was lost on this computer’s disk', false);
      return;
    }
    const answers = await this.#r.claimsFor(replica);
    if (answers === null) {
      await assignments.lose(replica, 'what it was to check was lost on this computer’s disk', false);
      return;
    }
    if (!isActive(replica)) return;
    await assignments.send(job, replica, {
      inputs: this.#r.payloadOf(shard) ?? [],
      itemSalt: inputs.itemSalt,
      prefixes,
      claims: answers === undefined ? undefined : tokenClaims(answers),
    });
  }

  // ——— the end ———

  async #giveUp(becomes: 'cancelled' | 'failed', code: 'timeout' | 'internal' | null, reason: string): Promise<void> {
    const job = this.job;
    if (job === undefined || job.cancelling !== null) return;
    await this.#c.journal.commit([{ type: 'job.cancelling', jobId: job.jobId, becomes, code, reason }]);
    this.#wants.clear();
    for (const index of this.#open) this.#dirty.add(index);
    this.schedule();
  }

  /** The shard that an effect was about is looked at again. */
  #freed(key: string): void {
    const shardId = /^(?:send|end|reveal|judge) ([0-9a-f]{32}\.\d+)/.exec(key)?.[1];
    if (shardId === undefined) this.schedule();
    else this.touch(shardId);
  }

  #log(error: unknown): void {
    if (this.#r.stopped) return;
    this.#c.log.warn(
      { jobId: this.jobId, error: error instanceof Error ? error.message : String(error) },
      'a step of a job failed and will be tried again',
    );
  }
}
