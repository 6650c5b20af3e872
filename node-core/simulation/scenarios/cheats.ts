import { Broken } from '../broken.ts';
import type { Scenario } from '../scenario.ts';

/**
 * Some executors answer wrongly on purpose, all differ now and then as honest ones do, and some runs fail. Answers are right,
 * who cheats is not paid for it, and who is honest is not blamed. Some jobs have no budget for a third opinion.
 */
export const cheats: Scenario = {
  name: 'cheats',
  about: 'executors cheat, fail, and differ honestly at the stated rate',
  nodesMin: 7,
  async play(sim) {
    const { chance, world } = sim;
    const isCheat = (i: number): boolean => i % 5 === 2;
    await sim.begin({
      providers: sim.size - 1,
      manner: (i, own) => ({
        disagreement: 0.005,
        failure: own.pick([0, 0, 0.1]),
        cheat: isCheat(i) ? { share: own.pick([0.3, 1]), label: `cheat ${i}` } : null,
      }),
    });
    const [client] = sim.clients;
    if (client === undefined) return;
    await sim.submit(client, {
      items: 40 + chance.below(80),
      policy: { type: 'replicate', copies: 2, quorum: 2, tieBreakers: 2 },
      mayFail: true,
    });
    // Two copies of four shards at 2,000, and nothing besides.
    await sim.submit(client, { items: 40, budgetMicro: '16000', mayFail: true });
    await sim.submit(client, {
      items: 30,
      policy: { type: 'replicate', copies: 3, quorum: 2, tieBreakers: 1 },
      mayFail: true,
    });
    for (const job of sim.jobs) await sim.ended(job);
    const cheaters = new Set(sim.providers.filter((_, i) => isCheat(i)).map(({ peerId }) => peerId));
    for (const { body } of client.subject.client.receipts) {
      if (body.kind === 'bad' && !cheaters.has(body.provider)) {
        throw new Broken(
          'I8',
          client.name,
          sim.now,
          `${world.nameOf(body.provider)} is blamed for ${body.itemsWrong} items, and honest`,
        );
      }
    }
  },
};
