import type { Scenario } from '../scenario.ts';

/**
 * Whatever can come twice comes twice: gossip and answers of the DHT are lost, repeated and reordered, and channels break
 * all the time, so that everything is sent again over new ones.
 */
export const duplicates: Scenario = {
  name: 'duplicates',
  about: 'gossip and DHT answers are lost, repeated and late; channels break and everything is sent again',
  nodesMin: 6,
  async play(sim) {
    const { chance, world } = sim;
    const heard = new Set<string>();
    world.onHeard = (by, from, { type, body }) => {
      const what = `${by} ${from} ${type} ${JSON.stringify(body)}`;
      if (heard.has(what)) sim.measure(`twice ${type}`, 1);
      heard.add(what);
    };
    const faults = { loss: 0.1, duplicate: 0.5, reorder: 0.3 };
    await sim.begin({
      clients: 2,
      providers: sim.size - 2,
      link: { gossip: faults, answers: faults, staleAnswer: 0.2 },
    });
    for (const client of sim.clients) await sim.submit(client, { items: 20 + chance.below(60) });
    for (let i = 0; i < 25; i++) {
      await sim.wait(chance.fraction() * 150);
      sim.fault('channels break', (own) => {
        const client = own.pick(sim.clients);
        for (const provider of sim.providers) {
          if (own.happens(0.4)) world.hub.breakChannels(client.peerId, provider.peerId);
        }
      });
    }
    for (const job of sim.jobs) await sim.ended(job);
  },
};
