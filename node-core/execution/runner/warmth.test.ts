import { expect, it } from 'vitest';
import { toEvict } from './warmth.ts';

const gib = 2 ** 30;
const runner = (name: string, usedAt: number, bytes: number, leases = 0) => ({ name, usedAt, bytes, leases });
const evicted = (runners: ReturnType<typeof runner>[], bytes: number, processesMax = 3, bytesMax = 4 * gib) =>
  toEvict(runners, bytes, { processesMax, bytesMax })?.map(({ name }) => name) ?? 'no room';

it('lets runners stay while number and memory allow it', () => {
  expect(evicted([], gib)).toEqual([]);
  expect(evicted([runner('a', 1, gib), runner('b', 2, gib)], 2 * gib)).toEqual([]);
});

it('ends the least recently used first, as many as it takes, and none in use', () => {
  const three = [runner('new', 3, gib), runner('old', 1, gib), runner('middle', 2, gib)];
  expect(evicted(three, gib)).toEqual(['old']);
  expect(evicted(three.slice(0, 2), 3 * gib)).toEqual(['old']);
  expect(evicted(three.slice(0, 2), 4 * gib)).toEqual(['old', 'new']);
  const busy = [runner('old', 1, gib, 1), runner('new', 2, gib)];
  expect(evicted(busy, 3 * gib)).toEqual(['new']);
});

it('ends nobody in vain', () => {
  expect(evicted([runner('busy', 1, 3 * gib, 2), runner('idle', 2, gib)], 2 * gib)).toBe('no room');
  expect(evicted([runner('busy', 1, 0, 1)], 0, 1)).toBe('no room');
});

it('runs one that is larger than the budget, alone', () => {
  expect(evicted([], 9 * gib)).toEqual([]);
  expect(evicted([runner('idle', 1, gib)], 9 * gib)).toEqual(['idle']);
  expect(evicted([runner('busy', 1, gib, 1)], 9 * gib)).toBe('no room');
});
