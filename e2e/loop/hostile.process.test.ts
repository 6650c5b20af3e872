/**
 * Hostile runners between real nodes: what a client sees of each, that the provider offers on, and that its next job is fine.
 * What holds them in, one wall after the other, is tested at the executor (node-core/execution/docker/isolation.process.test.ts).
 */
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, vi } from 'vitest';
import { noteBuilt } from '../../node-core/execution/docker/built-images.ts';
import { hostileContext, hostileFiles } from '../../node-core/execution/docker/hostile/image.ts';
import { startTestEngine, type TestEngine } from '../../node-core/execution/docker/testing.ts';
import { loadTemplates } from '../../node-core/execution/templates/load-templates.ts';
import { manifestOf, writeTemplate } from '../../node-core/execution/testing.ts';
import { type JobSpecInput, z } from '../../node-core/protocol/index.ts';
import { requires } from '../capabilities.ts';
import {
  briskWith,
  ended,
  eventually,
  knows,
  logOf,
  NodeGroup,
  type RunningNode,
  settledBooks,
  submit,
} from './nodes.ts';

vi.setConfig({ testTimeout: 90_000, hookTimeout: 120_000 });

const test = requires('container-engine');
const attackMs = 2_000;
const custom = 'custom-image';
const timed = 'hostile';

let engine: TestEngine | null = null;
let group: NodeGroup;
let client: RunningNode;
let provider: RunningNode;
let images = 0;
/** Makes an image of the hostile runner, with an id of its own. @param template id for its label. */
let imageFor: (template: string) => Promise<string>;

beforeAll(async () => {
  if (process.getuid?.() !== 0) return;
  const running = await startTestEngine();
  engine = running;
  group = await NodeGroup.make('infernet-e2e-');
  const [files, base] = await Promise.all([hostileFiles(), running.nodeImage()]);
  imageFor = async (template) => {
    // A provider lets an image rest that ends badly again and again: each attack has one of its own.
    const context = hostileContext(files, base, template, [`ENV NUMBER=${++images}`]);
    const built: NodeJS.ReadableStream = await running.docker.buildImage(context, { rm: true, forcerm: true });
    let said = '';
    for await (const chunk of built) said += String(chunk);
    const id = /Successfully built (?<id>[0-9a-f]{12})/.exec(said)?.groups?.['id'];
    if (id === undefined) throw new Error(said.slice(-2000));
    return (await running.docker.getImage(id).inspect()).Id;
  };
  // One whose time is short, since the client chooses no time.
  const root = join(group.folder, 'templates');
  const resources = { memoryMiB: 160, timeoutMs: attackMs, outputBytesMax: 64 * 1024 };
  await writeTemplate(root, manifestOf({ name: timed, resources, input: {}, output: {} }), { 'runner.mjs': '' });
  const [loaded] = (await loadTemplates([root])).templates;
  if (loaded === undefined) throw new Error(`no template in ${root}`);
  const builtImagesFile = join(group.folder, 'images.json');
  await noteBuilt(builtImagesFile, loaded.template.id, await imageFor(loaded.template.id));

  const execution = {
    runIn: 'docker' as const,
    customImages: 'any' as const,
    templateFolders: [root],
    builtImagesFile,
    measure: false,
  };
  const config = briskWith({ provider: { templates: [custom, timed] }, execution });
  const start = (name: string, isProvider: boolean, bootstrap: readonly string[]) =>
    group.start({ name, provider: isProvider, bootstrap, config, env: running.env });
  provider = await start('provider', true, []);
  client = await start('client', false, provider.addresses.slice(0, 1));
  await knows(client, [provider]);
});
afterAll(async () => {
  await group?.stop();
  await engine?.stop();
});

const offered = async (): Promise<string[]> => {
  const { peers } = await client.api.call('peers.list', {});
  const found = peers.find(({ peerId, live }) => live && peerId === provider.peerId);
  return (found?.offers ?? []).map(({ templateName }) => templateName).sort();
};

