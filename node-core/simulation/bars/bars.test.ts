import { expect, it } from 'vitest';
import { run } from '../run.ts';
import { bars } from './index.ts';

/** Few and small: shares mean nothing here. `npm run simulate -- --bars` measures them. */
it.each(bars)('$name: $about', { timeout: 120_000 }, async (bar) => {
  const { result } = await run(bar, { seed: 2, nodes: bar.nodesMin });
  expect(result.broken).toBeNull();
  const judgements = bar.judge(result.measures);
  expect(judgements.length).toBeGreaterThan(1);
  for (const { what, measured, holds } of judgements) {
    expect(measured, what).not.toContain('NaN');
    if (what.startsWith('honest') || what.startsWith('checked shards'))
      expect(holds, `${what}: ${measured}`).toBe(true);
  }
});
