import { Broken } from '../broken.ts';
import type { Scenario } from '../scenario.ts';

const policies = [
  { type: 'replicate', copies: 1, quorum: 1, tieBreakers: 0 },
  { type: 'replicate', copies: 2, quorum: 2, tieBreakers: 1 },
  { type: 'sample', ratePpm: 300_000 },
] as const;

/**
 * Answers are shown while they are made. Meanwhile providers die, channels break, owners stop answers, and one provider shows
 * another text than it commits to: what stands on the screen is what was accepted, and only the liar is blamed.
 */
export const streaming: Scenario = {
  name: 'streaming',
  about: 'tokens as they come: dying providers, broken channels, stops, a provider with two faces',
  nodesMin: 6,
  nodesMax: 12,
  async play(sim) {
    const { chance, world } = sim;
    // A slow line holds no more than a few pieces.
    const link = chance.pick([{}, { windowBytes: 4_096, bytesPerSecond: () => 20_000 }]);
    await sim.begin({
      providers: sim.size - 1,
      manner: (i) => ({ stories: true, tokenMs: 20 + chance.below(150), twoFaced: i === 1 ? 0.5 : 0 }),
      node: (name) => (name === 'client' ? { manner: { stories: true } } : {}),
      link,
    });
    const [client] = sim.clients;
    const [, liar] = sim.providers;
    if (client === undefined || liar === undefined) return;
    for (let i = 0; i < 6; i++) {
      const policy = chance.pick(policies);
      const items = 1 + chance.below(6);
      const job = await sim.submit(client, {
        stream: true,
        items,
        itemsPerShard: 1 + chance.below(3),
        policy,
        mayFail: true,
      });
      await sim.wait(chance.fraction() * 2_000);
      const provider = chance.pick(sim.providers);
      const kind = chance.below(4);
      if (kind === 0) {
        sim.fault(`${provider.name} is killed`, () => {
          if (provider.up) provider.crash();
          world.time.after(5_000, () => provider.start());
        });
      } else if (kind === 1) {
        sim.fault(`the channel to ${provider.name} breaks`, () =>
          world.hub.breakChannels(client.peerId, provider.peerId),
        );
      } else if (kind === 2 && job !== null) {
        sim.fault('its owner stops a job', (own) => {
          const params = { jobId: job.jobId, ...(own.happens(0.5) ? { item: own.below(items) } : {}) };
          client.node.api.call('jobs.stop', params).catch(() => undefined);
        });
      }
      await sim.wait(chance.fraction() * 3_000);
    }
    for (const job of sim.jobs) await sim.ended(job);
    const blamed = client.subject.client.receipts.find(
      ({ body }) => body.kind === 'bad' && (body.provider !== liar.peerId || body.reason !== 'stream-mismatch'),
    );
    if (blamed !== undefined) {
      const { provider } = blamed.body;
      throw new Broken('I8', client.name, sim.now, `${world.nameOf(provider)} is blamed and did nothing wrong`);
    }
    if (client.screen.pieces === 0) throw new Broken('I10', client.name, sim.now, 'nothing was ever shown');
  },
};
