import type { JobSpecInput } from '../../protocol/index.ts';
import type { Scenario } from '../scenario.ts';
import { atPlace, walkCast, walkJob, walkLength, walkNodes } from './walk.ts';

/**
 * Aggregator or provider crash at one step of a replica's life, with the even seeds they come back, with the odd ones not.
 * The step is the seed's: the first two walks are one run per step of each, with two copies. In the seeds after them chance
 * also says whether there are one or two copies, or one that another provider checks. Always it says whether the process
 * alone is gone or the computer's power.
 */
export const crashWalk: Scenario = {
  name: 'crash-walk',
  about: 'aggregator and provider crash at every step of a replica’s life, with and without restart',
  nodesMin: 4,
  nodesMax: walkNodes,
  // Each step with two copies, with and without restart; then others.
  seedsMin: 3 * walkLength,
  async play(sim) {
    const { chance, seed, world } = sim;
    await sim.begin(walkCast(sim.size));
    const [client] = sim.clients;
    if (client === undefined) return;
    const restarts = seed % 2 === 0;
    const how = chance.pick(['kill', 'power'] as const);
    const other = chance.pick([1, 2, 'sample', 'adaptive'] as const);
    const policy = seed <= 2 * walkLength ? 2 : other;
    const awayMs = 500 + chance.below(7) * 3_000;
    const who = atPlace(sim, Math.floor(seed / 2), (node, what) => {
      sim.fault(`${node.name} crashes (${how}) as it ${what}`, () => {
        node.crash(how, true);
        if (restarts) world.time.after(awayMs, () => node.start());
        else sim.gone.add(node);
      });
    });
    await sim.submit(client, { ...walkJob, policy: policyOf(policy) });
    await sim.wait(30_000);
    // One that is gone for good may take its job with it, and nothing else.
    if (!restarts && who === 'provider') for (const job of sim.jobs) await sim.ended(job);
  },
};

/** Where answers are checked singly, this one always is: nobody has a streak, and every answer is drawn. */
function policyOf(copies: 1 | 2 | 'sample' | 'adaptive'): JobSpecInput['policy'] {
  switch (copies) {
    case 'sample':
      return { type: 'sample', ratePpm: 1_000_000, tieBreakers: 1 };
    case 'adaptive':
      return { type: 'adaptive', tieBreakers: 1 };
    default:
      return { type: 'replicate', copies, quorum: copies, tieBreakers: 1 };
  }
}
