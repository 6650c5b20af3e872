import { Broken } from '../broken.ts';
import type { Scenario } from '../scenario.ts';

/**
 * Stories, of which single answers are checked by their tokens. Some providers tell them with another model, and some call every
 * answer that they check wrong. Answers that are called checked are right, nobody honest is excluded, and who has the other model
 * is.
 */
export const tokenChecks: Scenario = {
  name: 'token-checks',
  about: 'tokens of single answers are checked; some providers have another model, some slander',
  nodesMin: 9,
  async play(sim) {
    const { chance, world } = sim;
    const isOther = (i: number): boolean => i % 6 === 1;
    await sim.begin({
      providers: sim.size - 1,
      manner: (i, own) => ({
        stories: true,
        otherTokens: isOther(i) ? own.pick([0.1, 0.5]) : 0,
        slanders: i % 9 === 4,
      }),
      node: (name) => (name === 'client' ? { manner: { stories: true } } : {}),
    });
    const [client] = sim.clients;
    if (client === undefined) return;
    const policy = chance.pick([
      { type: 'adaptive', streak: 3 },
      { type: 'sample', ratePpm: 500_000 },
    ] as const);
    for (let i = 0; i < 3; i++) {
      const itemsPerShard = chance.pick([1, 4, 10]);
      await sim.submit(client, {
        template: 'stories',
        items: itemsPerShard * 25,
        itemsPerShard,
        policy,
        mayFail: true,
      });
      for (const job of sim.jobs) await sim.ended(job);
    }
    const others = new Set(sim.providers.filter((_, i) => isOther(i)).map(({ peerId }) => peerId));
    for (const peer of client.subject.client.excluded) {
      if (!others.has(peer)) {
        throw new Broken('I8', client.name, sim.now, `${world.nameOf(peer)} is excluded, and has the right model`);
      }
    }
  },
};
