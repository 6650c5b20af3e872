import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { mutants } from '../../node-core/simulation/mutants/mutants.ts';
import { calm } from '../../node-core/simulation/scenarios/calm.ts';
import { hunt, makeMutant } from './mutants.ts';
import { Pool } from './pool.ts';
import { shrink } from './shrink.ts';

const root = join(import.meta.dirname, '../..');

// `npm run simulate -- --mutants` runs all of them.
it('the simulator runs the production code: a bug in it turns a seed red, which is shrunk and told', {
  timeout: 240_000,
}, async () => {
  const mutant = mutants.find(({ name }) => name === 'ack-before-disk');
  if (mutant === undefined) throw new Error('the mutant is gone');
  const copy = makeMutant(root, mutant);
  const healthy = new Pool(root, 1);
  const broken = new Pool(copy, 1);
  try {
    const caught = await hunt(copy, mutant, 2, healthy);
    expect(caught?.message).toMatch(/^I3 broke in provider-\d+ at .* s: an acknowledgement of/);
    const task = { scenario: calm.name, seed: caught?.seed ?? 0, nodes: 8 };
    const smallest = await shrink(broken, calm, task, await broken.run(task));
    expect(smallest.nodes).toBeLessThan(8);
    const { result, timeline } = await broken.run({ ...smallest, isRecorded: true });
    expect(result.broken?.invariant).toBe('I3');
    expect(timeline.at(-1)).toContain('the end: I3 broke in provider-');
    expect(timeline.join('\n')).toMatch(/client +→ provider-\d payment\.voucher cumulativeMicro=\d+/);
  } finally {
    healthy.close();
    broken.close();
    rmSync(copy, { recursive: true, force: true });
  }
});
