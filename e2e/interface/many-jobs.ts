/** A node with a long past: jobs that were written into its log before it ever ran. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { keyFileName, loadOrCreateKey } from '../../node-core/identity/index.ts';
import type { NodeEvent } from '../../node-core/protocol/index.ts';
import { createSqliteStore } from '../../node-core/store/sqlite-store.ts';
import { jobCreated, jobEnded, jobIdOf } from '../../node-core/store/testing.ts';
import { brisk, type NodeGroup, type RunningNode } from '../loop/nodes.ts';

const name = 'old';
const batchEvents = 5_000;

export async function startWithJobs(group: NodeGroup, jobs: number): Promise<RunningNode> {
  const dataFolder = join(group.folder, name);
  await mkdir(dataFolder, { recursive: true, mode: 0o700 });
  await loadOrCreateKey(join(dataFolder, keyFileName), true);
  const store = createSqliteStore({ folder: dataFolder });
  await store.open();
  const at = Date.now() - jobs * 1_000;
  let seq = 0;
  for (let job = 0; job < jobs; ) {
    // Its owner has made the first choice.
    const events: NodeEvent[] = seq === 0 ? [{ type: 'provider.switched', on: false }] : [];
    for (; job < jobs && events.length < batchEvents; job += 1) {
      events.push(jobCreated(job, `old job ${job}`, job % 2 === 0 ? 'text-classification' : 'text-generation'));
      events.push({ type: 'job.planned', jobId: jobIdOf(job), counts: [3] });
      const ended = jobEnded(job);
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
  return group.start({ name, provider: false, bootstrap: [], config: brisk });
}
