import type { Scenario } from '../scenario.ts';
import { atStep } from './walk.ts';

/**
 * Aggregator or provider crash at one step of a replica's life: the step is the seed's. With a restart or without; the
 * process alone, or the computer's power; one copy or two.
 */
export const crashWalk: Scenario = {
  name: 'crash-walk',
  about: 'aggregator and provider crash at every step of a replica’s life, with and without restart',
  nodesMin: 4,
  nodesMax: 5,
  async play(sim) {
    const { seed, world } = sim;
    const isClient = seed % 2 === 0;
    const restarts = (seed >> 1) % 2 === 0;
    const how = (seed >> 2) % 2 === 0 ? 'kill' : 'power';
    const copies = (seed >> 3) % 4 === 0 ? 1 : 2;
    const step = seed >> 2;
    await sim.begin({ providers: sim.size - 1 });
    const [client] = sim.clients;
    const [victim] = sim.providers;
    if (client === undefined || victim === undefined) return;
    // Whoever is chosen: the first provider that does something is the victim.
    const victims = isClient ? [client] : [victim];
    atStep(sim, victims, step, (node, what) => {
      sim.fault(`${node.name} crashes (${how}) as it ${what}`, () => {
        node.crash(how, true);
        if (restarts) world.time.after(500 + (seed % 7) * 3_000, () => node.start());
        else sim.gone.add(node);
      });
    });
    await sim.submit(client, {
      items: 20,
      itemsPerShard: 10,
      policy: { type: 'replicate', copies, quorum: copies, tieBreakers: 1 },
      deadlineMs: 120_000,
    });
    await sim.wait(30_000);
    // One that is gone for good may take its job with it, and nothing else.
    if (!restarts && !isClient) for (const job of sim.jobs) await sim.ended(job);
  },
};
