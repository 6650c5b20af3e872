import { Broken } from '../broken.ts';
import type { Scenario } from '../scenario.ts';

/**
 * A large job has all that the providers give. Then small ones come, of the same node and of another one: each is done while
 * the large one still has most of its work before it.
 */
export const smallAndLarge: Scenario = {
  name: 'small-and-large',
  about: 'small jobs beside a large one, of the same client and of another',
  nodesMin: 5,
  // More would only make the large job longer.
  nodesMax: 6,
  async play(sim) {
    const { chance } = sim;
    const inFlightPerClientMax = chance.pick([2, 4]);
    await sim.begin({
      clients: 2,
      providers: sim.size - 2,
      node: () => ({ config: { provider: { inFlightPerClientMax, runsMax: chance.pick([1, 1, 2]) } } }),
    });
    const [first, second] = sim.clients;
    if (first === undefined || second === undefined) return;
    const perProvider = 60;
    const large = await sim.submit(first, {
      items: perProvider * 10 * (sim.size - 2),
      deadlineMs: 7_200_000,
      mayFail: true,
    });
    await sim.wait(3_000 + 3_000 * chance.fraction());
    for (const node of [first, second]) {
      const small = await sim.submit(node, { items: 10, priority: chance.pick([5, 7, 9]) });
      if (small !== null) await sim.ended(small);
    }
    const shards = large === null ? undefined : sim.facts(large)?.shards;
    const open = shards?.filter(({ state }) => state === 'open').length ?? 0;
    if (open < (shards?.length ?? 0) / 2)
      throw new Broken(
        'fairness',
        first.name,
        sim.now,
        `the large job has ${open} shards left, and the small ones waited`,
      );
    if (large !== null) await sim.world.until(first.node.api.call('jobs.cancel', { jobId: large.jobId }));
    if (large !== null) await sim.ended(large);
  },
};
