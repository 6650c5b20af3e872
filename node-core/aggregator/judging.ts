/** Verdicts of one job: compares what was revealed, and writes what follows from it in one transaction. */
import type { StoredBlob } from '../ports/index.ts';
import { type Id, isSampled, type NodeEvent, quorumOf, type SignedStreamHead } from '../protocol/index.ts';
import { checkEvents, drawAudit, judgeCanary, recordEvents } from './audits.ts';
import type { KnownTemplate } from './context.ts';
import { isWaitedFor, isWorking } from './decide.ts';
import {
  type Agreed,
  afterVerdicts,
  badReceipt,
  type JudgedCopy,
  judgeCopies,
  type RevealedCopy,
  verdictEvents,
} from './judge.ts';
import { judgeChecks } from './judge-tokens.ts';
import { payloads, type Revealed } from './payloads.ts';
import type { RunningJob } from './running-job.ts';
import { accusedOf, attemptsOf, hasVoice, type Job, type Replica, type Shard } from './state.ts';

export class Judging {
  readonly #r: RunningJob;

  constructor(running: RunningJob) {
    this.#r = running;
  }

  async judge(job: Job, shard: Shard): Promise<void> {
    const { template, context } = this.#r;
    if (shard.auditBy === 'check') {
      await this.#judgeTokens(job, shard);
      return;
    }
    const copies = await this.#load(
      shard.replicas.filter((replica) => hasVoice(replica) && replica.checks === undefined),
    );
    const [alone] = copies;
    if (template === null || alone === undefined) return;
    const hasClaims = template.template.tokenDivergence !== undefined && isSampled(job.job.policy);
    const claims = hasClaims ? await this.#r.claimsOf(alone.replica) : null;
    if (shard.state !== 'open') return;
    const { jobId } = job;
    const { shardId } = shard;
    const canary = judgeCanary(context, job, shard, template, copies, this.#r.canaries.get(shard.index));
    if (canary.isWrong) {
      const audited = this.#r.commitFor(shard, canary.events);
      for (const event of canary.events) if (event.type === 'shard.reopened') context.touch(event.shardId);
      await audited;
      await context.store.deleteBlobs([shard.canary?.of ?? []].flat());
      return;
    }
    const drawn = drawAudit(context, job, shard, copies, claims === null ? 'run' : 'check');
    if (drawn.length > 0) {
      await this.#r.commitFor(shard, [...canary.events, ...drawn]);
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
      const kept = this.#keepOne(job, shard, template, judgement, copies.length);
      await this.#conclude(
        job,
        shard,
        [
          ...canary.events,
          ...kept.events,
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
        [blob, ...kept.blobs],
      );
      await context.store.deleteBlobs(kept.drops);
      return;
    }
    // One that has still to answer, slower than its hedge, needs no attempt more.
    const anotherMayCome = attemptsOf(shard) < context.config.attemptsPerShardMax || shard.replicas.some(isWaitedFor);
    if (judgement.moreMayHelp && anotherMayCome && job.cancelling === null) {
      await this.#r.commitFor(shard, [{ type: 'shard.disagreed', jobId, shardId }]);
      return;
    }
    const quorum = quorumOf(job.job.policy, shard.audit !== null);
    const { itemsWithout } = judgement;
    const reason =
      itemsWithout === 0
        ? `of ${copies.length} copies fewer than ${quorum} are near enough to what most of them say`
        : `${copies.length} copies found no quorum of ${quorum} on ${itemsWithout} items`;
    const exhausted: NodeEvent = { type: 'shard.exhausted', jobId, shardId, code: 'internal', reason };
    await this.#conclude(job, shard, restored(jobId, shard) ?? [exhausted], judgement.verdicts);
  }

