/** Verdicts of one job: compares what was revealed, and writes what follows from it in one transaction. */
import type { NodeEvent, SignedStreamHead } from '../protocol/index.ts';
import { afterVerdicts, type JudgedCopy, judgeCopies, type RevealedCopy, verdictEvents } from './judge.ts';
import { payloads, type Revealed } from './payloads.ts';
import type { RunningJob } from './running-job.ts';
import { attemptsOf, type Job, type Replica, type Shard } from './state.ts';

export class Judging {
  readonly #r: RunningJob;

  constructor(running: RunningJob) {
    this.#r = running;
  }

  async judge(job: Job, shard: Shard): Promise<void> {
    const { template, context } = this.#r;
    const copies = await this.#load(shard.replicas.filter((replica) => replica.state === 'revealed'));
    if (template === null || shard.state !== 'open' || copies.length === 0) return;
    const { jobId, shardId } = shard.replicas[0] ?? { jobId: job.jobId, shardId: shard.shardId };
    const judgement = judgeCopies(job, shard, template, copies, context.badProbabilityPpm);
    if (judgement.kind === 'agreed') {
      const { outputs } = judgement;
      const [first] = copies;
      const given = first === undefined || copies.length > 1 ? null : await this.#r.prefixesOf(first.replica);
      const outputsHash = await payloads.putShardOutputs(
        context.store,
        shardId,
        outputs,
        given?.map((tokens) => tokens.length),
      );
      if (first !== undefined) this.#r.shown.settle(shard, outputs, first.replica);
      await this.#conclude(
        job,
        shard,
        [{ type: 'shard.accepted', jobId, shardId, how: judgement.how, outputsHash }],
        judgement.verdicts,
      );
      return;
    }
    const mayAskAnother =
      judgement.moreMayHelp && attemptsOf(shard) < context.config.attemptsPerShardMax && job.cancelling === null;
    if (mayAskAnother) {
      await this.#r.commitFor(shard, [{ type: 'shard.disagreed', jobId, shardId }]);
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
  async judgeLate(job: Job, shard: Shard, late: Replica): Promise<void> {
    const { template, context } = this.#r;
    const copies = await this.#load(
      shard.replicas.filter((replica) => replica === late || replica.state === 'accepted'),
    );
    if (template === null || late.state !== 'revealed' || !copies.some(({ replica }) => replica === late)) return;
    const { verdicts } = judgeCopies(job, shard, template, copies, context.badProbabilityPpm);
    await this.#conclude(
      job,
      shard,
      [],
      verdicts.filter(({ replica }) => replica === late),
    );
  }

  async leaveUndecided(job: Job, shard: Shard, replicas: readonly Replica[]): Promise<void> {
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

  /** No result, and no proof of anything: unpaid, and its provider is told why. */
  async disregard(replica: Replica, shard: Shard, reason: string): Promise<void> {
    const { job, context, quotes } = this.#r;
    if (job === undefined) return;
    const { provider, replicaId } = replica;
    const noted = replica.role === 'own-node' ? [] : context.reputation.note(provider, 'failed', replicaId);
    const judged = { replica, verdict: 'undecided', itemsWrong: 0, reason, evidence: null, agreed: 0 } as const;
    await this.#conclude(job, shard, noted, [judged]);
    quotes.declined(provider, 'internal', reason, undefined);
  }

  /**
   * A signed reveal that does not open the commitment, or signed tokens that are not what was committed to: rejected with the
   * two signatures as evidence.
   */
  async reject(replica: Replica, shard: Shard, opening: Revealed['opening'], stream?: SignedStreamHead): Promise<void> {
    const { job } = this.#r;
    if (job === undefined || replica.commitment === null) return;
    const shown = stream === undefined ? {} : { stream };
    const evidence = { accused: { commitment: replica.commitment, opening, ...shown }, quorum: [] };
    const reason =
      stream === undefined ? 'its reveal does not open its commitment' : 'what it showed is not what it committed to';
    await this.#conclude(
      job,
      shard,
      [],
      [{ replica, verdict: 'rejected', itemsWrong: 0, reason, evidence, agreed: 0 }],
    );
  }

  /** Verdicts, money and the shard's new state are one transaction; vouchers and messages follow. */
  async #conclude(
    job: Job,
    shard: Shard,
    events: readonly NodeEvent[],
    verdicts: readonly JudgedCopy[],
  ): Promise<void> {
    const { context, revealed, itemsDone, assignments } = this.#r;
    await this.#r.commitFor(shard, [
      ...verdicts.flatMap((judged) => verdictEvents(context, job, shard, judged)),
      ...events,
    ]);
    for (const { replica, verdict } of verdicts) {
      revealed.delete(replica.replicaId);
      itemsDone.delete(replica.replicaId);
      assignments.tell(job, replica, verdict);
    }
    afterVerdicts(context, job, shard, verdicts);
  }

  async #load(replicas: readonly Replica[]): Promise<RevealedCopy[]> {
    const { context, revealed: inMemory, assignments } = this.#r;
    const copies: RevealedCopy[] = [];
    for (const replica of replicas) {
      if (replica.resultHash === null) continue;
      const revealed = inMemory.get(replica.replicaId) ?? (await payloads.revealed(context.store, replica.resultHash));
      if (revealed !== null) copies.push({ replica, revealed });
      // The disk lost it: it cannot be judged.
      else if (replica.state === 'revealed') await assignments.undecidable(replica);
    }
    return copies;
  }
}
