/**
 * The whole loop beside the bare engine: 200 reviews over four provider processes on this computer, in one copy and in two,
 * and the same prompts through the model itself without any network.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from '../node-core/protocol/index.ts';
import { runDirectly } from '../scripts/demo/direct.ts';
import { NodeGroup, type RunningNode } from '../scripts/demo/nodes.ts';
import { type BenchReport, figure, machine, versions } from './lib/report.ts';

const resources = fileURLToPath(new URL('../resources', import.meta.url));
const promptsFile = join(resources, 'models/data/reviews-200.jsonl');
const modelFile = join(resources, 'models/infernet-tiny.gguf');
const runs = 5;
const providerCount = 4;
const waitMsMax = 60_000;

const Row = z.object({ prompt: z.string() });

export async function loop(): Promise<BenchReport> {
  const on = machine();
  const inputs = (await readFile(promptsFile, 'utf8'))
    .trim()
    .split('\n')
    .map((line) => Row.parse(JSON.parse(line)));
  const group = await NodeGroup.make('infernet-bench-');
  try {
    const config = {
      provider: { templates: ['text-classification'], models: ['infernet-tiny'] },
      directory: { heartbeatMs: 2_000, discoverEveryMs: 2_000 },
    };
    const first = await group.start({ name: 'provider-1', provider: true, bootstrap: [], config });
    const bootstrap = first.addresses.slice(0, 1);
    for (let i = 2; i <= providerCount; i++) {
      await group.start({ name: `provider-${i}`, provider: true, bootstrap, config });
    }
    const client = await group.start({ name: 'client', provider: false, bootstrap, config });
    // Speeds are measured in the idle node; a measurement under way would be part of the figure.
    await until(async () => {
      const { peers } = await client.api.call('peers.list', {});
      return (
        peers.filter((peer) => peer.live && !peer.self && peer.offers.some((offer) => offer.tokensPerSecondMilli > 0))
          .length === providerCount
      );
    });
    const single: number[] = [];
    const double: number[] = [];
    const bare: number[] = [];
    for (let run = 0; run <= runs; run++) {
      const figures = [
        await job(client, inputs, 1),
        await job(client, inputs, 2),
        await direct(inputs.length),
      ] as const;
      // The first round warms runners and caches.
      if (run === 0) continue;
      single.push(figures[0]);
      double.push(figures[1]);
      bare.push(figures[2]);
    }
    return {
      name: 'loop',
      machine: on,
      versions: versions('libp2p', 'node-llama-cpp', 'better-sqlite3'),
      figures: [
        figure('items per second, 1 copy', 'items/s', single, 'model, one thread', bare),
        figure('items per second, 2 copies', 'items/s', double, 'model, one thread', bare),
      ],
    };
  } finally {
    await group.stop();
  }
}

async function job(client: RunningNode, inputs: ReadonlyArray<{ prompt: string }>, copies: number): Promise<number> {
  const startedAt = performance.now();
  const { jobId } = await client.api.call('jobs.submit', {
    template: 'text-classification',
    model: 'infernet-tiny',
    inputs: [...inputs],
    policy: { type: 'replicate', copies, quorum: copies },
    budgetMicro: '10000000',
    ownNode: 'never',
  });
  const ended = Promise.withResolvers<void>();
  const end = client.api.subscribe(0, (item) => {
    if (item.kind === 'event' && item.event.type === 'job.ended' && item.event.jobId === jobId) ended.resolve();
  });
  await ended.promise;
  end();
  const { state } = await client.api.call('jobs.get', { jobId });
  if (state !== 'done') throw new Error(`the job is ${state}`);
  return inputs.length / ((performance.now() - startedAt) / 1000);
}

/** The script says on its own how long the prompts took, without loading the library and the model. */
async function direct(items: number): Promise<number> {
  const { busyMs } = await runDirectly(modelFile, promptsFile);
  return items / (busyMs / 1000);
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + waitMsMax;
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error('the nodes were not ready in time');
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
