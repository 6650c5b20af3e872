import { expect, it } from 'vitest';
import type { NodeEvent } from '../node-core/protocol/index.ts';
import { newsOf } from './news.ts';

const own = `12D3KooW${'A'.repeat(44)}`;
const jobId = 'a'.repeat(32);

it('tells of a full disk, and not of what the owner sees anyway', () => {
  const paused = (by: 'disk' | 'battery'): NodeEvent => ({ type: 'provider.paused', by, reason: 'it has 1 GiB left' });
  expect(newsOf(paused('disk'), own)).toEqual({
    title: 'Low disk space',
    body: 'No work is taken: it has 1 GiB left.',
    to: '#/dashboard',
  });
  expect(newsOf(paused('battery'), own)).toBeNull();
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
  expect(newsOf(ended('done'), own)).toMatchObject({ body: '1 result is ready.', to: `#/jobs/${jobId}` });
  expect(newsOf(ended('failed'), own)).toMatchObject({ title: 'Job failed', body: 'the time was over' });
  expect(newsOf(ended('cancelled'), own)).toBeNull();
});
