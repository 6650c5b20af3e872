import type { Scenario } from '../scenario.ts';
import type { NodeOptions } from '../world.ts';

const hourMs = 3_600_000;

/** Half of all nodes, providers, leave and return within an hour, in order or not, while jobs come all the time. */
export const churn: Scenario = {
  name: 'churn',
  about: 'half the nodes leave and return in an hour',
  nodesMin: 8,
  isLong: true,
  async play(sim) {
    const { chance } = sim;
    // An hour of heartbeats is most of what a run does: a sixth as many.
    const directory = { heartbeatMs: 60_000, goneMs: 100_000 };
    const node = (): Partial<NodeOptions> => ({ config: { directory } });
    await sim.begin({ clients: 2, providers: sim.size - 2, node });
    const startMs = sim.now;
    const restless = sim.providers.slice(1, 1 + Math.floor(sim.size / 2));
    const leaves = restless
      .flatMap((node) =>
        [0, 1, 2].map(() => ({
          node,
          atMs: chance.fraction() * hourMs * 0.9,
          awayMs: 2_000 + chance.fraction() * 300_000,
        })),
      )
      .sort((a, b) => a.atMs - b.atMs);
    let nextJobMs = 0;
    for (const { node, atMs, awayMs } of leaves) {
      while (sim.now - startMs < atMs) {
        if (sim.now - startMs >= nextJobMs) {
          await sim.submit(sim.anyClient, { items: 20 + chance.below(60) });
          nextJobMs += 240_000;
        }
        await sim.wait(Math.min(5_000, Math.max(1, atMs - (sim.now - startMs))));
      }
      sim.fault(`${node.name} leaves for ${Math.round(awayMs / 1000)} s`, (own) => {
        if (!node.up || !node.isOnline) return;
        const how = own.pick(['stop', 'kill', 'power'] as const);
        if (how === 'stop') void node.stopping();
        else node.crash(how);
        sim.world.time.after(awayMs, () => {
          if (!node.up) node.start();
        });
      });
    }
    await sim.wait(Math.max(0, hourMs - (sim.now - startMs)));
  },
};