async function job(template: string, params: NonNullable<JobSpecInput['params']>): Promise<string> {
  return await submit(client.api, {
    template,
    model: null,
    params,
    inputs: ['x'],
    policy: { type: 'replicate', copies: 1, quorum: 1 },
  });
}

/** Sends one hostile job to the provider. @returns code and reason of its first failed attempt, as the client has them in its log. */
async function failureOf(template: string, params: NonNullable<JobSpecInput['params']>) {
  const jobId = await job(template, params);
  const failure = await eventually('the attempt fails', async () => {
    const failed = await logOf(client.api, 'replica.failed');
    return failed.map(({ event }) => event).find((event) => event.jobId === jobId) ?? null;
  });
  await client.api.call('jobs.cancel', { jobId });
  expect(failure.provider).toBe(provider.peerId);
  return { code: failure.code, reason: failure.reason };
}

async function honestJobIsFine(): Promise<void> {
  const jobId = await job(custom, { image: await imageFor('none'), attack: 'honest' });
  expect(await ended(client.api, jobId)).toMatchObject({ state: 'done', shardsAccepted: 1 });
  expect(await offered()).toEqual([custom, timed]);
  expect(await provider.api.call('node.status', {})).toMatchObject({ state: 'online', faults: [] });
}

describe('a job whose runner is hostile', () => {
  for (const [what, params, code, reason] of [
    ['takes all memory', { attack: 'memory' }, 'out-of-memory', /memory/],
    ['writes without end', { attack: 'endless-bytes' }, 'container', /a line of more than/],
    ['writes what commands a terminal', { attack: 'escapes' }, 'container', /no message/],
    ['says that it is done, and gives nothing', { attack: 'done-at-once' }, 'container', /done after 0 outputs/],
    ['ends in the middle', { attack: 'exit', code: 9 }, 'container', /exit code 9/],
  ] as const) {
    test(`and ${what} fails with ${code}; the provider offers on, and its next job is fine`, async () => {
      const failure = await failureOf(custom, { image: await imageFor('none'), ...params });
      expect(failure).toEqual({ code, reason: expect.stringMatching(reason) });
      // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not come through
      expect(failure.reason).not.toMatch(/[\x00-\x1f\x7f-\x9f]/);
      await honestJobIsFine();
    });
  }

  for (const [what, attack] of [
    ['forks without end', 'fork-bomb'],
    ['says nothing, and hears no signal', 'silence'],
  ] as const) {
    test(`and ${what} fails with timeout; the provider offers on, and its next job is fine`, async () => {
      expect(await failureOf(timed, { attack })).toMatchObject({ code: 'timeout' });
      await honestJobIsFine();
    });
  }

  test('and reaches for the network gets nowhere, and says so itself', async () => {
    const targets = [
      ['127.0.0.1', 22],
      ['1.1.1.1', 53],
    ];
    const jobId = await job(custom, { image: await imageFor('none'), attack: 'tcp', targets });
    expect(await ended(client.api, jobId)).toMatchObject({ state: 'done' });
    const { outputs } = await client.api.call('jobs.results', { jobId });
    const report = z.record(z.string(), z.string()).parse(outputs[0]?.output);
    expect(Object.values(report).filter((how) => how === 'done')).toEqual([]);
    await honestJobIsFine();
  });

  test('leaves no container behind, and nothing that was not accepted was paid', async () => {
    await eventually('all containers are gone', async () => {
      const left = (await engine?.docker.listContainers({ all: true })) ?? [];
      return left.length === 0;
    });
    const accepted = (await logOf(client.api, 'replica.judged')).filter(({ event }) => event.verdict === 'accepted');
    const [book] = await settledBooks(client, [provider]);
    // 1000 a shard and 100 an item.
    expect(book?.paidMicro).toBe(String(accepted.length * 1_100));
  });
});
