import type { Scenario } from '../scenario.ts';

/** Nothing goes wrong. Everything must be done, paid once, and agree; then everybody stops in order. */
export const calm: Scenario = {
  name: 'calm',
  about: 'nothing goes wrong',
  nodesMin: 4,
  async play(sim) {
    await sim.begin({ clients: sim.size > 8 ? 2 : 1, providers: sim.size - (sim.size > 8 ? 2 : 1) });
    for (const client of sim.clients) await sim.submit(client, { items: 20 + sim.chance.below(90) });
    for (const job of sim.jobs) await sim.ended(job);
    // One that is at home everywhere: it provides as well, and works for itself where it must.
    await sim.submit(sim.chance.pick(sim.providers), { items: 30 });
    for (const job of sim.jobs) await sim.ended(job);
    await sim.wait(sim.chance.pick([0, 200, 5_000]));
    // Some return at the end, and find everything as it was.
    for (const node of sim.world.nodes) {
      await node.stop();
      if (node !== sim.world.nodes[0] && !sim.jobs.some((job) => job.node === node) && sim.chance.happens(0.7))
        sim.gone.add(node);
    }
  },
};
