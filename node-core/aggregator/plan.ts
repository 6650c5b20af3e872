/** What a job would cost and who would run it, before it starts. */
import type { Candidate } from '../directory/index.ts';
import { nextDay } from '../payment/index.ts';
import {
  copiesOf,
  type Id,
  isSampled,
  type JobSpec,
  type Json,
  type MethodResult,
  type Micro,
  micro,
  type PlannedJob,
  planShards,
  priceOf,
  protocolLimits,
  type ShardPlan,
  utf8,
} from '../protocol/index.ts';
import { auditChancePpm } from '../verification/index.ts';
import type { AggregatorContext } from './context.ts';
import type { Resolved } from './submit.ts';
import { rankFor } from './wishes.ts';

const million = 1_000_000;

/** Cuts a job's inputs so that each shard's JSON array is within `inlineBytesMax`: an item counts with its comma. */
export function shardsOf(
  jobId: Id,
  inputs: readonly Json[],
  itemsPerShard: number,
  place?: (index: number) => number | null,
): ShardPlan[] {
  const sizes = inputs.map((input) => utf8.encode(JSON.stringify(input)).length + 1);
  return planShards(jobId, sizes, itemsPerShard, protocolLimits.inlineBytesMax - 1, place);
}

export function planJob(
  context: AggregatorContext,
  spec: JobSpec,
  { planned, template: known }: Resolved,
): MethodResult<'jobs.plan'> {
  const { directory } = context;
  const { template, model, policy, ownNode, templateName } = planned;
  const shards = shardsOf('0'.repeat(32), spec.inputs, planned.itemsPerShard);
  const items = Math.max(...shards.map((shard) => shard.count));
  const { wanted: candidates, refused } = rankFor(context, planned, items);
  // The best-fit providers are likely to be taken, and the dearest of them bounds the price.
  const likely = candidates.slice(0, Math.max(copiesOf(policy) + policy.tieBreakers, 8));
  const dearest = likely.reduce((most, { offer }) => {
    const price = micro.sum(shards.map((shard) => priceOf(offer.price, shard.count)));
    return micro.max(most, price);
  }, micro.zero);
  const audits = auditsOf(context, planned, likely, items, copiesOf(policy));
  // A canary takes the place of an item, which needs one in another shard.
  const hasCanaries = context.canaries.places(planned, known) !== null;
  const canariesPpm = hasCanaries ? Math.ceil(context.verification.canaryPpm / (planned.itemsPerShard - 1)) : 0;
  const copies = copiesOf(policy) + (audits.mostPpm > 0 ? 1 : 0);
  const only = ownNode === 'only';
  const expectedMicro = only
    ? micro.zero
    : micro.share(dearest, million * copiesOf(policy) + audits.expectedPpm + canariesPpm);
  const reserveMicro = only
    ? micro.zero
    : micro.share(dearest, million * copiesOf(policy) + audits.reservePpm + canariesPpm);
  const missing: string[] = [];
  const ownRuns = ownNode !== 'never' && context.ownServes(template, model);
  if (ownNode !== 'only' && candidates.length < copies) {
    const reasons = [...directory.explain({ template, model }).reasons];
    if (refused.length > 0) reasons.push(`${refused.length} more would do, and are blocked or left out by you`);
    if (planned.providers?.only !== undefined) reasons.push('only the providers that you chose were looked at');
    const otherwise =
      ownRuns && candidates.length === 0 ? '; the own node would run it: one copy, unchecked, unpaid' : '';
    missing.push(
      `${copies} different providers of ${templateName} are needed, ${candidates.length} known${reasons.length > 0 ? `: ${reasons.join('; ')}` : ''}${otherwise}`,
    );
  }
  if (ownNode === 'only' && !ownRuns)
    missing.push(`this node does not provide ${templateName}: switch the provider on`);
  if (micro.less(planned.budgetMicro, expectedMicro)) {
    missing.push(
      `the budget of ${planned.budgetMicro} micro-credits is below the expected ${expectedMicro}: raise it, or ask for fewer copies`,
    );
  }
  missing.push(...capsMissing(context, expectedMicro, candidates, planned.deadlineMs));
  return {
    shards: shards.length,
    candidates: candidates.map(({ peerId, score, terms, offer }) => ({ peerId, score, terms, price: offer.price })),
    readers: only ? 0 : copies,
    ...(isSampled(policy) && { auditPpm: audits.mostPpm === 0 ? 0 : audits.meanPpm }),
    reserveMicro,
    expectedMicro,
    missing,
  };
}

interface ExpectedAudits {
  /** Of a shard: the likely chance, and the highest among likely providers. */
  readonly meanPpm: number;
  readonly mostPpm: number;
  /** Further copies per shard, with tie-breakers: likely, and to be set aside. */
  readonly expectedPpm: number;
  readonly reservePpm: number;
}

/** By what is known of the providers that are likely to be taken; strangers are always checked by an adaptive policy. */
function auditsOf(
  { checks, known }: AggregatorContext,
  { policy, template, model }: PlannedJob,
  likely: readonly Candidate[],
  items: number,
  copies: number,
): ExpectedAudits {
  if (!isSampled(policy))
    return { meanPpm: 0, mostPpm: 0, expectedPpm: 0, reservePpm: copies > 0 ? policy.tieBreakers * million : 0 };
  const manifest = known().templates.get(template)?.template;
  const unit = manifest?.tokenDivergence === undefined ? ('items' as const) : ('tokens' as const);
  const chances = likely.map(({ peerId: provider }) =>
    auditChancePpm(policy, checks.standing({ provider, template, model, unit })),
  );
  if (chances.length === 0) chances.push(policy.type === 'sample' ? policy.ratePpm : million);
  const meanPpm = Math.ceil(chances.reduce((sum, chance) => sum + chance, 0) / chances.length);
  const mostPpm = Math.max(...chances);
  // A tie-breaker where honest providers differ on an item; of tokens the checkers hardly do.
  const differPpm = unit === 'tokens' ? 0 : Math.min(million, items * (manifest?.honestDisagreementPpm ?? 0));
  return {
    meanPpm,
    mostPpm,
    expectedPpm: Math.ceil(meanPpm * (1 + differPpm / million)),
    reservePpm: mostPpm * (1 + policy.tieBreakers),
  };
}

/** What the owner's spending caps leave today, where that is less than the job is expected to cost. */
function capsMissing(
  { payment, clock }: AggregatorContext,
  expectedMicro: Micro,
  candidates: readonly Candidate[],
  deadlineMs: number,
): string[] {
  const missing: string[] = [];
  const now = clock.now();
  const until = now + deadlineMs > nextDay(now) ? 'it would wait for midnight UTC' : 'it would end unfinished';
  const dayLeft = payment.leftToday(null);
  if (dayLeft !== null && micro.less(dayLeft, expectedMicro)) {
    missing.push(
      `the spending cap for a day leaves ${dayLeft} micro-credits today, and ${expectedMicro} are expected: ${until}; raise spending.dayMicroMax, or submit less`,
    );
  }
  const peersLeft = candidates.map(({ peerId }) => payment.leftToday(peerId));
  if (candidates.length === 0 || peersLeft.includes(null)) return missing;
  const allLeft = micro.sum(peersLeft.filter((left) => left !== null));
  if (micro.less(allLeft, expectedMicro)) {
    missing.push(
      `the spending cap for one peer and day leaves ${allLeft} micro-credits today at the ${candidates.length} providers known, and ${expectedMicro} are expected: ${until}; raise spending.peerDayMicroMax, or submit less`,
    );
  }
  return missing;
}
