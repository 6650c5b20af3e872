import { expect, it } from 'vitest';
import { Simulation } from '../simulation.ts';
import { walkJob, walkNodes, walkSteps } from './walk.ts';

const copies = { type: 'replicate', copies: 2, quorum: 2, tieBreakers: 1 } as const;

it.each([copies, { type: 'adaptive' }] as const)(
  'a walk is as long as a replica lives under $type: no step is left out',
  async (policy) => {
    for (let seed = 1; seed <= 8; seed++) {
      const sim = new Simulation({ seed, nodes: walkNodes });
      await sim.begin({ providers: walkNodes - 1 });
      const [client] = sim.clients;
      if (client === undefined) throw new Error('no client');
      const steps = new Map(sim.world.nodes.map((node) => [node, 0]));
      sim.world.onTouch = (node) => steps.set(node, (steps.get(node) ?? 0) + 1);
      await sim.submit(client, { ...walkJob, policy });
      await sim.wait(60_000);
      expect(steps.get(client)).toBeLessThanOrEqual(walkSteps.client);
      expect(steps.get(client)).toBeGreaterThan(walkSteps.client * 0.6);
      const most = Math.max(...sim.providers.map((provider) => steps.get(provider) ?? 0));
      expect(most).toBeLessThanOrEqual(walkSteps.provider);
      expect(most).toBeGreaterThan(walkSteps.provider * 0.5);
    }
  },
);
