/**
 * Which single answers are checked, and what follows from a check: the draw, the record, and another look at what was accepted
 * unchecked before somebody was caught. All of it is events, so that a restart neither draws nor asks twice.
 */
import { isSampled, type NodeEvent } from '../protocol/index.ts';
import { auditChancePpm, isDrawn } from '../verification/index.ts';
import type { AggregatorContext, KnownTemplate } from './context.ts';
import type { JudgedCopy, RevealedCopy } from './judge.ts';
import { type Job, type Shard, type UncheckedShard, uncheckedKey } from './state.ts';

/**
 * Drawn after the answer is durable: its provider has committed to it before anybody could know that it would be checked.
 * @returns empty when the answer stands without.
 */
export function drawAudit(
  { checks, random }: AggregatorContext,
  { jobId, job }: Job,
  { shardId, audit }: Shard,
  copies: readonly RevealedCopy[],
): NodeEvent[] {
  const { policy, template, model } = job;
  const [first, second] = copies;
  if (!isSampled(policy) || audit !== null || first === undefined || first.replica.role === 'own-node') return [];
  // A hedge and its original: a check that costs nothing more.
  if (second !== undefined) return [{ type: 'shard.audited', jobId, shardId, why: 'hedge', chancePpm: 1_000_000 }];
  const chancePpm = auditChancePpm(policy, checks.standing(first.replica.provider, template, model));
  if (!isDrawn(chancePpm, random.bytes(6))) return [];
  return [{ type: 'shard.audited', jobId, shardId, why: policy.type, chancePpm }];
}

/** What a comparison has shown of each of its providers. */
export function checkEvents(
  context: AggregatorContext,
  { job: { template, model } }: Job,
  { count }: Shard,
  { template: { honestDisagreementPpm } }: KnownTemplate,
  verdicts: readonly JudgedCopy[],
): NodeEvent[] {
  return verdicts.flatMap(({ replica, verdict, itemsWrong }) => {
    if (replica.role === 'own-node') return [];
    const { provider, replicaId } = replica;
    const ok = verdict === 'accepted';
    const reAudit = ok ? [] : reAuditEvents(context, uncheckedKey(provider, template, model), replica.provider);
    const subject = { provider, template, model, replicaId };
    const compared = { compared: count, differed: itemsWrong, ok, honestPpm: honestDisagreementPpm };
    // First what hangs on the list of unchecked answers: the record ends it.
    return [...reAudit, ...context.checks.record({ ...subject, ...compared })];
  });
}

/** Of jobs under way the answers are checked after all; the owner of those that have ended is told. */
function reAuditEvents({ view, verification }: AggregatorContext, key: string, provider: string): NodeEvent[] {
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
        events.push({ type: 'shard.reopened', jobId, shardId, why: 're-audit' });
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