  /** Of a shard on which all agreed in every item, one whose answer is known from now on. */
  #keepOne(job: Job, shard: Shard, template: KnownTemplate, judgement: Agreed, copies: number) {
    const { how, verdicts, outputs } = judgement;
    const inputs = this.#r.inputsOf(shard);
    const isSure =
      copies > 1 && verdicts.every(({ verdict, itemsWrong }) => verdict === 'accepted' && itemsWrong === 0);
    if (how !== 'checked' || !isSure || inputs === null) return { events: [], blobs: [], drops: [] };
    return this.#r.context.canaries.keep(job, shard, template, inputs, outputs);
  }

  /** It was opened again and cannot be checked: a doubtful answer is more than none. */
  async restore(job: Job, shard: Shard): Promise<void> {
    await this.#r.commitFor(shard, restored(job.jobId, shard) ?? []);
  }

  /** Nobody is there who could check it. One that was accepted before is so again, and doubted; another stands unchecked. */
  async unaudited(job: Job, shard: Shard): Promise<void> {
    const { jobId } = job;
    const { shardId } = shard;
    // Somebody may have been found meanwhile.
    if (shard.state !== 'open' || shard.audit === null || shard.replicas.some(isWorking)) return;
    const reason = 'there is no other provider that could check the answer';
    await this.#r.commitFor(shard, restored(jobId, shard) ?? [{ type: 'shard.unaudited', jobId, shardId, reason }]);
  }

  /** The answer that was being checked is lost: as if there had been none. */
  async restart(job: Job, shard: Shard): Promise<void> {
    const accused = shard.replicas.find(({ checks }) => checks === undefined)?.replicaId;
    if (accused === undefined) return;
    const reason = 'the answer that was being checked was lost on this computer’s disk';
    await this.#r.commitFor(shard, [
      { type: 'shard.restarted', jobId: job.jobId, shardId: shard.shardId, accused, reason },
    ]);
  }

  /** The tokens of one answer, by the word of its checkers. */
  async #judgeTokens(job: Job, shard: Shard): Promise<void> {
    const { template, context } = this.#r;
    const { jobId } = job;
    const { shardId } = shard;
    const accused = accusedOf(shard);
    const expected = template?.template.tokenDivergence;
    if (accused === undefined || expected === undefined) return;
    const claims = await this.#r.claimsOf(accused);
    const isIts = (replica: Replica): boolean => hasVoice(replica) && replica.checks === accused.replicaId;
    const [answer, ...checkers] = await this.#load([accused, ...shard.replicas.filter(isIts)]);
    if (shard.state !== 'open') return;
    if (claims === null || answer?.replica !== accused) {
      // The disk lost it. What was not accepted yet is undecided by now.
      const lost = this.#anew(
        job,
        shard,
        accused,
        job.cancelling === null,
        'the answer was lost on this computer’s disk',
      );
      if (hasVoice(accused)) await this.#r.commitFor(shard, lost);
      return;
    }
    if (checkers.length === 0) return;
    const { kind, verdicts, compared, differed, witnesses, ofCheckers } = judgeChecks(
      context,
      job,
      expected,
      answer,
      claims,
      checkers,
    );
    const { template: templateId, model } = job.job;
    const { provider, replicaId } = accused;
    const subject = { provider, template: templateId, model, unit: 'tokens', replicaId } as const;
    const record = (ok: boolean): NodeEvent[] => {
      const counted = { compared, differed, honestPpm: expected.honestDisagreementPpm };
      return recordEvents(context, [{ ...subject, ...counted, ok, ...(ok ? {} : { witnesses }) }, ...ofCheckers]);
    };
    const mayAsk = attemptsOf(shard) < context.config.attemptsPerShardMax && job.cancelling === null;
    switch (kind) {
      case 'believed': {
        const { outputs } = answer.revealed;
        const given = claims.some((claim) => claim.given > 0) ? claims.map((claim) => claim.given) : undefined;
        const blob = payloads.ofShardOutputs(shardId, outputs, given);
        const outputsHash = blob.hash;
        this.#r.shown.settle(shard, outputs, accused);
        const mark = markOf(shard, outputsHash);
        await this.#conclude(
          job,
          shard,
          [...record(true), { type: 'shard.accepted', jobId, shardId, how: 'checked', outputsHash, ...mark }],
          verdicts,
          [blob],
        );
        break;
      }
      case 'split':
        if (mayAsk && shard.disagreements < job.job.policy.tieBreakers) {
          await this.#r.commitFor(shard, [{ type: 'shard.disagreed', jobId, shardId }]);
          break;
        }
        await this.#conclude(
          job,
          shard,
          [...recordEvents(context, ofCheckers), ...this.#anew(job, shard, accused, mayAsk, 'its checkers disagree')],
          verdicts,
        );
        break;
      case 'not-believed': {
        const reason = `${differed} of ${compared} tokens are not the model’s`;
        await this.#conclude(
          job,
          shard,
          [...record(false), ...this.#anew(job, shard, accused, mayAsk, reason)],
          verdicts,
        );
        break;
      }
    }
  }

  #anew({ jobId }: Job, shard: Shard, { replicaId }: Replica, mayAsk: boolean, reason: string): NodeEvent[] {
    const { shardId } = shard;
    if (mayAsk) return [{ type: 'shard.restarted', jobId, shardId, accused: replicaId, reason }];
    return restored(jobId, shard) ?? [{ type: 'shard.exhausted', jobId, shardId, code: 'internal', reason }];
  }

  /** Who checked tokens, and says so when the shard has its answer. */
  async #judgeLateCheck(job: Job, shard: Shard, late: Replica): Promise<void> {
    const { template, context } = this.#r;
    const expected = template?.template.tokenDivergence;
    const accused = shard.replicas.find(({ replicaId }) => replicaId === late.checks);
    const claims = await this.#r.claimsFor(late);
    const [checker] = await this.#load([late]);
    if (late.state !== 'revealed' || checker === undefined) return;
    const [answer] = accused?.state === 'accepted' && accused.isOut !== true ? await this.#load([accused]) : [];
    if (expected === undefined || answer === undefined || claims == null) {
      await this.leaveUndecided(job, shard, [late]);
      return;
    }
    const { kind, verdicts, ofCheckers } = judgeChecks(context, job, expected, answer, claims, [checker]);
    const mine = verdicts.filter(({ replica }) => replica === late);
    if (kind === 'believed') await this.#conclude(job, shard, recordEvents(context, ofCheckers), mine);
    else await this.leaveUndecided(job, shard, [late]);
  }

  /** The loser of a hedge that had committed is judged like any copy. */
  async judgeLate(job: Job, shard: Shard, late: Replica): Promise<void> {
    const { template, context } = this.#r;
    if (late.checks !== undefined) {
      await this.#judgeLateCheck(job, shard, late);
      return;
    }
    const isAccepted = (replica: Replica): boolean => replica.state === 'accepted' && hasVoice(replica);
    const copies = await this.#load(
      shard.replicas.filter((replica) => replica === late || (isAccepted(replica) && replica.checks === undefined)),
    );
    if (template === null || late.state !== 'revealed' || !copies.some(({ replica }) => replica === late)) return;
    const { jobId } = job;
    const { shardId } = shard;
    const judgement = judgeCopies(job, shard, template, copies, context);
    const isFirstCheck = isSampled(job.job.policy) && shard.how === 'unchecked-by-policy' && shard.before === null;
    if (judgement.kind === 'no-quorum' && isFirstCheck && job.cancelling === null) {
      await this.#r.commitFor(shard, [{ type: 'shard.reopened', jobId, shardId, why: 'hedge', by: 'run' }]);
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

function restored(jobId: Id, { shardId, before }: Shard): NodeEvent[] | null {
  return before === null ? null : [{ type: 'shard.accepted', jobId, shardId, ...before, mark: 'doubted' }];
}

function markOf({ before }: Shard, outputsHash: string): { mark?: 'replaced' } {
  return before === null || before.outputsHash === outputsHash ? {} : { mark: 'replaced' };
}
