import { Broken } from '../broken.ts';
import type { Scenario } from '../scenario.ts';

/** Providers run out: all go away while a job runs. It ends at its deadline, with what it has and the reason. */
export const starved: Scenario = {
  name: 'starved',
  about: 'all providers go away for good while a job runs',
  nodesMin: 4,
  // More would only go away, too.
  nodesMax: 12,
  async play(sim) {
    const { chance } = sim;
    await sim.begin({ providers: sim.size - 1 });
    const [client] = sim.clients;
    if (client === undefined) return;
    const job = await sim.submit(client, { items: 100 + chance.below(100), deadlineMs: 60_000, mayFail: true });
    await sim.wait(chance.fraction() * 4_000);
    for (const provider of sim.providers) {
      sim.fault(`${provider.name} goes away`, (own) => {
        provider.crash(own.pick(['kill', 'power'] as const));
        sim.gone.add(provider);
      });
    }
    const facts = job === null ? undefined : await sim.ended(job, 300_000);
    if (facts?.endedElapsedMs === null)
      throw new Broken('I6', client.name, sim.now, `job ${facts.jobId} has not ended, and nobody can run it`);
  },
};
