import { Broken } from '../broken.ts';
import type { Scenario } from '../scenario.ts';

/**
 * Clients take results and never pay: one just goes away, one says that the results were bad, one cancels what is
 * committed, one gives no verdict, and three flood the queue at once. Each gets no more out of a provider than its credit
 * limit, however long it tries.
 */
export const clientNeverPays: Scenario = {
  name: 'client-never-pays',
  about: 'clients take results and never pay, with or without a lie about the verdict',
  nodesMin: 4,
  nodesMax: 12,
  async play(sim) {
    const { chance, world } = sim;
    await sim.begin({
      providers: sim.size - 1,
      node: () => ({ config: { provider: { queueMax: 6, inFlightPerClientMax: 4 } } }),
    });
    const victim = sim.providers[0];
    if (victim === undefined) return;
    const limitMicro = BigInt(victim.config.provider.creditLimitMicro);
    const flooders = [0, 1, 2].map((i) => sim.speaker(`flooder-${i}`));
    await sim.wait(500);
    await sim.flood(flooders, victim, 7);
    await sim.wait(60_000);
    for (const excuse of ['nothing', 'rejected', 'undecided', 'superseded', 'cancel'] as const) {
      const thief = sim.speaker(`thief-${excuse}`);
      const reveal = chance.pick(['with-commit', 'on-request'] as const);
      await sim.wait(500);
      let takenMicro = 0n;
      for (let i = 0; i < 24; i++) {
        const result = await sim.steal(thief, victim, { reveal, attempt: i + 1 });
        if (result === null) continue;
        takenMicro += result.priceMicro;
        if (excuse === 'cancel')
          await thief.tell(victim.peerId, { type: 'shard.cancel', body: { replicaId: result.replicaId, reason: '' } });
        else if (excuse !== 'nothing') await thief.tell(victim.peerId, thief.verdict(result.replicaId, excuse));
        await sim.wait(100);
        if (takenMicro > limitMicro) {
          throw new Broken(
            'I3',
            victim.name,
            sim.now,
            `${thief.name} got results for ${takenMicro} and paid nothing; the limit is ${limitMicro}`,
          );
        }
      }
      sim.stolenMicro += takenMicro;
      // What was taken before must still count after the work was forgotten.
      if (chance.happens(0.2)) await sim.wait(90_000);
    }
    // Honest clients are served as before.
    await sim.submit(sim.anyClient, { items: 20 });
    for (const job of sim.jobs) await sim.ended(job);
    world.timeline.note('world', `stolen: ${sim.stolenMicro}`);
  },
};
