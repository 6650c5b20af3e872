import { Broken } from '../broken.ts';
import type { Scenario } from '../scenario.ts';
import type { Manners, Speaker } from '../speaker.ts';

/** Gives quotes and takes work; what comes after depends on how silent it is. */
const takes =
  (answersLeases: boolean): Manners =>
  (heard, speaker) => {
    if (heard.type === 'job.quote') return [speaker.offer(heard)];
    if (heard.type === 'shard.assign') return [speaker.accept(heard)];
    if (heard.type === 'lease.renew' && answersLeases) return [speaker.leaseAck(heard, 'running')];
    return [];
  };

/**
 * Cheap providers take work and stay silent: one says nothing more, one keeps renewing its leases, one commits and never
 * reveals, and one is an honest node whose runs never end. All jobs are done by the others, and nobody is paid for silence.
 */
export const silentProvider: Scenario = {
  name: 'silent-provider',
  about: 'providers take work and stay silent, or commit and never reveal',
  nodesMin: 7,
  // More would take their work, and less of it would come to the silent ones.
  nodesMax: 12,
  async play(sim) {
    await sim.begin({ providers: sim.size - 4, manner: (i) => ({ silent: i === 0 }) });
    const mute = await sim.hostile('mute', takes(false));
    const staller = await sim.hostile('staller', takes(true));
    const hider = await sim.hostile('hider', (heard, speaker) => {
      if (heard.type === 'shard.assign') return [speaker.accept(heard), speaker.commit(heard)];
      if (heard.type === 'lease.renew') return [speaker.leaseAck(heard, 'committed')];
      return takes(true)(heard, speaker);
    });
    const [client] = sim.clients;
    if (client === undefined) return;
    const job = await sim.submit(client, { items: 30 + sim.chance.below(60), deadlineMs: 900_000 });
    if (job !== null) await sim.ended(job);
    for (const { name, peerId } of [mute, staller, hider] satisfies Speaker[]) {
      const paid = client.subject.client.payers.get(peerId)?.points.at(-1);
      if (paid !== undefined)
        throw new Broken('I2', client.name, sim.now, `${name} was paid ${paid.cumulativeMicro} for silence`);
    }
  },
};
