import { expect, it } from 'vitest';
import type { LogEntry, NodeEvent } from '../../node-core/protocol/index.ts';
import { itemsDone, newStory, standingOf, tell, tellProgress } from './job-model.ts';

const jobId = 'a'.repeat(32);
const provider = `12D3KooW${'A'.repeat(44)}`;
const shardId = `${jobId}.1`;
const replicaId = `${shardId}.1.${'A'.repeat(8)}`;
const of = { jobId, shardId, replicaId, provider };
const assigned: NodeEvent = {
  type: 'replica.assigned',
  ...of,
  attempt: 1,
  role: 'copy',
  priceMicro: '2000',
  deadlineAt: 1,
  terms: { speed: 900 },
};

function story(...events: NodeEvent[]) {
  const told = newStory();
  const entries = events.map((event, i): LogEntry => ({ seq: i + 1, at: 100 + i, event }));
  for (const entry of entries) tell(told, entry);
  // Twice is once: history and the live stream overlap.
  for (const entry of entries) tell(told, entry);
  return told;
}

it('cuts the job as it was planned, and follows an attempt to its verdict', () => {
  const told = story(
    { type: 'job.planned', jobId, counts: [10, 5] },
    assigned,
    { type: 'replica.started', ...of },
    { type: 'replica.judged', ...of, verdict: 'accepted', itemsWrong: 0, reason: '', evidence: null },
    { type: 'shard.accepted', jobId, shardId, how: 'checked', outputsHash: 'b'.repeat(64) },
  );
  expect(told.shards.map(({ start, count, state }) => [start, count, state])).toEqual([
    [0, 10, 'open'],
    [10, 5, 'accepted'],
  ]);
  expect(told.shards[1]?.attempts).toMatchObject([{ state: 'accepted', itemsDone: 5, endedAt: 103 }]);
  expect(told.timeline).toHaveLength(5);
  expect(itemsDone(told)).toBe(5);
});

it('counts what failed once, and what is done while it runs', () => {
  const told = story({ type: 'job.planned', jobId, counts: [10, 5] }, assigned, {
    type: 'replica.failed',
    ...of,
    code: 'internal',
    reason: 'it fell over',
  });
  expect(told.failures).toBe(1);
  expect(told.shards[1]?.attempts[0]).toMatchObject({ state: 'failed', reason: 'it fell over' });
  const running = story({ type: 'job.planned', jobId, counts: [10, 5] }, assigned);
  tellProgress(running, replicaId, 3);
  tellProgress(running, replicaId, 2);
  expect(itemsDone(running)).toBe(3);
});

it('notes what befell a shard: a check, another try, a second thought', () => {
  const replica = (n: number) => ({ ...of, replicaId: `${shardId}.${n}.${'A'.repeat(8)}` });
  const accepted: NodeEvent = {
    type: 'shard.accepted',
    jobId,
    shardId,
    how: 'unchecked-by-policy',
    outputsHash: 'b'.repeat(64),
  };
  const before: NodeEvent[] = [
    { type: 'job.planned', jobId, counts: [10, 5] },
    assigned,
    { type: 'replica.lost', ...of, reason: 'silent', committed: false, holdUntil: 9 },
    { ...assigned, ...replica(2), attempt: 2, prefixesHash: 'c'.repeat(64) },
    { type: 'shard.audited', jobId, shardId, why: 'adaptive', chancePpm: 1_000_000, by: 'run' },
    accepted,
  ];
  const told = story(...before);
  expect(told.shards[1]).toMatchObject({ state: 'accepted', notes: ['taken-over', 'audited'] });
  expect(told.shards[1]?.attempts.map(({ goesOn }) => goesOn)).toEqual([false, true]);
  const again = story(
    ...before,
    { type: 'shard.reopened', jobId, shardId, why: 're-audit', by: 'check' },
    { ...assigned, ...replica(3), attempt: 3, role: 'validator', checks: replicaId },
    { type: 'job.doubted', jobId, provider, items: [{ start: 0, count: 1 }] },
  );
  expect(again.shards[1]).toMatchObject({ state: 'open', notes: ['taken-over', 'audited', 'reopened'] });
  expect(again.shards[1]?.attempts[2]?.checks).toBe(replicaId);
  expect(again.shards[0]?.notes).toEqual(['doubted']);
});

it('does not say that somebody checked where nobody could', () => {
  const told = story(
    { type: 'job.planned', jobId, counts: [10, 5] },
    assigned,
    { type: 'shard.audited', jobId, shardId, why: 'adaptive', chancePpm: 1_000_000, by: 'run' },
    { type: 'shard.unaudited', jobId, shardId, reason: 'nobody else fits' },
    { type: 'shard.accepted', jobId, shardId, how: 'unchecked-by-policy', outputsHash: 'b'.repeat(64) },
  );
  expect(told.shards[1]).toMatchObject({ state: 'accepted', notes: ['unaudited'] });
});

it('counts as the squares do where its log is read, and as the node does before', () => {
  const summary = { state: 'running', shardsAccepted: 1, shardsTotal: 2, spentMicro: '10', endedAt: null } as const;
  expect(standingOf(newStory(), summary)).toEqual(summary);
  const accepted = (index: number): NodeEvent => ({
    type: 'shard.accepted',
    jobId,
    shardId: `${jobId}.${index}`,
    how: 'checked',
    outputsHash: 'b'.repeat(64),
  });
  const told = story({ type: 'job.planned', jobId, counts: [10, 5] }, accepted(0), accepted(1));
  // The summary is of the moment before.
  expect(standingOf(told, summary)).toEqual({ ...summary, shardsAccepted: 2 });
  const ended: NodeEvent = {
    type: 'job.ended',
    jobId,
    state: 'done',
    code: null,
    reason: '',
    resultsHash: null,
    shardsAccepted: 2,
    shardsTotal: 2,
    itemsAccepted: 15,
    spentMicro: '20',
  };
  tell(told, { seq: 9, at: 900, event: ended });
  expect(standingOf(told, summary)).toMatchObject({ state: 'done', spentMicro: '20', endedAt: 900 });
  expect(standingOf(told, { ...summary, endedAt: 900, spentMicro: '25' }).spentMicro).toBe('25');
});
