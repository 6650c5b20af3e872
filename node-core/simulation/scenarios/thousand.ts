import type { Scenario } from '../scenario.ts';

const tenMinutesMs = 600_000;

/** As large as it gets: a tenth of the nodes provide, jobs come every minute from anybody, and some nodes come and go. */
export const thousand: Scenario = {
  name: 'thousand',
  about: 'ten minutes of a large network; meant for --nodes 1000',
  nodesMin: 20,
  isAlone: true,
  async play(sim) {
    const { chance } = sim;
    const providers = Math.max(4, Math.floor(sim.size / 10));
    await sim.begin({ clients: sim.size - providers, providers });
    const endMs = sim.now + tenMinutesMs;
    while (sim.now < endMs) {
      const client = chance.pick(sim.clients.filter(({ isOnline, up }) => isOnline && up));
      await sim.submit(client, { items: 100 + chance.below(400) });
      sim.fault('somebody is killed and returns', (own) => {
        const node = own.pick(sim.providers);
        if (!node.up) return;
        node.crash();
        sim.world.time.after(5_000 + own.fraction() * 60_000, () => node.start());
      });
      await sim.wait(60_000);
    }
  },
};
