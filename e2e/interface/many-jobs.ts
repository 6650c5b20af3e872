/** A node with a long past: jobs that were written into its log while it was away. */
import type { NodeEvent } from '../../node-core/protocol/index.ts';
import { createSqliteStore } from '../../node-core/store/sqlite-store.ts';
import { jobCreated, jobEnded, jobIdOf } from '../../node-core/store/testing.ts';
import { brisk, type NodeGroup, type RunningNode } from '../loop/nodes.ts';

const batchEvents = 5_000;

export async function startWithJobs(group: NodeGroup, jobs: number): Promise<RunningNode> {
  const settings = { name: 'old', provider: false, bootstrap: [], config: brisk } as const;
  const first = await group.start(settings);
  await first.api.call('provider.switch', { on: false });
  await first.stop();
  const store = createSqliteStore({ folder: first.dataFolder });
  const { snapshot, tail } = await store.open();
  let seq = tail.at(-1)?.seq ?? snapshot?.seq ?? 0;
  const at = Date.now() - jobs * 1_000;
  for (let job = 0; job < jobs; ) {
    const events: NodeEvent[] = [];
    for (; job < jobs && events.length < batchEvents; job += 1) {
      const ended = jobEnded(job);
      events.push(jobCreated(job, `old job ${job}`, job % 2 === 0 ? 'text-classification' : 'text-generation'));
      events.push({ type: 'job.planned', jobId: jobIdOf(job), counts: [3] });
      // Without results: nothing is kept in memory for what is long over.
      if (ended.type === 'job.ended')
        events.push({ ...ended, resultsHash: null, state: job % 10 === 0 ? 'failed' : 'done' });
    }
    const start = seq;
    await store.append(
      events.map((event, index) => ({ seq: start + index + 1, at: at + (start + index) * 500, event })),
      'normal',
    );
    seq += events.length;
  }
  await store.close();
  return group.start(settings);
}
