import { expect, it } from 'vitest';
import type { NodeEvent } from '../node-core/protocol/index.ts';
import { newsOf } from './news.ts';

const jobId = 'a'.repeat(32);

it('tells of a full disk, and not of what the owner sees anyway', () => {
  const paused = (by: 'disk' | 'battery'): NodeEvent => ({ type: 'provider.paused', by, reason: 'it has 1 GiB left' });
  expect(newsOf(paused('disk'))).toEqual({
    title: 'Low disk space',
    body: 'No work is taken: it has 1 GiB left.',
    to: '#/dashboard',
  });
  expect(newsOf(paused('battery'))).toBeNull();
});

it('tells of a job that ended by itself, and leads to it', () => {
  const ended = (state: 'done' | 'failed' | 'cancelled'): NodeEvent => ({
    type: 'job.ended',
    jobId,
    state,
    code: state === 'failed' ? 'timeout' : null,
    reason: 'the time was over',
    resultsHash: null,
    shardsAccepted: 1,
    shardsTotal: 1,
    itemsAccepted: 1,
    spentMicro: '0',
  });
  expect(newsOf(ended('done'))).toMatchObject({ body: '1 result is ready.', to: `#/jobs/${jobId}` });
  expect(newsOf(ended('failed'))).toMatchObject({ title: 'Job failed', body: 'the time was over' });
  expect(newsOf(ended('cancelled'))).toBeNull();
});

it('tells of a rejected answer of this computer, and of no other verdict', () => {
  const judged = (verdict: 'accepted' | 'rejected' | 'undecided'): NodeEvent => ({
    type: 'work.judged',
    client: `12D3KooW${'A'.repeat(44)}`,
    jobId,
    replicaId: `${jobId}.0.1.${'A'.repeat(8)}`,
    verdict,
  });
  expect(newsOf(judged('rejected'))).toMatchObject({ title: 'Penalty', to: `#/logs?job=${jobId}` });
  expect([newsOf(judged('accepted')), newsOf(judged('undecided'))]).toEqual([null, null]);
});
