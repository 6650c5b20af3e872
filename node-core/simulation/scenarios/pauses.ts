import { Broken } from '../broken.ts';
import type { Scenario } from '../scenario.ts';

/** Owners pause their computers and let them go on, for shorter and for longer than a lease. Nobody is blamed for it. */
export const pauses: Scenario = {
  name: 'pauses',
  about: 'owners pause their computers in the middle of work, some for longer than the lease',
  nodesMin: 5,
  async play(sim) {
    const { chance } = sim;
    await sim.begin({
      node: (name) => (name === 'client' ? { manner: { stories: true } } : {}),
      providers: sim.size - 1,
      manner: (_, own) => ({ itemMs: own.pick([200, 1_000]), stories: true, tokenMs: own.pick([100, 400]) }),
    });
    const [client] = sim.clients;
    if (client === undefined) return;
    const jobs = [
      await sim.submit(client, { items: 40 + chance.below(60) }),
      await sim.submit(client, {
        items: 10 + chance.below(10),
        stream: true,
        policy: { type: 'replicate', copies: 1, quorum: 1 },
      }),
    ];
    for (let i = 0; i < 6; i++) {
      await sim.wait(chance.fraction() * 3_000);
      const owner = chance.pick(sim.providers);
      const ms = chance.pick([300, 4_000, 15_000, 40_000]);
      const twice = chance.happens(0.2);
      sim.fault(`${owner.name} is paused for ${ms} ms`, () => {
        const say = (paused: boolean): void => {
          if (owner.up) owner.node.api.call('provider.pause', { paused }).catch(() => undefined);
        };
        say(true);
        sim.world.time.after(ms, () => say(false));
        // Killed in its pause, it is still paused afterwards, and has given up what it had.
        if (twice) {
          sim.world.time.after(500, () => owner.crash());
          sim.world.time.after(2_500, () => owner.start());
        }
      });
    }
    for (const job of jobs) if (job !== null) await sim.ended(job);
    await sim.wait(60_000);
    for (const provider of sim.providers)
      if (provider.up) await sim.world.until(provider.node.api.call('provider.pause', { paused: false }));
    const blamed = client.subject.client.receipts.find(({ body }) => body.kind === 'bad');
    if (blamed !== undefined)
      throw new Broken('I8', client.name, sim.now, `${blamed.body.provider} was blamed for being paused`);
  },
};
