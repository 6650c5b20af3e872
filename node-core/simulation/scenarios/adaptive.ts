import { Broken } from '../broken.ts';
import type { Scenario } from '../scenario.ts';

/**
 * One copy of each shard, checked the less often the better its provider has done. Some cheat from the first answer, all differ
 * now and then as honest ones do: who cheats is found out and gets no more work, and nobody else is excluded.
 */
export const adaptive: Scenario = {
  name: 'adaptive',
  about: 'single copies are checked by adaptive sampling, some executors cheat, and some clients have spending caps',
  nodesMin: 8,
  // With more, nobody comes to have a streak.
  nodesMax: 12,
  async play(sim) {
    const { chance, world } = sim;
    // So little that some jobs end for it.
    const caps = chance.pick([{}, {}, { dayMicroMax: '90000' }, { peerDayMicroMax: '12000' }]);
    const isCheat = (i: number): boolean => i % 7 === 3;
    await sim.begin({
      providers: sim.size - 1,
      manner: (i, own) => ({
        disagreement: 0.005,
        cheat: isCheat(i) ? { share: own.pick([0.3, 1]), label: `cheat ${i}` } : null,
      }),
      node: (name) => (name === 'client' ? { config: { spending: caps } } : {}),
    });
    const [client] = sim.clients;
    if (client === undefined) return;
    const policy = chance.pick([
      { type: 'adaptive', streak: 3 },
      { type: 'adaptive', floorPpm: 200_000 },
      { type: 'sample', ratePpm: 300_000 },
    ] as const);
    for (let i = 0; i < 3; i++) {
      await sim.submit(client, { items: 60 + chance.below(80), policy, mayFail: true });
      for (const job of sim.jobs) await sim.ended(job);
    }
    const cheaters = new Set(sim.providers.filter((_, i) => isCheat(i)).map(({ peerId }) => peerId));
    for (const peer of client.subject.client.excluded) {
      if (!cheaters.has(peer)) {
        throw new Broken('I8', client.name, sim.now, `${world.nameOf(peer)} is excluded, and honest`);
      }
    }
  },
};
