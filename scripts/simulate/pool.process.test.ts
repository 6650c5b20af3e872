import { join } from 'node:path';
import { expect, it } from 'vitest';
import { Pool } from './pool.ts';

const root = join(import.meta.dirname, '../..');

it('a seed is the same run in two processes, whatever else ran there before', { timeout: 240_000 }, async () => {
  const [one, other] = [new Pool(root, 1), new Pool(root, 1)];
  try {
    await other.run({ scenario: 'calm', seed: 1, nodes: 8 });
    const task = { scenario: 'streaming', seed: 5, nodes: 8, isRecorded: true };
    const first = await one.run(task);
    const again = await other.run(task);
    expect(first.result.broken).toBeNull();
    expect(first.timeline.length).toBeGreaterThan(100);
    expect(again.timeline).toEqual(first.timeline);
    expect(again.result).toEqual(first.result);
  } finally {
    one.close();
    other.close();
  }
});
