import { Broken } from '../broken.ts';
import type { Scenario } from '../scenario.ts';
import { atPlace, walkCast, walkJob, walkLength, walkNodes } from './walk.ts';

/**
 * The client cancels at one step of a replica's life, its own or the provider's: the step is the seed's. What was accepted
 * stays and is paid.
 */
export const cancelWalk: Scenario = {
  name: 'cancel-walk',
  about: 'the client cancels at every step of a job’s life',
  nodesMin: 4,
  nodesMax: walkNodes,
  seedsMin: walkLength,
  async play(sim) {
    const { seed, world } = sim;
    sim.mayFail = true;
    await sim.begin(walkCast(sim.size));
    const [client] = sim.clients;
    if (client === undefined) return;
    let submitted: string | null = null;
    atPlace(sim, seed, (_, what) => {
      sim.fault(`the client cancels as somebody ${what}`, () => {
        // Not inside the step of another: in the same moment, after it.
        world.time.after(0, () => {
          const jobId = submitted ?? [...client.subject.client.jobs.keys()][0];
          if (jobId === undefined || !client.up) return;
          // That it has ended already is an answer too.
          client.node.api.call('jobs.cancel', { jobId }).catch(() => undefined);
        });
      });
    });
    const job = await sim.submit(client, { ...walkJob, items: seed > walkLength ? 40 : walkJob.items });
    if (job === null) return;
    submitted = job.jobId;
    const facts = await sim.ended(job, 60_000);
    if (facts?.endedElapsedMs === null)
      throw new Broken('I6', client.name, sim.now, `the job did not end within 60 s of its cancellation`);
  },
};
