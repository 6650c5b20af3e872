import { Broken } from '../broken.ts';
import type { Scenario } from '../scenario.ts';

/**
 * Answers are vectors that are equal within a tolerance: no two honest ones have the same bytes, some lie just outside now and
 * then as the template states, and some executors give other vectors. Under two copies and a tie-breaker no answer is wrong;
 * by single copies who cheats is found out; nobody honest is excluded or blamed, and no receipt is written,
 * since hashes of near numbers prove nothing.
 */
export const numeric: Scenario = {
  name: 'numeric',
  about: 'answers are numbers, equal within a tolerance: all honest ones are noisy, and some executors cheat',
  nodesMin: 6,
  // With more, only the start takes longer.
  nodesMax: 6,
  async play(sim) {
    const { chance, world } = sim;
    const isCheat = (i: number): boolean => i % 5 === 2;
    await sim.begin({
      providers: sim.size - 1,
      manner: (i, own) => ({
        vectors: true,
        disagreement: 0.005,
        cheat: isCheat(i) ? { share: own.pick([0.3, 1]), label: 'another vector' } : null,
      }),
      node: (name) => (name === 'client' ? { manner: { vectors: true } } : {}),
    });
    const [client] = sim.clients;
    if (client === undefined) return;
    const vectors = { template: 'vectors', mayFail: true } as const;
    await sim.submit(client, {
      ...vectors,
      items: 20 + chance.below(30),
      policy: { type: 'replicate', copies: 2, quorum: 2, tieBreakers: 2 },
    });
    for (const job of sim.jobs) await sim.ended(job);
    for (const job of sim.jobs) {
      const wrong = sim.wrongIn(job);
      if (wrong > 0)
        throw new Broken(
          'I10',
          client.name,
          sim.now,
          `${wrong} accepted vectors are outside the tolerance of the right one`,
        );
    }
    await sim.submit(client, {
      ...vectors,
      items: 30 + chance.below(30),
      policy: chance.pick([
        { type: 'adaptive', streak: 3 },
        { type: 'sample', ratePpm: 300_000 },
      ] as const),
    });
    for (const job of sim.jobs) await sim.ended(job);
    const cheaters = new Set(sim.providers.filter((_, i) => isCheat(i)).map(({ peerId }) => peerId));
    const { everExcluded, receipts, checks } = client.subject.client;
    for (const peer of everExcluded) {
      if (!cheaters.has(peer))
        throw new Broken('I8', client.name, sim.now, `${world.nameOf(peer)} is excluded, and honest`);
    }
    if (receipts.some(({ body }) => body.kind === 'bad'))
      throw new Broken('I8', client.name, sim.now, 'a bad receipt names hashes of numbers that may be near each other');
    for (const peer of cheaters) {
      sim.measure('cheaters', 1);
      sim.measure('checks of cheaters', checks.get(peer) ?? 0);
      if (everExcluded.has(peer)) sim.measure('cheaters excluded', 1);
    }
  },
};
