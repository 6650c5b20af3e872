/**
 * The client's side: takes jobs, runs each by a JobRunner, and brings the messages of providers to the right one.
 * Jobs that were under way when the node was killed go on from the log.
 */
import { MessageRefused } from '../messaging/index.ts';
import {
  ApiError,
  type Id,
  idOf,
  type JobSpec,
  type Json,
  type MessageBody,
  type MethodResult,
  micro,
  type PeerId,
  type ReplicaId,
  type Sha256,
  type ShardId,
} from '../protocol/index.ts';
import { Canaries } from './canaries.ts';
import type { AggregatorContext, Shows } from './context.ts';
import { blobsOf, mergedResults } from './end.ts';
import { JobRunner } from './job-runner.ts';
import { Liveness } from './liveness.ts';
import { type JobInputs, payloads, type Results, writtenBefore } from './payloads.ts';
import { planJob, shardsOf } from './plan.ts';
import { QuoteBook } from './quote-book.ts';
import { aggregatorProjection, type Job, type Replica } from './state.ts';
import { newItemSalt, type Resolved, resolveSpec } from './submit.ts';
import { Sweeper } from './sweeper.ts';
import { Turns } from './turns.ts';
import { Verdicts } from './verdicts.ts';

export type AggregatorOptions = Omit<
  AggregatorContext,
  'view' | 'liveness' | 'quoteBook' | 'turns' | 'canaries' | 'touch'
>;

const workingStates: ReadonlySet<string> = new Set(['assigned', 'running', 'committed']);

export class Aggregator {
  readonly #c: AggregatorContext;
  readonly #runners = new Map<Id, JobRunner>();
  readonly #verdicts: Verdicts;
  readonly #sweeper: Sweeper;
  #stopping = false;
  /** Jobs whose inputs, large ones, are being written. */
  #submitting = 0;

