import type { Backup } from '../disk.ts';
import type { Scenario } from '../scenario.ts';
import type { SimulatedNode } from '../world.ts';

/**
 * Everybody works for everybody. Backups are made at any moment, and some nodes come back from one: as payers who forgot
 * what they have paid, as payees who forgot what they have got, or both at once. Nothing is paid twice, all books agree,
 * and nobody waits for what will never come.
 */
export const restoredBackup: Scenario = {
  name: 'restored-backup',
  about: 'nodes come back from old backups, as payers, payees or both; the books agree again',
  nodesMin: 4,
  nodesMax: 8,
  async play(sim) {
    const { chance, world } = sim;
    await sim.begin({
      clients: 2,
      providers: sim.size - 2,
      // A clear share of what is netted shows in the limits.
      node: () => ({ provider: true, config: { provider: { creditLimitMicro: '6000', creditEarnedPercent: 50 } } }),
    });
    // What a job needs may be gone with what its node forgot.
    sim.mayFail = true;
    const backups = new Map<SimulatedNode, Backup>();
    for (let round = 0; round < 4; round++) {
      for (let i = 0; i < 3; i++) {
        const up = world.nodes.filter((node) => node.up && node.isOnline);
        await sim.submit(chance.pick(up), { items: 10 + chance.below(40), deadlineMs: 120_000 });
      }
      await sim.wait(chance.below(3_000));
      const kept = chance.pick(world.nodes);
      if (kept.disk.length > 0) backups.set(kept, kept.disk.backup());
      await sim.wait(chance.below(8_000));
      const node = chance.pick([...backups.keys()]);
      const backup = backups.get(node);
      sim.fault(`${node.name} comes back from a backup`, (own) => {
        if (!node.up || !node.isOnline) return;
        node.crash();
        node.loseDisk(backup);
        world.time.after(own.pick([50, 2_000, 20_000]), () => node.start());
      });
      await sim.wait(chance.below(30_000));
    }
    await sim.wait(30_000);
    // Afterwards all is as ever.
    sim.mayFail = false;
    await sim.submit(sim.anyClient, { items: 20 });
    for (const job of sim.jobs) await sim.ended(job, 180_000);
  },
};
