/**
 * Which single answers are checked, and what follows from a check: the draw, the record, and another look at what was accepted
 * unchecked before somebody was caught. All of it is events, so that a restart neither draws nor asks twice.
 */
import { type AuditBy, canonicalJson, isSampled, type NodeEvent, witnessesMax } from '../protocol/index.ts';
import type { CheckResult } from '../reputation/index.ts';
import { auditChancePpm, isDrawn } from '../verification/index.ts';
import type { AggregatorContext, KnownTemplate } from './context.ts';
import type { JudgedCopy, RevealedCopy } from './judge.ts';
import type { Canary } from './payloads.ts';
import { type Job, mayBeAudited, type Shard, type UncheckedShard, uncheckedKey } from './state.ts';

/**
 * Drawn after the answer is durable: its provider has committed to it before anybody could know that it would be checked.
 * @returns empty when the answer stands without.
 */
export function drawAudit(
  { checks, random }: AggregatorContext,
  { jobId, job }: Job,
  shard: Shard,
  copies: readonly RevealedCopy[],
  by: AuditBy,
): NodeEvent[] {
  const { policy, template, model } = job;
  const { shardId } = shard;
  const [first, second] = copies;
  const isSingle = isSampled(policy) && mayBeAudited(shard);
  if (!isSingle || first === undefined || first.replica.role === 'own-node') return [];
  // A hedge and its original: a check that costs nothing more.
  if (second !== undefined)
    return [{ type: 'shard.audited', jobId, shardId, why: 'hedge', chancePpm: 1_000_000, by: 'run' }];
  const unit = by === 'check' ? ('tokens' as const) : ('items' as const);
  const chancePpm = auditChancePpm(
    policy,
    checks.standing({ provider: first.replica.provider, template, model, unit }),
  );
  if (!isDrawn(chancePpm, random.bytes(6))) return [];
  return [{ type: 'shard.audited', jobId, shardId, why: policy.type, chancePpm, by }];
}

/**
 * What a single answer says of the item whose answer is known. Another answer is no proof, as honest computers differ now and
 * then; but it is gathered, the shard is checked, and nobody is tested with the item again: it may be what is wrong.
 */
export function judgeCanary(
  context: AggregatorContext,
  { jobId, job: { policy, template, model } }: Job,
  shard: Shard,
  { template: { honestDisagreementPpm: honestPpm } }: KnownTemplate,
  copies: readonly RevealedCopy[],
  known: Canary | undefined,
): { readonly events: NodeEvent[]; readonly isWrong: boolean } {
  const { shardId, canary } = shard;
  const [first] = copies;
  const isSingle = isSampled(policy) && mayBeAudited(shard);
  if (!isSingle || canary === undefined || known === undefined || first === undefined)
    return { events: [], isWrong: false };
  const { provider, replicaId } = first.replica;
  const isWrong = canonicalJson(first.revealed.outputs[canary.at]) !== canonicalJson(known.output);
  const counted = { compared: 1, differed: isWrong ? 1 : 0 };
  const subject = { provider, template, model, unit: 'items', honestPpm } as const;
  const ok = !isWrong || context.checks.isExplained(subject, counted);
  const recorded = recordEvents(context, [{ ...subject, ...counted, replicaId, ok, canary: true }]);
  if (!isWrong) return { events: recorded, isWrong };
  const audited: NodeEvent = { type: 'shard.audited', jobId, shardId, why: 'canary', chancePpm: 1_000_000, by: 'run' };
  return { events: [...recorded, { type: 'canary.dropped', hash: canary.of }, audited], isWrong };
}

/** What a comparison has shown of each of its providers. */
export function checkEvents(
  context: AggregatorContext,
  { job: { template, model } }: Job,
  { count }: Shard,
  { template: { honestDisagreementPpm } }: KnownTemplate,
  verdicts: readonly JudgedCopy[],
): NodeEvent[] {
  const results = verdicts.flatMap(({ replica, verdict, itemsWrong, witnesses }): CheckResult[] => {
    if (replica.role === 'own-node') return [];
    const { provider, replicaId } = replica;
    const counted = { compared: count, differed: itemsWrong, honestPpm: honestDisagreementPpm };
    const by = itemsWrong === 0 ? {} : { witnesses: (witnesses ?? []).slice(0, witnessesMax) };
    const ok = verdict === 'accepted';
    return [{ provider, template, model, unit: 'items', replicaId, ok, ...counted, ...by }];
  });
  return recordEvents(context, results);
}

export function recordEvents(context: AggregatorContext, results: readonly CheckResult[]): NodeEvent[] {
  const reAudits = results.flatMap(({ provider, template, model, ok, unit }) =>
    ok || unit === 'verdicts' ? [] : reAuditEvents(context, uncheckedKey(provider, template, model), provider),
  );
  // First what hangs on the list of unchecked answers: the record ends it.
  return [...reAudits, ...context.checks.record(results)];
}

/** Of jobs under way the answers are checked after all; the owner of those that have ended is told. */
function reAuditEvents({ view, verification, known }: AggregatorContext, key: string, provider: string): NodeEvent[] {
  const auditBy = ({ job }: Job): AuditBy =>
    known().templates.get(job.template)?.template.tokenDivergence === undefined ? 'run' : 'check';
  const { jobs, kept, unchecked } = view.state;
  const events: NodeEvent[] = [];
  const ended = new Map<string, UncheckedShard[]>();
  const list = unchecked[key] ?? [];
  for (const answer of list.slice(Math.max(0, list.length - verification.reAuditMax))) {
    const { jobId, shardId } = answer;
    const job = jobs[jobId];
    const shard = job?.shards.find((candidate) => candidate.shardId === shardId);
    if (job !== undefined && shard !== undefined) {
      const isOpen = job.state === 'running' && job.cancelling === null && shard.state === 'accepted';
      if (isOpen && shard.how === 'unchecked-by-policy' && shard.before === null)
        events.push({ type: 'shard.reopened', jobId, shardId, why: 're-audit', by: auditBy(job) });
    } else if (kept[jobId] !== undefined) {
      ended.set(jobId, [...(ended.get(jobId) ?? []), answer]);
    }
  }
  for (const [jobId, answers] of ended) {
    const items = answers.map(({ start, count }) => ({ start, count }));
    events.push({ type: 'job.doubted', jobId, provider, items });
  }
  return events;
}
