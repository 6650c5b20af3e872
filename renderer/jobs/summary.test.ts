import { expect, it } from 'vitest';
import type { NodeEvent } from '../../node-core/protocol/index.ts';
import { addEntry, newSummary, type SummaryFormat, summaryText } from './summary.ts';

const peerId = `12D3KooW${'A'.repeat(44)}`;
const jobId = 'a'.repeat(32);

function made() {
  const summary = newSummary(peerId, 0, 3 * 3_600_000);
  const ended: NodeEvent = {
    type: 'job.ended',
    jobId,
    state: 'failed',
    code: 'internal',
    reason: '<script>alert(1)</script> | x',
    resultsHash: null,
    shardsAccepted: 0,
    shardsTotal: 1,
    itemsAccepted: 0,
    spentMicro: '0',
  };
  addEntry(summary, { seq: 1, at: 10, event: ended });
  addEntry(summary, { seq: 2, at: 3_700_000, event: { type: 'node.stopped', reason: 'x' } });
  addEntry(summary, { seq: 3, at: 4 * 3_600_000, event: { type: 'node.stopped', reason: 'later' } });
  return summary;
}

it('counts the period and no more', () => {
  const summary = made();
  expect(summary).toMatchObject({ entries: 2, jobsEnded: { failed: 1 }, bucketMs: 3_600_000 });
  expect(summary.buckets.map(({ errors }) => errors)).toEqual([1, 0, 0]);
});

it.each<[SummaryFormat, RegExp]>([
  ['html', /&lt;script&gt;/],
  ['md', /\\\| x/],
  ['csv', /^from,jobs/],
  ['json', /"jobsEnded"/],
])('writes %s in which nothing that a peer said is code', (format, expected) => {
  const text = summaryText(made(), format);
  expect(text).toMatch(expected);
  if (format === 'html') expect(text).not.toContain('<script');
});
