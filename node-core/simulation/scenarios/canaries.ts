import type { PeerId } from '../../protocol/index.ts';
import { Broken } from '../broken.ts';
import type { Scenario } from '../scenario.ts';

/** Shards of one copy after which who cheats must have been found out; two in five hold a canary, three decide. */
const singlesMin = 25;

/**
 * No answer is drawn to be checked, but some shards hold an item whose answer is known. Who cheats stumbles over them; who is
 * honest is asked for them, too, and nothing of them is in any result.
 */
export const canaries: Scenario = {
  name: 'canaries',
  about: 'single answers are not sampled; items with known answers find out who cheats',
  nodesMin: 8,
  // With more, who cheats gets too few shards to stumble over a canary.
  nodesMax: 8,
  async play(sim) {
    const { chance, world } = sim;
    const isCheat = (i: number): boolean => i % 7 === 3;
    await sim.begin({
      providers: sim.size - 1,
      manner: (i) => ({
        disagreement: 0.002,
        cheat: isCheat(i) ? { share: 1, label: `cheat ${i}`, afterItems: 80 } : null,
      }),
      node: () => ({ config: { verification: { canaryPpm: 400_000 } } }),
    });
    const [client] = sim.clients;
    if (client === undefined) return;
    // Copies that agree are where known answers come from.
    await sim.submit(client, { items: 200, policy: { type: 'replicate', copies: 2, quorum: 2, tieBreakers: 2 } });
    for (const job of sim.jobs) await sim.ended(job);
    const cheaters = new Set(sim.providers.filter((_, i) => isCheat(i)).map(({ peerId }) => peerId));
    const areFound = (): boolean => [...cheaters].every((peer) => client.subject.client.excluded.has(peer));
    // Who is slow or far gets little work, and needs longer to stumble.
    for (let i = 0; i < 4 || (i < 20 && !areFound()); i++) {
      await sim.submit(client, { items: 120, policy: { type: 'sample', ratePpm: 0 }, mayFail: true });
      if (chance.happens(0.5)) {
        sim.fault('the client is killed while canaries are out', () => client.crash());
        await sim.wait(1_000);
        if (!client.up) client.start();
      }
      for (const job of sim.jobs) await sim.ended(job);
    }
    const { excluded, canaries: asked, audits } = client.subject.client;
    if (asked === 0) throw new Broken('I10', client.name, sim.now, 'no canary was ever sent');
    for (const peer of excluded)
      if (!cheaters.has(peer))
        throw new Broken('I8', client.name, sim.now, `${world.nameOf(peer)} is excluded, and honest`);
    sim.measure('canaries', asked);
    sim.measure('audits by canary', audits);
    // Who came last by the first job gets no more to do; nobody stumbles without work.
    const singles = (peer: PeerId): number =>
      [...client.subject.client.replicas.values()].filter(
        ({ provider, jobId }) =>
          provider === peer && client.subject.client.jobs.get(jobId)?.job.policy.type === 'sample',
      ).length;
    for (const peer of cheaters)
      if (!excluded.has(peer) && singles(peer) >= singlesMin)
        throw new Broken('I8', client.name, sim.now, `${world.nameOf(peer)} cheats, and was not found out`);
  },
};
