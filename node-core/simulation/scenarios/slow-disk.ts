import type { Scenario } from '../scenario.ts';

/** Disks take up to seconds for a write, and some are full for a while: nothing leaves before it is durable. */
export const slowDisk: Scenario = {
  name: 'slow-disk',
  about: 'disks are slow, or full for a while',
  nodesMin: 6,
  async play(sim) {
    const { chance, world } = sim;
    await sim.begin({ providers: sim.size - 1 });
    for (const node of world.nodes) {
      if (chance.happens(0.5))
        node.disk.speed = { normalMs: chance.pick([5, 50]), fullMs: chance.pick([60, 300, 900]) };
    }
    const [client] = sim.clients;
    if (client === undefined) return;
    await sim.submit(client, { items: 30 + chance.below(60) });
    await sim.wait(chance.fraction() * 3_000);
    sim.fault('a full disk', (own) => {
      const node = own.pick(sim.providers);
      node.disk.full = 'no space left on device';
      // Its host makes room and starts it again.
      world.time.after(2_000 + own.fraction() * 20_000, () => {
        node.disk.full = null;
        if (node.ended !== null) node.crash();
        node.start();
      });
    });
    await sim.wait(chance.fraction() * 3_000);
    sim.fault('the client’s disk is full', (own) => {
      client.disk.full = 'no space left on device';
      world.time.after(2_000 + own.fraction() * 10_000, () => {
        client.disk.full = null;
        if (client.ended !== null) client.crash();
        client.start();
      });
    });
  },
};
