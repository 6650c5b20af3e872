import { Broken } from '../broken.ts';
import type { Scenario } from '../scenario.ts';

const hourMs = 3_600_000;

/**
 * One person comes with ever new identities, takes what a newcomer is granted and never pays: by going away with the
 * results, by leaving committed work alone, or by a voucher for the first shard only. In any hour the loss is below the
 * provider's cap for strangers; who has paid there before is served as ever, and newcomers again when the hour is over.
 */
export const sybilClients: Scenario = {
  name: 'sybil-clients',
  about: 'many new identities take work and never pay; the loss stays under the cap for strangers',
  nodesMin: 4,
  nodesMax: 6,
  async play(sim) {
    const { chance, world } = sim;
    const capMicro = chance.pick([12_000n, 30_000n]);
    await sim.begin({
      clients: 2,
      providers: sim.size - 2,
      // Most of the run is an hour in which nothing happens but heartbeats.
      node: () => ({
        config: {
          directory: { heartbeatMs: 60_000, goneMs: 100_000 },
          provider: { strangersPerHourMicro: String(capMicro) },
        },
      }),
    });
    const [victim] = sim.providers;
    const [known, newcomer] = sim.clients;
    if (victim === undefined || known === undefined || newcomer === undefined) return;
    const first = await sim.submit(known, { items: 40 });
    if (first !== null) await sim.ended(first);

    let lostMicro = 0n;
    let identities = 0;
    let retryAfterMs = 0;
    while (retryAfterMs === 0 && identities < 200) {
      const sybil = sim.speaker(`sybil-${identities++}`);
      await sim.wait(200);
      const isIdle = chance.happens(0.3);
      for (let attempt = 1; attempt <= 10; attempt++) {
        const taken = await sim.steal(sybil, victim, { reveal: isIdle ? 'never' : 'on-request', attempt });
        if (taken === null) break;
        lostMicro += taken.priceMicro;
      }
      retryAfterMs = sim.retryAfterMs(sybil);
      if (lostMicro > capMicro) throw new Broken('I3', victim.name, sim.now, `sybils took ${lostMicro} of ${capMicro}`);
    }
    sim.stolenMicro += lostMicro;
    world.timeline.note('world', `${identities} identities took ${lostMicro} of ${capMicro}`);
    if (retryAfterMs === 0)
      throw new Broken('I3', victim.name, sim.now, `${identities} identities were served, and no end was in sight`);
    if (lostMicro * 2n < capMicro)
      throw new Broken('I3', victim.name, sim.now, `only ${lostMicro} of ${capMicro} were granted to strangers`);

    // Who has settled something here is not among the strangers.
    const again = await sim.submit(known, { items: 40 });
    if (again !== null) await sim.ended(again);
    if (retryAfterMs > hourMs + 120_000)
      throw new Broken('I7', victim.name, sim.now, `newcomers are to come back in ${retryAfterMs} ms`);
    // When it said, it takes newcomers again.
    await sim.wait(retryAfterMs);
    const late = sim.speaker('late-newcomer');
    await sim.wait(200);
    if ((await sim.steal(late, victim, { reveal: 'on-request', attempt: 1 })) === null)
      throw new Broken('I6', victim.name, sim.now, 'a newcomer that came back as it was told was not served');
    await sim.submit(newcomer, { items: 20 });
    for (const job of sim.jobs) await sim.ended(job);
  },
};
