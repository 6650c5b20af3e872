import { expect, test, vi } from 'vitest';

// The router reads the address of a page.
vi.stubGlobal('location', { hash: '' });
vi.stubGlobal('addEventListener', () => {});
vi.stubGlobal(
  '$state',
  Object.assign((value: unknown) => value, { raw: (value: unknown) => value }),
);
const { NoticeGate, noticeOf } = await import('./notices.ts');

const jobId = 'a'.repeat(32);
const provider = `12D3KooW${'A'.repeat(36)}ABCDEFGH`;
const ofReplica = { jobId, shardId: `${jobId}.0`, replicaId: `${jobId}.0.1.${'A'.repeat(8)}`, provider };

test('a full disk, a computer that fell silent and a job that failed are told, with where to look', () => {
  expect(noticeOf({ type: 'provider.paused', by: 'disk', reason: '1 GiB is free' })).toMatchObject({
    kind: 'wrong',
    text: expect.stringMatching(/disk/i),
    detail: '1 GiB is free',
  });
  expect(noticeOf({ type: 'replica.lost', ...ofReplica, reason: '', committed: false, holdUntil: 1 })).toMatchObject({
    text: expect.stringContaining('ABCDEFGH'),
    to: `#/jobs/${jobId}`,
  });
  const ended = {
    type: 'job.ended',
    jobId,
    code: null,
    reason: 'too late',
    resultsHash: null,
    spentMicro: '0',
  } as const;
  const counts = { shardsAccepted: 0, shardsTotal: 1, itemsAccepted: 0 };
  expect(noticeOf({ ...ended, ...counts, state: 'failed' })).toMatchObject({ kind: 'wrong', detail: 'too late' });
  expect(noticeOf({ ...ended, ...counts, state: 'done' })).toBeNull();
});

test('the same is told once in a while, and a flood of others is held back', () => {
  const gate = new NoticeGate(1_000, 2);
  const of = (key: string) => ({ kind: 'news', text: '', detail: '', to: null, key }) as const;
  expect([gate.lets(of('a'), 0), gate.lets(of('a'), 500), gate.lets(of('b'), 500), gate.lets(of('c'), 600)]).toEqual([
    true,
    false,
    true,
    false,
  ]);
  expect(gate.lets(of('a'), 1_000)).toBe(true);
});
