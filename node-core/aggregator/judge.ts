/** From revealed copies to verdicts, payments and receipts: the events of one judgement. */
import {
  type CheckHow,
  copiesOf,
  type Evidence,
  type Json,
  type NodeEvent,
  type PeerId,
  quorumOf,
  type Sha256,
  type Verdict,
} from '../protocol/index.ts';
import { clusterCopies, compareCopies, tieBreakNeeded } from '../verification/index.ts';
import { withoutCanary } from './canaries.ts';
import type { AggregatorContext, KnownTemplate } from './context.ts';
import type { Revealed } from './payloads.ts';
import { type How, itemsOf, type Job, type Replica, type Shard } from './state.ts';
import { comparableHashes, stoppedAnswer } from './stopped.ts';

export interface RevealedCopy {
  readonly replica: Replica;
  readonly revealed: Revealed;
}

export interface Agreed {
  readonly kind: 'agreed';
  /** Of the job's items. */
  readonly outputs: Json[];
  readonly how: How;
  readonly verdicts: readonly JudgedCopy[];
}

export type Judgement =
  | Agreed
  | {
      readonly kind: 'no-quorum';
      readonly itemsWithout: number;
      /** Could the tie-breakers that the policy still allows bring one about? */
      readonly moreMayHelp: boolean;
      readonly verdicts: readonly JudgedCopy[];
    };

export interface JudgedCopy {
  readonly replica: Replica;
  readonly verdict: Verdict;
  readonly itemsWrong: number;
  readonly reason: string;
  readonly evidence: Evidence | null;
  readonly agreed: number;
  /** Providers who gave the other answer. */
  readonly witnesses?: readonly PeerId[];
}

export function judgeCopies(
  job: Job,
  shard: Shard,
  { template: { verifier, tolerance, honestDisagreementPpm } }: KnownTemplate,
  whole: readonly RevealedCopy[],
  { checks, verification }: Pick<AggregatorContext, 'checks' | 'verification'>,
  textShown: (item: number) => string = () => '',
): Judgement {
  // Its canary is no part of the answer: from here on there are the job's items only.
  const copies = whole.map(({ replica, revealed }) => ({
    replica,
    revealed: { ...revealed, outputs: withoutCanary(revealed.outputs, shard) },
  }));
  const own = copies.find(({ replica }) => replica.role === 'own-node');
  const { policy, template, model } = job.job;
  const quorum = own === undefined ? quorumOf(policy, shard.audit !== null) : 1;
  const comparable = comparableHashes(whole).map((hashes) => withoutCanary(hashes, shard));
  const revealed = copies.map(({ replica, revealed: { outputs } }, i) => ({
    replicaId: replica.replicaId,
    peerId: replica.provider,
    itemHashes: comparable[i] ?? [],
    outputs,
  }));
  const isNumeric = verifier === 'numeric' && tolerance !== undefined;
  const hashes = isNumeric ? clusterCopies(revealed, tolerance) : revealed;
  const outcome = compareCopies({
    verifier: isNumeric ? 'label' : verifier,
    quorum,
    copies: hashes,
    honestDisagreementPpm,
    badProbabilityPpm: verification.badProbabilityPpm,
    isExplained: ({ peerId }, differed) =>
      checks.isExplained(
        { provider: peerId, template, model, unit: 'items', honestPpm: honestDisagreementPpm },
        { compared: shard.count, differed },
      ),
  });
  const byId = new Map(copies.map((copy) => [copy.replica.replicaId, copy]));
  const holders = outcome.kind === 'agreed' ? outcome.holders.flatMap((id) => byId.get(id) ?? []) : [];
  const verdicts = outcome.verdicts.flatMap(({ replicaId, verdict, itemsWrong, witnesses }) => {
    const copy = byId.get(replicaId);
    if (copy === undefined) return [];
    // Numbers near each other have other hashes: nothing that a third party could check.
    const evidence = verdict === 'rejected' && !isNumeric ? evidenceAgainst(copy, holders, shard) : null;
    return [
      {
        replica: copy.replica,
        // Of another task, as one that was stopped or given a beginning: no proof.
        verdict: verdict === 'rejected' && evidence === null ? 'undecided' : verdict,
        itemsWrong,
        reason: reasonOf(verdict, itemsWrong, copies.length),
        evidence,
        agreed: holders.length,
        witnesses,
      },
    ];
  });
  if (outcome.kind === 'no-quorum') {
    const more = policy.tieBreakers - shard.disagreements;
    const moreMayHelp = tieBreakNeeded({ quorum, copies: hashes, outcome, more });
    return { kind: 'no-quorum', itemsWithout: outcome.itemsWithout.length, moreMayHelp, verdicts };
  }
  const outputs = outcome.items.map((replicaId, index) => {
    const hash = hashes.find((copy) => copy.replicaId === replicaId)?.itemHashes[index];
    const agreeing = copies.filter((_, i) => hashes[i]?.itemHashes[index] === hash);
    const output = stoppedAnswer(index, agreeing, textShown(index)) ?? byId.get(replicaId)?.revealed.outputs[index];
    if (output === undefined) throw new Error(`no output ${index} in ${replicaId}`);
    return output;
  });
  const how: How = own !== undefined ? 'own-node' : quorum === 1 ? 'unchecked-by-policy' : 'checked';
  return { kind: 'agreed', outputs, how, verdicts };
}

