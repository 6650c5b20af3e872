import { expect, it } from 'vitest';
import { run } from '../run.ts';
import { bars } from './index.ts';

/** Few and small: shares mean nothing here. `npm run simulate -- --bars` measures them. */
it.each(bars)('$name: $about', { timeout: 300_000 }, async (bar) => {
  const { result } = await run(bar, { seed: 2, nodes: bar.nodesMin });
  expect(result.broken).toBeNull();
  const judgements = bar.judge(result.measures);
  expect(judgements.length).toBeGreaterThan(1);
  for (const { what, measured, holds } of judgements) {
    // A ring may outvote whoever is honest; under all else nobody honest is excluded, however few the seeds are.
    const isSure = (what.startsWith('honest') && bar.name !== 'ring') || what.startsWith('checked shards');
    if (isSure) expect(holds, `${what}: ${measured}`).toBe(true);
  }
});
