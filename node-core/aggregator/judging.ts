/** Verdicts of one job: compares what was revealed, and writes what follows from it in one transaction. */
import type { StoredBlob } from '../ports/index.ts';
import { isSampled, type NodeEvent, quorumOf, type SignedStreamHead } from '../protocol/index.ts';
import { checkEvents, drawAudit } from './audits.ts';
import { afterVerdicts, badReceipt, type JudgedCopy, judgeCopies, type RevealedCopy, verdictEvents } from './judge.ts';
import { payloads, type Revealed } from './payloads.ts';
import type { RunningJob } from './running-job.ts';
import { attemptsOf, hasVoice, type Job, type Replica, type Shard } from './state.ts';

export class Judging {
  readonly #r: RunningJob;

  constructor(running: RunningJob) {
    this.#r = running;
  }

  async judge(job: Job, shard: Shard): Promise<void> {
    const { template, context } = this.#r;
    const copies = await this.#load(shard.replicas.filter(hasVoice));
    if (template === null || shard.state !== 'open' || copies.length === 0) return;
    const { jobId } = job;
    const { shardId } = shard;
    const drawn = drawAudit(context, job, shard, copies);
    if (drawn.length > 0) {
      await this.#r.commitFor(shard, drawn);
      return;
    }
    const judgement = judgeCopies(job, shard, template, copies, context, (item) =>
      this.#r.shown.textShown(shard, item),
    );
    if (judgement.kind === 'agreed') {
      const { outputs } = judgement;
      const [first] = copies;
      // What all of them were given, none of them has said.
      const isGiven = copies.every(({ replica }) => replica.prefixesHash !== undefined);
      const given = first === undefined || !isGiven ? null : await this.#r.prefixesOf(first.replica);
      const blob = payloads.ofShardOutputs(
        shardId,
        outputs,
        given?.map((tokens) => tokens.length),
      );
      if (first !== undefined) this.#r.shown.settle(shard, outputs, first.replica);
      await this.#conclude(
        job,
        shard,
        [
          ...(judgement.how === 'checked' ? checkEvents(context, job, shard, template, judgement.verdicts) : []),
          {
            type: 'shard.accepted',
            jobId,
            shardId,
            how: judgement.how,
            outputsHash: blob.hash,
            ...markOf(shard, blob.hash),
          },
        ],
        judgement.verdicts,
        [blob],
      );
      return;
    }
    const mayAskAnother =
      judgement.moreMayHelp && attemptsOf(shard) < context.config.attemptsPerShardMax && job.cancelling === null;
    if (mayAskAnother) {
      await this.#r.commitFor(shard, [{ type: 'shard.disagreed', jobId, shardId }]);
      return;
    }
    const quorum = quorumOf(job.job.policy, shard.audit !== null);
    const reason = `${copies.length} copies found no quorum of ${quorum} on ${judgement.itemsWithout} items`;
    const exhausted: NodeEvent = { type: 'shard.exhausted', jobId, shardId, code: 'internal', reason };
    await this.#conclude(job, shard, restored(job, shard) ?? [exhausted], judgement.verdicts);
  }

  /** It was opened again and cannot be checked: a doubtful answer is more than none. */
  async restore(job: Job, shard: Shard): Promise<void> {
    await this.#r.commitFor(shard, restored(job, shard) ?? []);
  }

  /** The loser of a hedge that had committed is judged like any copy. */
  async judgeLate(job: Job, shard: Shard, late: Replica): Promise<void> {
    const { template, context } = this.#r;
    const copies = await this.#load(
      shard.replicas.filter((replica) => replica === late || replica.state === 'accepted'),
    );
    if (template === null || late.state !== 'revealed' || !copies.some(({ replica }) => replica === late)) return;
    const { jobId } = job;
    const { shardId } = shard;
    const judgement = judgeCopies(job, shard, template, copies, context);
    const isFirstCheck = isSampled(job.job.policy) && shard.how === 'unchecked-by-policy' && shard.before === null;
    if (judgement.kind === 'no-quorum' && isFirstCheck && job.cancelling === null) {
      await this.#r.commitFor(shard, [{ type: 'shard.reopened', jobId, shardId, why: 'hedge' }]);
      return;
    }
    const mine = judgement.verdicts.filter(({ replica }) => replica === late);
    const isCheck = judgement.kind === 'agreed' && copies.length > 1 && shard.how !== 'own-node';
    await this.#conclude(job, shard, isCheck ? checkEvents(context, job, shard, template, mine) : [], mine);
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
    blobs: readonly StoredBlob[] = [],
  ): Promise<void> {
    const { context, revealed, itemsDone, assignments } = this.#r;
    const fresh = verdicts.filter(({ replica }) => replica.state !== 'accepted');
    const paidBefore = verdicts.filter(({ replica }) => replica.state === 'accepted');
    const judged = [
      ...fresh.flatMap((verdict) => verdictEvents(context, job, shard, verdict)),
      ...paidBefore.flatMap((verdict) => badReceipt(context, job, shard, verdict)),
    ];
    const durable = this.#r.commitFor(shard, [...judged, ...events], blobs);
    // At once: their jobs may be about to end.
    for (const event of events) if (event.type === 'shard.reopened') context.touch(event.shardId);
    await durable;
    for (const { replica, verdict } of fresh) {
      revealed.delete(replica.replicaId);
      itemsDone.delete(replica.replicaId);
      assignments.tell(job, replica, verdict);
    }
    afterVerdicts(context, job, shard, fresh);
  }

  async #load(replicas: readonly Replica[]): Promise<RevealedCopy[]> {
    const { context, revealed: inMemory, assignments } = this.#r;
    const copies: RevealedCopy[] = [];
    for (const replica of replicas) {
      if (replica.resultHash === null) continue;
      const revealed =
        inMemory.get(replica.replicaId) ?? (await payloads.revealed(context.journal, replica.resultHash));
      if (revealed !== null) copies.push({ replica, revealed });
      // The disk lost it: it cannot be judged.
      else if (replica.state === 'revealed') await assignments.undecidable(replica);
    }
    return copies;
  }
}

function restored({ jobId }: Job, { shardId, before }: Shard): NodeEvent[] | null {
  return before === null ? null : [{ type: 'shard.accepted', jobId, shardId, ...before, mark: 'doubted' }];
}

function markOf({ before }: Shard, outputsHash: string): { mark?: 'replaced' } {
  return before === null || before.outputsHash === outputsHash ? {} : { mark: 'replaced' };
}
