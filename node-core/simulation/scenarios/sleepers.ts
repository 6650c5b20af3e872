import type { Scenario } from '../scenario.ts';

/**
 * Providers that are honest until they are trusted, and then cheat. The first bad check is followed by another look at what was
 * accepted unchecked since the last good one; what is found wrong there is replaced.
 */
export const sleepers: Scenario = {
  name: 'sleepers',
  about: 'providers cheat when they are trusted; their unchecked answers are looked at again',
  nodesMin: 8,
  // With more, nobody comes to have the answers after which it sleeps no longer.
  nodesMax: 10,
  async play(sim) {
    const { chance } = sim;
    const afterItems = 30 + chance.below(60);
    await sim.begin({
      providers: sim.size - 1,
      manner: (i) => ({ cheat: i % 4 === 1 ? { share: 1, label: `cheat ${i}`, afterItems } : null }),
    });
    const [client] = sim.clients;
    if (client === undefined) return;
    const policy = { type: 'adaptive', streak: 3, floorPpm: 100_000 } as const;
    for (let i = 0; i < 2; i++) await sim.submit(client, { items: 250, policy, mayFail: true });
    for (const job of sim.jobs) await sim.ended(job);
    // Nodes may die between a bad check and what follows from it.
    sim.fault('the client is killed while answers are checked again', () => client.crash());
    await sim.wait(2_000);
    if (!client.up) client.start();
    await sim.wait(10_000);
    await sim.submit(client, { items: 120, policy, mayFail: true });
    for (const job of sim.jobs) await sim.ended(job);
  },
};
