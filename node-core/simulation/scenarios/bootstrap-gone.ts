import type { Scenario } from '../scenario.ts';

/** The node by which all joined goes away: the network lives on, nodes return to it, and a stranger joins by any other. */
export const bootstrapGone: Scenario = {
  name: 'bootstrap-gone',
  about: 'the bootstrap node goes away for good, or returns',
  nodesMin: 7,
  async play(sim) {
    const { chance, world } = sim;
    // The first node of the world is the way in; as a provider that no job needs.
    const bootstrap = world.add({ name: 'bootstrap', provider: chance.happens(0.5) });
    await sim.begin({ clients: 1, providers: sim.size - 2 });
    const [client] = sim.clients;
    if (client === undefined) return;
    await sim.submit(client, { items: 60 });
    sim.fault('the bootstrap node goes away', (own) => {
      bootstrap.crash(own.pick(['kill', 'power'] as const));
      sim.gone.add(bootstrap);
    });
    await sim.wait(chance.fraction() * 3_000);
    sim.fault('a provider returns while the bootstrap node is away', (own) => {
      const provider = own.pick(sim.providers);
      provider.crash();
      world.time.after(1_000 + own.fraction() * 5_000, () => provider.start());
    });
    const late = world.add({ name: 'late', bootstrap: [world.hub.addressOf((sim.providers[0] ?? client).peerId)] });
    late.start();
    await sim.wait(20_000);
    await sim.submit(late, { items: 30 });
    if (chance.happens(0.5)) {
      sim.gone.delete(bootstrap);
      bootstrap.start();
    }
    for (const job of sim.jobs) await sim.ended(job);
  },
};
