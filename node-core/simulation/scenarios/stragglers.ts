import { Broken } from '../broken.ts';
import type { Scenario } from '../scenario.ts';

/** Some providers, or the lines to them, are much slower than the others. Slow is no fault: it is hedged, and nobody is blamed. */
export const stragglers: Scenario = {
  name: 'stragglers',
  about: 'some providers are twenty to two hundred times slower, or behind a slow line',
  nodesMin: 8,
  async play(sim) {
    await sim.begin({
      providers: sim.size - 1,
      manner: (i, chance) => (i % 4 === 1 ? { itemMs: chance.pick([400, 1_000, 4_000]) } : {}),
    });
    // Others are behind a line that carries a message in a second.
    const slow = new Set(sim.providers.filter((_, i) => i % 4 === 2).map(({ peerId }) => peerId));
    sim.world.hub.setLink({
      bytesPerSecond: (from, to) => (slow.has(from.peerId) || slow.has(to.peerId) ? 2_000 : Number.POSITIVE_INFINITY),
    });
    const [client] = sim.clients;
    const job = client === undefined ? null : await sim.submit(client, { items: 40 + sim.chance.below(80) });
    if (client === undefined || job === null) return;
    const facts = await sim.ended(job);
    const tookMs = (facts?.endedElapsedMs ?? Number.POSITIVE_INFINITY) - (facts?.createdElapsedMs ?? 0);
    if (tookMs > 100_000)
      throw new Broken('stragglers', client.name, sim.now, `the job waited ${tookMs} ms for slow providers`);
    const blamed = client.subject.client.receipts.find(({ body }) => body.kind === 'bad');
    if (blamed !== undefined)
      throw new Broken('I8', client.name, sim.now, `${blamed.body.provider} was blamed for being slow`);
  },
};
