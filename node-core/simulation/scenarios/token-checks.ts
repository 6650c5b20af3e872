import { Broken } from '../broken.ts';
import type { Scenario } from '../scenario.ts';

/** Until all bad checkers are found: they come to check by chance. */
const jobsMax = 8;
/** Wrong verdicts of a checker until it is excluded. */
const verdictsMax = 12;

/**
 * Stories, of which single answers are checked by their tokens. Some providers tell them with another model, some call every
 * answer that they check wrong, and some call it right without a look. Answers that are called checked are right, nobody honest is
 * excluded, and who has the other model, slanders or does not look is.
 */
export const tokenChecks: Scenario = {
  name: 'token-checks',
  about:
    'tokens of single answers are checked; some providers have another model, some checkers slander, some do not look',
  nodesMin: 9,
  // With more, nobody is checked often enough to be found out.
  nodesMax: 9,
  async play(sim) {
    const { chance, world } = sim;
    const isOther = (i: number): boolean => i % 6 === 1;
    const isSlanderer = (i: number): boolean => i % 9 === 4;
    const isNodder = (i: number): boolean => i % 9 === 2;
    await sim.begin({
      providers: sim.size - 1,
      manner: (i, own) => ({
        stories: true,
        otherTokens: isOther(i) ? own.pick([0.1, 0.5]) : 0,
        slanders: isSlanderer(i),
        nods: isNodder(i),
      }),
      node: (name) => (name === 'client' ? { manner: { stories: true } } : {}),
    });
    const [client] = sim.clients;
    if (client === undefined) return;
    const policy = chance.pick([
      { type: 'adaptive', streak: 3 },
      { type: 'sample', ratePpm: 500_000 },
    ] as const);
    const areFound = (): boolean =>
      sim.providers.every(
        ({ peerId }, i) => !(isSlanderer(i) || isNodder(i)) || client.subject.client.everExcluded.has(peerId),
      );
    for (let i = 0; i < 3 || (i < jobsMax && !areFound()); i++) {
      const itemsPerShard = chance.pick([1, 4, 10]);
      await sim.submit(client, {
        template: 'stories',
        items: itemsPerShard * 13,
        itemsPerShard,
        policy,
        mayFail: true,
      });
      for (const job of sim.jobs) await sim.ended(job);
    }
    const isGuilty = (i: number): boolean => isOther(i) || isSlanderer(i) || isNodder(i);
    const guilty = new Set(sim.providers.filter((_, i) => isGuilty(i)).map(({ peerId }) => peerId));
    for (const peer of client.subject.client.excluded) {
      if (!guilty.has(peer)) {
        throw new Broken(
          'I8',
          client.name,
          sim.now,
          `${world.nameOf(peer)} is excluded, has the right model and says what it sees`,
        );
      }
    }
    for (const [i, { name, peerId }] of sim.providers.entries()) {
      // For a while is enough: when one who outvoted it is excluded in turn, the doubt about it goes (decision 17).
      const { everExcluded, wrongVerdicts } = client.subject.client;
      if (!isSlanderer(i) && !isNodder(i)) continue;
      sim.measure('bad checkers', 1);
      if (everExcluded.has(peerId)) sim.measure('bad checkers excluded', 1);
      else if ((wrongVerdicts.get(peerId) ?? 0) >= verdictsMax)
        throw new Broken('I8', client.name, sim.now, `${name} checks badly, and is not excluded`);
    }
  },
};
