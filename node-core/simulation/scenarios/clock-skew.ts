import type { Scenario } from '../scenario.ts';

/** Clocks are off by up to the two minutes that the protocol forgives, and one by an hour: that one is left out. */
export const clockSkew: Scenario = {
  name: 'clock-skew',
  about: 'clocks are off by minutes, one of them by an hour',
  nodesMin: 7,
  async play(sim) {
    await sim.begin({
      providers: sim.size - 1,
      node: (name, chance) => ({
        skewMs:
          name === 'provider-0' ? chance.pick([-1, 1]) * 3_600_000 : Math.round((chance.fraction() - 0.5) * 119_000),
      }),
    });
    for (let i = 0; i < 2; i++)
      await sim.submit(sim.anyClient, { items: 30 + sim.chance.below(60), deadlineMs: 120_000 });
    sim.fault('a provider with a wrong clock is killed and returns', (own) => {
      const node = own.pick(sim.providers);
      node.crash();
      sim.world.time.after(3_000, () => node.start());
    });
    for (const job of sim.jobs) await sim.ended(job);
  },
};
