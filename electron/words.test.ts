import { expect, it } from 'vitest';
import { statusLine, underWay } from './words.ts';

const status = (connectedPeers: number, running: number, jobsActive: number) => ({
  connectedPeers,
  jobsActive,
  provider: { running },
});

it('counts one as one, and many as many', () => {
  expect(statusLine(status(1, 1, 1))).toBe('1 peer · 1 shard running · 1 own job');
  expect(statusLine(status(0, 2, 0))).toBe('0 peers · 2 shards running · 0 own jobs');
});

it('names what an end would break off, and nothing that is not there', () => {
  expect(underWay(status(3, 0, 1))).toBe('1 job of your own is running. Your own go on at the next start.');
  expect(underWay(status(3, 2, 0))).toBe('2 shards of others are running.');
  expect(underWay(status(3, 1, 2))).toBe(
    '2 jobs of your own and 1 shard of others are running. Your own go on at the next start.',
  );
});
