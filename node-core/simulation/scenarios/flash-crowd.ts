import type { Scenario } from '../scenario.ts';

/** Half of all nodes are clients, and all submit in the same moment. Queues stay bounded, and everybody is served. */
export const flashCrowd: Scenario = {
  name: 'flash-crowd',
  about: 'many clients submit at once to few providers',
  nodesMin: 8,
  async play(sim) {
    const clients = Math.floor(sim.size / 2);
    await sim.begin({
      clients,
      providers: sim.size - clients,
      node: () => ({ config: { provider: { queueMax: 12, inFlightPerClientMax: 3 } } }),
    });
    await sim.submitAll(sim.clients, () => ({ items: 10 + sim.chance.below(20), deadlineMs: 900_000 }));
    for (const job of sim.jobs) await sim.ended(job);
  },
};
