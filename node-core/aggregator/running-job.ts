/** What the parts of one job under way share. All of it may be lost in a kill: the log and the blobs bring it back. */
import { type Id, type Json, type NodeEvent, type ReplicaId, taskHashOf } from '../protocol/index.ts';
import { Assignments } from './assignments.ts';
import type { AggregatorContext, KnownTemplate } from './context.ts';
import type { JobInputs, Revealed } from './payloads.ts';
import { Quotes } from './quotes.ts';
import { type Job, type Replica, type Shard, shardIndexOf } from './state.ts';
import { Stragglers } from './stragglers.ts';

export interface RunningJobHooks {
  /** Look again at what may be done. */
  schedule(): void;
  /** Something happened to a shard. */
  touch(shardId: string): void;
}

export class RunningJob {
  readonly context: AggregatorContext;
  readonly jobId: Id;
  readonly quotes: Quotes;
  readonly assignments: Assignments;
  readonly stragglers: Stragglers;
  readonly revealed = new Map<ReplicaId, Revealed>();
  readonly itemsDone = new Map<ReplicaId, number>();
  readonly startedAt: number;
  readonly touch: (shardId: string) => void;
  readonly schedule: () => void;
  inputs: JobInputs | null = null;
  template: KnownTemplate | null = null;
  stopped = false;

  constructor(context: AggregatorContext, jobId: Id, hooks: RunningJobHooks) {
    this.context = context;
    this.jobId = jobId;
    this.touch = hooks.touch;
    this.schedule = hooks.schedule;
    this.startedAt = context.clock.elapsed();
    this.quotes = new Quotes(context, () => this.job, hooks.schedule);
    this.stragglers = new Stragglers(context.clock, context.config);
    this.assignments = new Assignments(context, this.quotes, (replica) => hooks.touch(replica.shardId));
  }

  get job(): Job | undefined {
    return this.context.view.state.jobs[this.jobId];
  }

  shardOf(replica: Replica): Shard | undefined {
    return this.job?.shards[shardIndexOf(replica.shardId)];
  }

  inputsOf(shard: Shard): Json[] | null {
    return this.inputs?.inputs.slice(shard.start, shard.start + shard.count) ?? null;
  }

  taskHash(replica: Replica): string | null {
    const { job } = this;
    const shard = this.shardOf(replica);
    if (job === undefined || shard === undefined || this.inputs === null) return null;
    const { template, model, params } = job.job;
    const inputsHash = this.assignments.inputsHash(this.inputsOf(shard) ?? []);
    return taskHashOf({ template, model, params, inputsHash, itemSalt: this.inputs.itemSalt });
  }

  async commitFor(shard: Shard, events: readonly NodeEvent[]): Promise<void> {
    await this.context.journal.commit(events);
    this.touch(shard.shardId);
  }
}
