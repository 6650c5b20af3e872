import type { Scenario } from '../scenario.ts';

/**
 * Disks of providers and of a client break: the next life has the key and nothing else, or a backup of some time before.
 * Others know of payments, work and records that it has forgotten. Books agree again, and nothing is paid twice.
 */
export const lostDisk: Scenario = {
  name: 'lost-disk',
  about: 'a node goes on with its key and an empty disk, or an older backup of it',
  nodesMin: 6,
  nodesMax: 10,
  async play(sim) {
    const { chance, world } = sim;
    await sim.begin({ clients: 2, providers: sim.size - 2 });
    for (const client of sim.clients) await sim.submit(client, { items: 20 + chance.below(60) });
    await sim.wait(chance.fraction() * 4_000);
    const backups = new Map(world.nodes.map((node) => [node, node.disk.backup()]));
    if (chance.happens(0.5)) for (const job of sim.jobs) await sim.ended(job);
    for (const client of sim.clients) await sim.submit(client, { items: 20 + chance.below(60) });
    await sim.wait(chance.fraction() * 4_000);
    const [client] = sim.clients;
    const unlucky = [...sim.providers.filter(() => chance.happens(0.3)), ...(client === undefined ? [] : [client])];
    for (const node of unlucky) {
      sim.fault(`${node.name} loses its disk`, (own) => {
        node.loseDisk(own.happens(0.5) ? backups.get(node) : undefined);
        world.time.after(1_000 + own.fraction() * 20_000, () => node.start());
      });
      await sim.wait(chance.fraction() * 2_000);
    }
    await sim.wait(25_000);
    for (const each of sim.clients) await sim.submit(each, { items: 20 + chance.below(40) });
    // A job is gone with its client’s disk.
    for (const job of sim.jobs) if (sim.facts(job) !== undefined) await sim.ended(job);
  },
};
