/**
 * The container engine is killed while twenty replicas run on it, and comes back: what was offered is withdrawn meanwhile,
 * every job still ends complete, and nothing is paid twice.
 */
import { join } from 'node:path';
import { afterAll, expect, vi } from 'vitest';
import { buildRunnerImage, startTestEngine, type TestEngine } from '../../node-core/execution/docker/testing.ts';
import { loadTemplates } from '../../node-core/execution/index.ts';
import { manifestOf, writeTemplate } from '../../node-core/execution/testing.ts';
import { requires } from '../capabilities.ts';
import { ended, eventually, knows, logOf, NodeGroup, type RunningNode, settledBooks } from './nodes.ts';

vi.setConfig({ testTimeout: 150_000, hookTimeout: 60_000 });

const needsEngine = requires('container-engine');
const name = 'patient';
const providerCount = 3;
const shards = 10;
const items = 2 * shards;
const copies = 2;
/** From submission: by then all replicas run, and what runs later ends at once. */
const holdMs = 20_000;
const waitMsMax = 60_000;

/** Ends no run before the time that its job names, so all of them run at once. */
const patientRunner = `
import { createInterface } from 'node:readline';
const say = (message) => process.stdout.write(JSON.stringify(message) + '\\n');
createInterface({ input: process.stdin })
  .on('line', (line) => {
    const message = JSON.parse(line);
    if (message.type === 'load') say({ type: 'ready' });
    if (message.type !== 'run') return;
    const { id, params, inputs } = message;
    // Half of the work is done at once, so that it can be seen that it runs.
    say({ type: 'progress', id, itemsDone: 1 });
    setTimeout(() => {
      inputs.forEach(({ text }, index) => say({ type: 'output', id, index, output: { text: text + '!' } }));
      say({ type: 'done', id });
    }, Math.max(0, params.until - Date.now()));
  })
  .on('close', () => process.exit(0));
`;

let group: NodeGroup | null = null;
let engine: TestEngine | null = null;
afterAll(async () => {
  await group?.stop();
  await engine?.stop();
});

needsEngine('an engine that dies under twenty replicas costs no job, and no payment is made twice', async () => {
  const running = await NodeGroup.make('infernet-e2e-');
  group = running;
  const templates = join(running.folder, 'templates');
  await writeTemplate(
    templates,
    manifestOf({ name, resources: { memoryMiB: 64, timeoutMs: 60_000, outputBytesMax: 4096 } }),
    {
      'runner.mjs': patientRunner,
    },
  );
  const made = await startTestEngine();
  engine = made;
  await buildImage(made, templates);

  const { client, providers } = await startNodes(running, templates, made);
  const { jobId } = await client.api.call('jobs.submit', {
    template: name,
    params: { until: Date.now() + holdMs },
    inputs: Array.from({ length: items }, (_, i) => ({ text: `${i}` })),
    itemsPerShard: 2,
    policy: { type: 'replicate', copies, quorum: copies },
    budgetMicro: '100000000',
    ownNode: 'never',
  });
  const runningAt = async ({ api }: RunningNode) =>
    (await api.call('provider.status', {})).work.filter(({ itemsDone }) => itemsDone > 0).length;
  await eventually('twenty replicas run', async () => {
    const counts = await Promise.all(providers.map(runningAt));
    return counts.reduce((sum, count) => sum + count) === shards * copies;
  });
  await made.kill();

  await eventually('no provider offers anything', async () => (await offersSeenBy(client)) === 0, waitMsMax);
  for (const { api } of providers) {
    const { offers, notOffered } = await api.call('provider.status', {});
    expect(offers).toEqual([]);
    expect(notOffered.find(({ template }) => template === name)?.reason).toMatch(
      /does not answer|nobody listens|nothing/,
    );
  }
  expect((await client.api.call('jobs.get', { jobId })).endedAt).toBeNull();

  await made.start();
  await eventually(
    'all providers offer it again',
    async () => (await offersSeenBy(client)) === providerCount,
    waitMsMax,
  );
  const job = await ended(client.api, jobId, waitMsMax);
  expect(job).toMatchObject({ state: 'done', shardsAccepted: shards });
  const { outputs } = await client.api.call('jobs.results', { jobId });
  expect(outputs.map(({ output }) => output)).toEqual(Array.from({ length: items }, (_, i) => ({ text: `${i}!` })));

  // Those that ran when it died have failed, by no fault of theirs, and were not paid.
  const failed = (await logOf(client.api, 'replica.failed')).map(({ event }) => event);
  expect(failed.filter(({ code }) => code === 'internal').length).toBeGreaterThanOrEqual(shards * copies);
  await settledBooks(client, providers, waitMsMax);
  const paid = (await logOf(client.api, 'payment.paid')).map(({ event }) => event.replicaId);
  expect(paid).toHaveLength(shards * copies);
  expect(new Set(paid).size).toBe(paid.length);
  for (const { replicaId } of failed) expect(paid).not.toContain(replicaId);
  const reserved = (await logOf(client.api, 'payment.reserved')).map(({ event }) => event.replicaId);
  const released = (await logOf(client.api, 'payment.released')).map(({ event }) => event.replicaId);
  expect([...paid, ...released].toSorted()).toEqual(reserved.toSorted());

  // What it left behind when it died is gone: each provider keeps the one container that is warm.
  await eventually('only warm containers are left', async () => {
    return (await made.docker.listContainers({ all: true })).length <= providerCount;
  });
});

const builtImagesIn = (templates: string): string => join(templates, '..', 'images.json');

async function buildImage(on: TestEngine, templates: string): Promise<void> {
  const [loaded] = (await loadTemplates([templates])).templates;
  const template = loaded?.template.id ?? '';
  await buildRunnerImage(on, { template, runner: patientRunner, builtImages: builtImagesIn(templates) });
}

async function startNodes(
  nodes: NodeGroup,
  templates: string,
  { env }: TestEngine,
): Promise<{ client: RunningNode; providers: RunningNode[] }> {
  const atOnce = shards * copies;
  const config = {
    directory: { heartbeatMs: 1_000, discoverEveryMs: 1_000 },
    provider: {
      templates: [name],
      runsMax: atOnce,
      inFlightPerClientMax: atOnce,
      creditLimitMicro: '10000000',
      creditLimitMaxMicro: '10000000',
      strangersPerHourMicro: '100000000',
    },
    aggregator: { inFlightPerProviderMax: atOnce },
    execution: {
      runIn: 'docker' as const,
      templateFolders: [templates],
      builtImagesFile: builtImagesIn(templates),
      measure: false,
    },
  };
  const provide = (number: number, bootstrap: readonly string[]) =>
    nodes.start({ name: `provider-${number}`, provider: true, bootstrap, config, env });
  const first = await provide(1, []);
  const bootstrap = first.addresses.slice(0, 1);
  const [client, ...others] = await Promise.all([
    nodes.start({
      name: 'client',
      provider: false,
      bootstrap,
      config: { ...config, execution: { ...config.execution, runIn: 'embedded' } },
    }),
    ...Array.from({ length: providerCount - 1 }, (_, i) => provide(i + 2, bootstrap)),
  ]);
  const providers = [first, ...others];
  await knows(client, providers);
  return { client, providers };
}

async function offersSeenBy({ api }: RunningNode): Promise<number> {
  const { peers } = await api.call('peers.list', {});
  return peers.filter(({ self, offers }) => !self && offers.length > 0).length;
}
