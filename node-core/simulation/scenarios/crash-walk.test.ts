import { expect, it } from 'vitest';
import { Simulation } from '../simulation.ts';
import { crashWalk } from './crash-walk.ts';
import { walkLength, walkNodes, walkSteps } from './walk.ts';

/** In the shortest life of all seeds, two copies of one shard are through after so many. */
const walkedMin = { client: 55, provider: 26 };

/** What a seed is meant to do, and whether it came to that step. The crash itself is left out. */
async function walk(seed: number): Promise<{ side: 'client' | 'provider'; step: number; isReached: boolean }> {
  const sim = new Simulation({ seed, nodes: walkNodes, without: new Set([0]) });
  await crashWalk.play(sim);
  const place = Math.floor(seed / 2) % walkLength;
  const isReached = sim.faultCount === 1;
  if (place < walkSteps.client) return { side: 'client', step: place, isReached };
  return { side: 'provider', step: place - walkSteps.client, isReached };
}

it('each step of client and provider is once a crash with restart and once without', { timeout: 240_000 }, async () => {
  const reached = { client: new Map<number, number>(), provider: new Map<number, number>() };
  let missed = 0;
  for (let seed = 1; seed <= 2 * walkLength; seed++) {
    const { side, step, isReached } = await walk(seed);
    if (isReached) reached[side].set(step, (reached[side].get(step) ?? 0) + 1);
    else missed++;
  }
  for (const side of ['client', 'provider'] as const) {
    const steps = Array.from({ length: walkedMin[side] }, (_, step) => step);
    expect(steps.filter((step) => reached[side].get(step) !== 2)).toEqual([]);
  }
  // Those that a life of another seed has, or none.
  expect(missed).toBeLessThanOrEqual(2 * (walkLength - walkedMin.client - walkedMin.provider));
});