function reasonOf(verdict: Verdict, itemsWrong: number, copies: number): string {
  switch (verdict) {
    case 'accepted':
      return itemsWrong === 0
        ? `${copies} copies were compared`
        : `${itemsWrong} items differ, as honest computers now and then do`;
    case 'rejected':
      return `${itemsWrong} items differ from what a quorum of other providers gave`;
    default:
      return itemsWrong === 0
        ? 'the copies found no quorum'
        : `${itemsWrong} items differ from the answer, without proof`;
  }
}

/** Two or more other providers that agree with each other on every item. */
function evidenceAgainst(accused: RevealedCopy, holders: readonly RevealedCopy[], shard: Shard): Evidence | null {
  const part = ({ replica, revealed }: RevealedCopy) =>
    replica.commitment === null ? [] : [{ commitment: replica.commitment, opening: revealed.opening }];
  const own = part(accused)[0];
  // Hashes of answers that ended elsewhere differ, whatever they say.
  if ((accused.replica.commitment?.body.stopped?.length ?? 0) > 0) return null;
  const quorum = holders
    .filter(
      ({ replica }) =>
        replica.provider !== accused.replica.provider &&
        replica.commitment?.body.taskHash === accused.replica.commitment?.body.taskHash,
    )
    .flatMap(part)
    // Others see the whole, and that these agree.
    .filter(({ opening }, _, [first]) => canaryOf(opening, shard) === canaryOf(first?.opening ?? opening, shard));
  return own === undefined || quorum.length < 2 ? null : { accused: own, quorum };
}

/** Hash of what a copy says of the canary. */
function canaryOf({ itemHashes }: Revealed['opening'], { canary }: Shard): Sha256 | undefined {
  return canary === undefined ? undefined : itemHashes[canary.at];
}

/** The events of one verdict: the replica's state, the money, and what is remembered of the provider. */
export function verdictEvents(context: AggregatorContext, job: Job, shard: Shard, judged: JudgedCopy): NodeEvent[] {
  const { payment } = context;
  const { replica, verdict, itemsWrong, reason, evidence } = judged;
  const { jobId, shardId, replicaId, provider } = replica;
  const events: NodeEvent[] = [
    { type: 'replica.judged', jobId, shardId, replicaId, provider, verdict, itemsWrong, reason, evidence },
  ];
  if (replica.role === 'own-node') return events;
  events.push(...(verdict === 'accepted' ? payment.pay(replicaId) : payment.release(replicaId, `verdict: ${verdict}`)));
  return [...events, ...badReceipt(context, job, shard, judged)];
}

/** Against who was rejected with evidence; also where it had been paid before its shard was opened again. */
export function badReceipt(
  { reputation }: Pick<AggregatorContext, 'reputation'>,
  { job: { template, model } }: Job,
  shard: Shard,
  { replica, verdict, itemsWrong, reason, evidence }: JudgedCopy,
): NodeEvent[] {
  if (verdict !== 'rejected' || evidence === null) return [];
  const { jobId, shardId, replicaId, provider } = replica;
  const work = { provider, jobId, shardId, replicaId, template, model, items: itemsOf(shard) };
  const [other] = evidence.quorum;
  // Whoever checks the receipt counts the canary like any item.
  const isCanaryWrong =
    other !== undefined && canaryOf(evidence.accused.opening, shard) !== canaryOf(other.opening, shard);
  const all = itemsWrong + (isCanaryWrong ? 1 : 0);
  return reputation.bad({ ...work, reason: reasonOfEvidence(evidence), itemsWrong: all, evidence }, reason);
}

function reasonOfEvidence({ accused, quorum }: Evidence) {
  if (accused.stream !== undefined) return 'stream-mismatch';
  return quorum.length === 0 ? 'reveal-mismatch' : 'minority';
}

/** What waits until the verdict is durable: vouchers and receipts. */
export function afterVerdicts(
  context: AggregatorContext,
  job: Job,
  shard: Shard,
  verdicts: readonly JudgedCopy[],
): void {
  const { payment, reputation } = context;
  const { template, model, policy } = job.job;
  const isAudited = shard.audit !== null;
  const copies = copiesOf(policy) + (isAudited ? 1 : 0);
  const quorum = quorumOf(policy, isAudited);
  for (const { replica, verdict, agreed } of verdicts) {
    if (verdict !== 'accepted' || replica.role === 'own-node' || replica.commitment === null) continue;
    payment.settle(replica.provider);
    void reputation.good({
      provider: replica.provider,
      jobId: replica.jobId,
      shardId: replica.shardId,
      replicaId: replica.replicaId,
      template,
      model,
      items: itemsOf(shard),
      priceMicro: replica.priceMicro,
      check: {
        type: 'replicate',
        policy: policy.type,
        how: howChecked(shard, replica, quorum),
        copies,
        quorum,
        agreed: Math.max(1, agreed),
      },
      digest: replica.commitment.body.digest,
    });
  }
}

function howChecked({ audit, auditBy, canary, how }: Shard, { checks }: Replica, quorum: number): CheckHow {
  if (checks !== undefined) return 'checker';
  if (audit !== null && auditBy === 'check') return 'tokens';
  if (quorum > 1 && how !== 'unchecked-by-policy') return 'copies';
  return canary === undefined ? 'none' : 'canary';
}
