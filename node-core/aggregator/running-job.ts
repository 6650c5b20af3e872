/** What the parts of one job under way share. All of it may be lost in a kill: the log and the blobs bring it back. */
import type { StoredBlob } from '../ports/index.ts';
import {
  copiesOf,
  type Id,
  type Json,
  type NodeEvent,
  priceOf,
  type ReplicaId,
  type Task,
  taskHashOf,
} from '../protocol/index.ts';
import type { ClaimedAnswer } from '../verification/index.ts';
import { Assignments } from './assignments.ts';
import type { DrawnCanary } from './canaries.ts';
import type { Choice } from './choose.ts';
import { claimedAnswers } from './claims.ts';
import type { AggregatorContext, KnownTemplate } from './context.ts';
import { type Canary, type JobInputs, payloads, type Revealed } from './payloads.ts';
import { Quotes } from './quotes.ts';
import { Shown } from './shown.ts';
import { accusedOf, type Job, mayGetCanary, type Replica, type Role, type Shard, shardIndexOf } from './state.ts';
import { Stopping } from './stopping.ts';
import { Stragglers } from './stragglers.ts';
import { withTrap } from './traps.ts';

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
  readonly shown: Shown;
  readonly stopping: Stopping;
  /** Tokens that replicas were given to begin with, per item. */
  readonly prefixes = new Map<ReplicaId, number[][]>();
  readonly revealed = new Map<ReplicaId, Revealed>();
  readonly itemsDone = new Map<ReplicaId, number>();
  readonly startedAt: number;
  readonly touch: (shardId: string) => void;
  readonly schedule: () => void;
  inputs: JobInputs | null = null;
  template: KnownTemplate | null = null;
  stopped = false;
  /** Items with known answers, by the index of the shard that they are in. */
  readonly canaries = new Map<number, Canary>();
  readonly #claims = new Map<ReplicaId, ClaimedAnswer[]>();

  constructor(context: AggregatorContext, jobId: Id, hooks: RunningJobHooks) {
    this.context = context;
    this.jobId = jobId;
    this.touch = hooks.touch;
    this.schedule = hooks.schedule;
    this.startedAt = context.clock.elapsed();
    this.quotes = new Quotes(context, () => this.job, hooks.schedule);
    this.stragglers = new Stragglers(context.clock, context.config);
    this.shown = new Shown(this);
    this.stopping = new Stopping(this);
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

  /** What the providers of a shard are given: its inputs, and among them a canary. */
  payloadOf(shard: Shard): Json[] | null {
    const inputs = this.inputsOf(shard);
    if (inputs === null || shard.canary === undefined) return inputs;
    const canary = this.canaries.get(shard.index);
    return canary === undefined ? null : inputs.toSpliced(shard.canary.at, 0, canary.input);
  }

  /** After a restart, and for a job that is to get canaries. @returns false when the disk has lost one that is out. */
  async loadCanaries(job: Job): Promise<boolean> {
    const { canaries, journal } = this.context;
    if (job.shards.some(({ place }) => place === true)) await canaries.load(job);
    for (const { index, canary } of job.shards) {
      if (canary === undefined || this.canaries.has(index)) continue;
      const item = await payloads.canary(journal, canary.hash);
      if (item === null) return false;
      this.canaries.set(index, item);
    }
    return true;
  }

  /** The canary of a shard that is about to get its first copy, and what that costs; or none. */
  canaryFor(job: Job, shard: Shard, role: Role, choice: Choice): { choice: Choice; drawn: DrawnCanary | null } {
    if (role === 'own-node' || !mayGetCanary(shard)) return { choice, drawn: null };
    const inputs = this.inputsOf(shard);
    const drawn = inputs === null ? null : this.context.canaries.draw(job, shard, choice.provider, inputs);
    if (drawn !== null) this.canaries.set(shard.index, drawn.item);
    const items = shard.count + (drawn === null ? 0 : 1);
    return { choice: { ...choice, priceMicro: priceOf(choice.quote.body.price, items) }, drawn };
  }

  /** Tokens that a replica was given to begin with. @returns null where the disk has lost them. */
  async prefixesOf({ replicaId, prefixesHash }: Replica): Promise<readonly number[][] | null | undefined> {
    if (prefixesHash === undefined) return undefined;
    const known =
      this.prefixes.get(replicaId) ?? (await payloads.prefixes(this.context.journal, prefixesHash))?.prefixes;
    if (known !== undefined) this.prefixes.set(replicaId, known);
    return known ?? null;
  }

  /**
   * What a new replica of a shard has to begin with: the tokens that were shown, where the shard has one copy; of a validator,
   * what the copy that it checks was given. Where copies are compared each makes its own text.
   */
  prefixesFor(job: Job, shard: Shard, role: Role): (replicaId: ReplicaId) => StoredBlob | null {
    const isChecked = (replica: Replica): boolean =>
      replica.state === 'revealed' && this.prefixes.has(replica.replicaId);
    // Who checks tokens is told with them how many were given.
    const checked = shard.auditBy === 'check' ? undefined : shard.replicas.find(isChecked);
    const isAlone = copiesOf(job.job.policy) === 1 && shard.audit === null && (role === 'copy' || role === 'hedge');
    const texts = isAlone ? this.shown.prefixesFor(shard) : null;
    const prefixes = texts?.map(({ tokens }) => [...tokens]) ?? this.prefixes.get(checked?.replicaId ?? '');
    if (prefixes === undefined) return () => null;
    return (replicaId) => {
      this.prefixes.set(replicaId, prefixes);
      if (texts !== null) this.shown.given(replicaId, texts);
      return payloads.ofPrefixes(replicaId, prefixes);
    };
  }

  /**
   * What the provider of an answer claims, per item. null where it cannot be checked by its tokens: it has none, or the disk
   * has lost it.
   */
  async claimsOf(accused: Replica): Promise<ClaimedAnswer[] | null> {
    const known = this.#claims.get(accused.replicaId);
    if (known !== undefined) return known;
    if (accused.resultHash === null) return null;
    const { journal } = this.context;
    const revealed = this.revealed.get(accused.replicaId) ?? (await payloads.revealed(journal, accused.resultHash));
    const prefixes = await this.prefixesOf(accused);
    if (revealed === null || prefixes === null) return null;
    const claims = claimedAnswers(revealed.outputs, prefixes, accused.commitment?.body.stopped ?? []);
    if (claims !== null) this.#claims.set(accused.replicaId, claims);
    return claims;
  }

  /** Of the answer that a replica checks; undefined where it runs the shard itself. */
  async claimsFor(replica: Replica): Promise<ClaimedAnswer[] | null | undefined> {
    if (replica.checks === undefined) return undefined;
    const accused = this.shardOf(replica)?.replicas.find(({ replicaId }) => replicaId === replica.checks);
    const claims = accused === undefined ? null : await this.claimsOf(accused);
    return claims === null ? null : withTrap(claims, replica.trap);
  }

  /** Of the answer that is checked, where they are in memory. */
  knownClaims(shard: Shard): ClaimedAnswer[] | null {
    const accused = shard.auditBy === 'check' ? accusedOf(shard) : undefined;
    return accused === undefined ? null : (this.#claims.get(accused.replicaId) ?? null);
  }

  taskHash(replica: Replica, given: Pick<Task, 'prefixes' | 'stopped' | 'claims'>): string | null {
    const { job } = this;
    const shard = this.shardOf(replica);
    if (job === undefined || shard === undefined || this.inputs === null) return null;
    const { template, model, params } = job.job;
    const inputsHash = this.assignments.inputsHash(this.payloadOf(shard) ?? []);
    return taskHashOf({ template, model, params, inputsHash, itemSalt: this.inputs.itemSalt, ...given });
  }

  /** What follows in memory need not wait for the disk: whatever of it leaves this computer waits for its own events. */
  async commitFor(shard: Shard, events: readonly NodeEvent[], blobs: readonly StoredBlob[] = []): Promise<void> {
    const durable = this.context.journal.commit(events, blobs);
    this.touch(shard.shardId);
    await durable;
  }
}
