/**
 * Cards for containers, against an engine that answers as recorded (fixtures/README.md): none is here. What it is asked to
 * create is looked at, and what it says that it created is held against that, as with every container.
 */
import { readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type TemplateManifest, z } from '../../protocol/index.ts';
import type { RunnerStart } from '../runner/host.ts';
import { defaultLimits } from '../runner/options.ts';
import { loadTemplates } from '../templates/load-templates.ts';
import { manifestOf, temporaryFolder, writeTemplate } from '../testing.ts';
import { noteBuilt } from './built-images.ts';
import { createDockerHost } from './docker-host.ts';
import type { GpuAnswers } from './gpu.ts';
import { templateLabel } from './template-images.ts';

const read = (name: string): string => readFileSync(new URL(`fixtures/${name}`, import.meta.url), 'utf8');
const there: GpuAnswers = { smi: read('nvidia-smi.csv'), toolkit: read('nvidia-ctk.txt') };
const leaky: GpuAnswers = { ...there, toolkit: 'NVIDIA Container Toolkit CLI version 1.16.1' };
const largest = { id: 'GPU-3a23c669-1f69-c64e-cf85-44e9b07e7a2a', model: 'NVIDIA GeForce RTX 3090' };
const image = `sha256:${'a'.repeat(64)}`;

const Created = z.looseObject({
  Image: z.string(),
  Env: z.array(z.string()),
  HostConfig: z.looseObject({ DeviceRequests: z.array(z.unknown()) }),
});

let folder: string;
let remove: () => Promise<void>;
let server: Server;
let created: z.infer<typeof Created>[];
/** What the engine says that it made of what it was asked. */
let inspected: (asked: z.infer<typeof Created>) => unknown;

beforeEach(async () => {
  ({ path: folder, remove } = await temporaryFolder());
  created = [];
  inspected = ({ Image, HostConfig, ...Config }) => ({
    Image,
    Config,
    // What Docker adds of its own.
    HostConfig: { ...HostConfig, MaskedPaths: ['/proc/kcore'], ReadonlyPaths: ['/proc/sys'] },
    Mounts: [],
  });
});
afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  await remove();
});

/** @param info name of the recorded answer. @param templates that images are there of. */
async function engineAnswering(info: string, templates: readonly string[]): Promise<string> {
  const socket = join(folder, 'engine.sock');
  await rm(socket, { force: true });
  server = createServer((request, response) => {
    void answerOf(request, info, templates).then((answer) => {
      // The stream of events stays open.
      if (answer === null) return response.writeHead(200).flushHeaders();
      response.writeHead(answer.status, { 'content-type': 'application/json' });
      response.end(typeof answer.body === 'string' ? answer.body : JSON.stringify(answer.body));
    });
  });
  await new Promise<void>((resolve) => server.listen(socket, resolve));
  return `unix://${socket}`;
}

async function answerOf(
  request: IncomingMessage,
  info: string,
  templates: readonly string[],
): Promise<{ status: number; body: unknown } | null> {
  const { method = '', url = '' } = request;
  const path = url.replace(/\?.*$/, '').replace(/^\/v[\d.]+/, '');
  if (path === '/events') return null;
  if (path === '/info') return { status: 200, body: read(`info-${info}.json`) };
  if (path === '/version') return { status: 200, body: read('version-20.10.json') };
  if (path === '/images/json') {
    const listed = templates.map((id) => ({ Id: image, Created: 1, Labels: { [templateLabel]: id } }));
    return { status: 200, body: listed };
  }
  if (path === '/containers/create') {
    created.push(Created.parse(JSON.parse(await text(request))));
    return { status: 201, body: { Id: 'c0ffee', Warnings: [] } };
  }
  const last = created.at(-1);
  if (method === 'GET' && path === '/containers/c0ffee/json' && last !== undefined) {
    return { status: 200, body: inspected(last) };
  }
  // It goes no further than that here: nothing can be started by a recorded answer.
  return { status: 500, body: { message: `no ${method} ${path} was recorded` } };
}

