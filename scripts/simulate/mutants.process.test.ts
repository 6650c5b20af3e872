import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { mutants } from '../../node-core/simulation/mutants/mutants.ts';
import { hunt, makeMutant } from './mutants.ts';
import { Pool } from './pool.ts';

const root = join(import.meta.dirname, '../..');

// `npm run simulate -- --mutants` runs all of them.
it('the simulator runs the production code: a bug in it turns a seed red', { timeout: 120_000 }, async () => {
  const mutant = mutants.find(({ name }) => name === 'ack-before-disk');
  if (mutant === undefined) throw new Error('the mutant is gone');
  const copy = makeMutant(root, mutant);
  const healthy = new Pool(root, 1);
  try {
    const caught = await hunt(copy, mutant, 2, healthy);
    expect(caught?.message).toMatch(/^I3 broke in provider-\d+ at .* s: an acknowledgement of/);
  } finally {
    healthy.close();
    rmSync(copy, { recursive: true, force: true });
  }
});