  constructor(options: AggregatorOptions) {
    const view = options.journal.register(aggregatorProjection);
    const { messenger, clock, log, config } = options;
    const liveness = new Liveness({
      messenger,
      clock,
      log,
      renewMs: config.leaseRenewMs,
      suspectMs: config.suspectMs,
      isIdle: () => this.#runners.size === 0,
      active: () => this.#active(),
      lastSeenAt: (peer) => options.directory.peer(peer)?.lastSeenAt ?? null,
      onState: (provider, state) => this.#providerSays(provider, state),
      onRound: () => {
        for (const runner of this.#runners.values()) runner.round();
      },
    });
    const touch = (shardId: ShardId): void => this.#runners.get(shardId.slice(0, shardId.indexOf('.')))?.touch(shardId);
    const canaries = new Canaries({ ...options, config: options.verification });
    this.#c = { ...options, view, canaries, liveness, quoteBook: new QuoteBook(clock), turns: new Turns(), touch };
    this.#verdicts = new Verdicts(this.#c);
    this.#sweeper = new Sweeper(this.#c);
    messenger.handle('shard.progress', async (from, body) => {
      const { replica, runner } = this.#find(from, body.replicaId);
      runner.progress(replica, body.itemsDone);
      return null;
    });
    messenger.handle('shard.token', async (from, body) => {
      // Late ones are no mistake of their sender.
      const found = this.#lookUp(from, body.replicaId);
      found?.runner.token(found.replica, body);
      return null;
    });
    messenger.handle('shard.commit', async (from, body) => {
      const { replica, runner } = this.#find(from, body.commitment.body.replicaId);
      return runner.committed(replica, body);
    });
    messenger.handle('shard.fail', async (from, body) => {
      const { replica, runner } = this.#find(from, body.replicaId);
      await runner.failed(replica, body);
      return null;
    });
    options.directory.onChange(() => {
      for (const runner of this.#runners.values()) runner.directoryChanged();
    });
  }

  /** After the journal is open and the network is up: jobs go on. */
  async start(): Promise<void> {
    for (const jobId of Object.keys(this.#c.view.state.jobs)) await this.#begin(jobId);
    this.#c.liveness.start();
    this.#verdicts.start();
    this.#sweeper.start();
  }

  stop(): void {
    this.#stopping = true;
    this.#c.liveness.stop();
    this.#verdicts.stop();
    this.#sweeper.stop();
    for (const runner of this.#runners.values()) runner.stop();
  }

  get activeJobs(): number {
    return Object.keys(this.#c.view.state.jobs).length;
  }

  jobs(): Job[] {
    return Object.values(this.#c.view.state.jobs);
  }

  job(jobId: Id): Job | undefined {
    return this.#c.view.state.jobs[jobId];
  }

  /** A replica of a job under way. */
  replica(replicaId: ReplicaId): Replica | null {
    const [jobId, index] = replicaId.split('.');
    const shard = this.job(jobId ?? '')?.shards[Number(index)];
    return shard?.replicas.find((candidate) => candidate.replicaId === replicaId) ?? null;
  }

  itemsDone(replica: Replica): number {
    return this.#runners.get(replica.jobId)?.itemsDone(replica) ?? 0;
  }

  /** Blobs of jobs under way, and results that are kept. */
  blobsInUse(): Sha256[] {
    const { jobs, kept } = this.#c.view.state;
    return [
      ...Object.values(jobs).flatMap(blobsOf),
      ...Object.values(kept).map(({ resultsHash }) => resultsHash),
      ...this.#c.canaries.blobsInUse(),
    ];
  }

  /** @throws ApiError */
  plan(spec: JobSpec): MethodResult<'jobs.plan'> {
    return planJob(this.#c, spec, resolveSpec(spec, this.#c.known(), this.#c.config));
  }

  /** @returns the id, when the job is durable. @throws ApiError */
  async submit(spec: JobSpec): Promise<Id> {
    const { clock, random, store, journal, config } = this.#c;
    if (this.#stopping) throw new ApiError('unavailable', 'the node is stopping');
    if (this.activeJobs + this.#submitting >= config.jobsActiveMax) {
      throw new ApiError(
        'unavailable',
        `${this.activeJobs} jobs are under way, at most ${config.jobsActiveMax} (aggregator.jobsActiveMax); wait for one to end`,
      );
    }
    const resolved = resolveSpec(spec, this.#c.known(), config);
    const { planned, itemBytes } = resolved;
    const jobId = idOf(random.bytes(16));
    this.#submitting++;
    let created: Promise<void>;
    let begun: Promise<void>;
    try {
      const inputs = { jobId, inputs: spec.inputs, itemSalt: newItemSalt(this.#c) };
      const blob = payloads.ofInputs(inputs);
      const blobs = await writtenBefore(store, blob);
      const deadlineAt = clock.now() + planned.deadlineMs;
      const { counts, places } = this.#cut(jobId, spec, resolved);
      created = journal.commit(
        [
          { type: 'job.created', jobId, job: planned, inputsHash: blob.hash, itemBytes, deadlineAt },
          { type: 'job.planned', jobId, counts, ...(places.length > 0 && { places }) },
        ],
        blobs,
      );
      // What it decides now goes into the same transaction, or the next; nothing of it leaves before it is durable.
      begun = this.#begin(jobId, inputs);
    } finally {
      this.#submitting--;
    }
    await Promise.all([created, begun]);
    return jobId;
  }

  /** Shards, and which of them leave room for an item with a known answer: none where the budget is only just enough. */
  #cut(jobId: Id, spec: JobSpec, resolved: Resolved): { counts: number[]; places: number[] } {
    const { planned, template } = resolved;
    const counts = (place?: (index: number) => number | null): number[] =>
      shardsOf(jobId, spec.inputs, planned.itemsPerShard, place).map(({ count }) => count);
    const draw = this.#c.canaries.places(planned, template);
    if (draw === null) return { counts: counts(), places: [] };
    const places: number[] = [];
    const withPlaces = counts((index) => {
      const bytes = draw(index);
      if (bytes !== null) places.push(index);
      return bytes;
    });
    const { shards, reserveMicro } = planJob(this.#c, spec, resolved);
    const share = Math.ceil((1_000_000 * (withPlaces.length + 1)) / shards);
    if (micro.less(planned.budgetMicro, micro.share(reserveMicro, share))) return { counts: counts(), places: [] };
    return { counts: withPlaces, places: places.filter((index) => index < withPlaces.length) };
  }

  /** @throws ApiError `not-found` when the job is not under way. */
  async cancel(jobId: Id, reason: string): Promise<void> {
    const runner = this.#runners.get(jobId);
    if (runner === undefined) throw new ApiError('not-found', `no job ${jobId} is under way`);
    await runner.cancel(reason);
  }

  /** Ends answers of a job with what there is of them. @throws ApiError `not-found` when the job is not under way. */
  async stopAnswers(jobId: Id, item: number | null): Promise<void> {
    const runner = this.#runners.get(jobId);
    if (runner === undefined) throw new ApiError('not-found', `no job ${jobId} is under way`);
    await runner.stopAnswers(item);
  }

  /** What is shown now of jobs that stream, for who begins to listen. */
  shown(): Shows[] {
    return [...this.#runners.values()].flatMap((runner) => runner.shown());
  }

  /** Outputs so far of a job under way, or those of a finished one. null when they were deleted. */
  async results(jobId: Id): Promise<Results['outputs'] | null> {
    const job = this.job(jobId);
    if (job !== undefined) return mergedResults(this.#c, job);
    const kept = this.#c.view.state.kept[jobId];
    if (kept === undefined) return null;
    const outputs = (await payloads.results(this.#c.journal, kept.resultsHash))?.outputs ?? null;
    const isDoubted = (index: number): boolean =>
      kept.doubted.some(({ start, count }) => index >= start && index < start + count);
    return outputs?.map((each, index) => (isDoubted(index) ? { ...each, mark: 'doubted' } : each)) ?? null;
  }

  /** What was asked for, as long as the results are kept. */
  async inputs(jobId: Id): Promise<Json[] | null> {
    const job = this.job(jobId);
    if (job !== undefined) return (await payloads.inputs(this.#c.store, job.inputsHash))?.inputs ?? null;
    const kept = this.#c.view.state.kept[jobId];
    return kept === undefined ? null : ((await payloads.results(this.#c.store, kept.resultsHash))?.inputs ?? null);
  }

  /** @param inputs where they are in memory. */
  async #begin(jobId: Id, inputs?: JobInputs): Promise<void> {
    const { liveness, turns } = this.#c;
    const runner = new JobRunner(this.#c, jobId, () => {
      this.#runners.delete(jobId);
      turns.leave(jobId);
    });
    this.#runners.set(jobId, runner);
    liveness.wake();
    turns.enter(jobId, this.job(jobId)?.job.priority ?? 0, () => runner.schedule());
    await runner.start(inputs);
  }

  #active(): Map<PeerId, ReplicaId[]> {
    const active = new Map<PeerId, ReplicaId[]>();
    for (const runner of this.#runners.values()) {
      for (const replica of runner.working()) {
        const list = active.get(replica.provider);
        if (list === undefined) active.set(replica.provider, [replica.replicaId]);
        else list.push(replica.replicaId);
      }
    }
    return active;
  }

  /** A replica that the provider sees otherwise than we do is asked about again. */
  #providerSays(provider: PeerId, { replicaId, state, itemsDone }: MessageBody<'lease.ack'>['replicas'][number]): void {
    const found = this.#lookUp(provider, replicaId);
    if (found === null || !workingStates.has(found.replica.state)) return;
    const { replica, runner } = found;
    runner.progress(replica, itemsDone);
    const ours = replica.state;
    const agrees =
      ours === 'committed' ? state === 'committed' || state === 'revealed' : state === 'queued' || state === 'running';
    if (!agrees || ours === 'assigned') runner.query(replica);
  }

  #lookUp(provider: PeerId, replicaId: ReplicaId): { replica: Replica; runner: JobRunner } | null {
    const replica = this.replica(replicaId);
    const runner = replica === null ? undefined : this.#runners.get(replica.jobId);
    return replica?.provider !== provider || runner === undefined ? null : { replica, runner };
  }

  #find(provider: PeerId, replicaId: ReplicaId): { replica: Replica; runner: JobRunner } {
    const found = this.#lookUp(provider, replicaId);
    if (found === null) throw new MessageRefused('unknown-replica', `no replica ${replicaId} is out at you`);
    return found;
  }
}