async function hostFor(
  gpu: TemplateManifest['resources']['gpu'],
  {
    use = 'auto',
    answers = there,
    info = 'nvidia-runtime',
  }: { use?: 'off' | 'auto'; answers?: GpuAnswers; info?: string } = {},
) {
  const root = join(folder, 'templates');
  const resources = { memoryMiB: 64, timeoutMs: 10_000, outputBytesMax: 4096, ...(gpu !== undefined && { gpu }) };
  await writeTemplate(root, manifestOf({ resources }), { 'runner.mjs': '' });
  const [template] = (await loadTemplates([root])).templates;
  if (template === undefined) throw new Error('no template');
  const builtImages = join(folder, 'images.json');
  await noteBuilt(builtImages, template.template.id, image);
  const host = createDockerHost({
    owner: null,
    builtImages,
    env: { DOCKER_HOST: await engineAnswering(info, [template.template.id]) },
    gpus: { use, ask: async () => answers },
  });
  await host.start();
  const start: RunnerStart = {
    template,
    image: null,
    modelPath: null,
    bytes: 64 * 2 ** 20,
    threads: 1,
    cpus: 1,
    niceness: 0,
    contextTokens: 512,
    limits: defaultLimits,
  };
  return { host, template, start };
}

describe('a template that asks for a card', () => {
  it.each(['nvidia-runtime', 'cdi'])(
    'gets the one with the most memory, by its id, and no other (%s)',
    async (info) => {
      const { host, template, start } = await hostFor('wanted', { info });
      expect(host.refusal(template)).toBeNull();
      expect(host.gpu?.(template)).toBe(largest.model);
      // The container was as it was asked for; only starting it is not recorded.
      expect(await host.open(start)).toEqual({
        code: 'container',
        message: expect.stringMatching(/no container could be started: .*no POST .*attach was recorded/),
      });
      expect(created).toHaveLength(1);
      expect(created[0]?.HostConfig.DeviceRequests).toEqual([
        { Driver: 'nvidia', Count: 0, DeviceIDs: [largest.id], Capabilities: [['gpu', 'compute', 'utility']] },
      ]);
      expect(created[0]?.Env).toContain(`NVIDIA_VISIBLE_DEVICES=${largest.id}`);
      await host.stop();
    },
  );

  it('does not start where the engine left the card out, or gave another', async () => {
    const { host, start } = await hostFor('wanted');
    inspected = ({ Image, HostConfig, ...Config }) => ({
      Image,
      Config,
      HostConfig: { ...HostConfig, DeviceRequests: null },
      Mounts: [],
    });
    expect(await host.open(start)).toMatchObject({ message: expect.stringMatching(/not as it was asked.*GPUs none/) });
    inspected = ({ Image, HostConfig, ...Config }) => ({
      Image,
      Config,
      HostConfig: { ...HostConfig, DeviceRequests: [{ Count: -1, DeviceIDs: null }] },
      Mounts: [],
    });
    expect(await host.open(start)).toMatchObject({ message: expect.stringMatching(/it has GPUs -1 of any kind/) });
    await host.stop();
  });
});

describe.each([
  ['its owner gives none away', { use: 'off' }, /execution\.containerGpu/],
  ['the toolkit is one with a way out', { answers: leaky }, /1\.16\.1 lets jobs out.*CVE-2024-0132/],
  ['no card answers', { answers: { ...there, smi: null } }, /no card answers/],
  ['nothing of NVIDIA’s is there', { answers: { smi: null, toolkit: null }, info: 'plain' }, /no NVIDIA card/],
] as const)('where %s', (_, setting, reason) => {
  it('one that wants it runs without', async () => {
    const { host, template, start } = await hostFor('wanted', setting);
    expect([host.refusal(template), host.gpu?.(template)]).toEqual([null, null]);
    await host.open(start);
    expect(created[0]?.HostConfig.DeviceRequests).toEqual([]);
    expect(created[0]?.Env).toContain('NVIDIA_VISIBLE_DEVICES=void');
    await host.stop();
  });

  it('one that needs it is refused, with the reason', async () => {
    const { host, template } = await hostFor('needed', setting);
    expect(host.refusal(template)).toEqual({ code: 'requirements', message: expect.stringMatching(reason) });
    await host.stop();
  });
});

it('a template that asks for none gets none', async () => {
  const { host, template, start } = await hostFor(undefined);
  expect([host.refusal(template), host.gpu?.(template)]).toEqual([null, null]);
  await host.open(start);
  expect(created[0]?.HostConfig.DeviceRequests).toEqual([]);
  await host.stop();
});
