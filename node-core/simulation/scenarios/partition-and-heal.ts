import type { Scenario } from '../scenario.ts';

/** The network falls apart while jobs run, once or several times, for longer or shorter than leases live. */
export const partitionAndHeal: Scenario = {
  name: 'partition-and-heal',
  about: 'the network falls into parts and heals, while jobs run',
  nodesMin: 6,
  async play(sim) {
    const { chance, world } = sim;
    await sim.begin({
      clients: 2,
      providers: sim.size - 2,
      link: { onPartition: chance.pick(['stall', 'break'] as const) },
    });
    for (const client of sim.clients) await sim.submit(client, { items: 30 + chance.below(60) });
    for (let i = 0; i < 1 + chance.below(3); i++) {
      await sim.wait(chance.fraction() * 2_000);
      sim.fault('a partition', (own) => {
        const away = world.nodes.filter(() => own.happens(0.5)).map(({ peerId }) => peerId);
        world.hub.partition([away]);
      });
      await sim.wait(chance.pick([500, 4_000, 20_000, 100_000]) * (0.5 + chance.fraction()));
      world.hub.heal();
    }
    for (const client of sim.clients) await sim.submit(client, { items: 20 });
  },
};
