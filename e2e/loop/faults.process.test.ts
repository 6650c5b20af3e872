/** Bad input of all kinds, to real nodes: a clear message, the right exit code, and nothing lost. */
import { execFileSync } from 'node:child_process';
import { closeSync, openSync, statSync, writeSync } from 'node:fs';
import { copyFile, mkdir, open, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { ModelsManifest } from '../../node-core/execution/models/manifest.ts';
import type { JobSpecInput } from '../../node-core/protocol/index.ts';
import { requires } from '../capabilities.ts';
import {
  brisk,
  briskWith,
  directLabels,
  ended,
  labelsOf,
  logOf,
  NodeGroup,
  nextEvent,
  type RunningNode,
  reviews,
  shippedModels,
} from './nodes.ts';

vi.setConfig({ testTimeout: 60_000 });

let group: NodeGroup;
beforeAll(async () => {
  group = await NodeGroup.make('infernet-e2e-');
});
afterAll(() => group?.stop());

/** No Infernet node listens there. */
const nobody = '/ip4/127.0.0.1/tcp/1/p2p/12D3KooWDpJ7As7BWAwRMfu1VU2WCqNjvq387JEYKDBj4kx6nXTN';

describe('a node alone', () => {
  let solo: RunningNode;

  beforeAll(async () => {
    const templates = join(group.folder, 'templates');
    await writeEchoTemplate(join(templates, 'echo'));
    solo = await group.start({
      name: 'solo',
      provider: true,
      bootstrap: [],
      config: briskWith({
        provider: { templates: ['text-classification', 'echo'] },
        execution: { templateFolders: [templates] },
        aggregator: { discoverMs: 300 },
      }),
    });
  });

  const refused = (spec: Partial<JobSpecInput>): Promise<string> =>
    solo.api
      .call('jobs.submit', {
        template: 'text-classification',
        model: 'infernet-tiny',
        inputs: [{ prompt: 'x' }],
        budgetMicro: '100000',
        ...spec,
      })
      .then(
        ({ jobId }) => `taken as ${jobId}`,
        (error: unknown) => String(error),
      );

  it('says what is missing, and ends the job with that reason', async () => {
    const { jobId } = await solo.api.call('jobs.submit', {
      template: 'text-classification',
      inputs: await reviews(10),
      budgetMicro: '100000',
      ownNode: 'never',
      deadlineMs: 3_000,
    });
    await nextEvent(solo, 'the job waits', (event) => event.type === 'job.waiting' && event.jobId === jobId);
    const waiting = await solo.api.call('jobs.get', { jobId });
    expect(waiting).toMatchObject({ state: 'running', code: 'no-capacity' });
    expect(waiting.reason).toContain('2 different providers of text-classification are needed, 0 are known');
    expect(waiting.reason).toContain('connected to no other node');
    const job = await ended(solo.api, jobId);
    expect(job).toMatchObject({ state: 'failed', code: 'timeout', spentMicro: '0' });
    expect(job.reason).toContain('2 different providers of text-classification are needed');
    expect(await labelsOf(solo.api, jobId)).toEqual(Array.from({ length: 10 }, () => 'missing'));
  });

  it('runs a job itself where it may: one copy, marked so, unpaid', async () => {
    const before = await solo.api.call('wallet.summary', {});
    const { jobId } = await solo.api.call('jobs.submit', {
      template: 'text-classification',
      model: 'infernet-tiny',
      inputs: await reviews(20),
      budgetMicro: '100000',
    });
    expect(await ended(solo.api, jobId)).toMatchObject({ state: 'done', spentMicro: '0' });
    const { outputs } = await solo.api.call('jobs.results', { jobId });
    expect(new Set(outputs.map(({ how }) => how))).toEqual(new Set(['own-node']));
    expect(await labelsOf(solo.api, jobId)).toEqual(await directLabels(20));
    const assigned = (await logOf(solo.api, 'replica.assigned')).filter(({ event }) => event.jobId === jobId);
    expect(assigned.map(({ event }) => [event.role, event.provider, event.priceMicro])).toEqual([
      ['own-node', solo.peerId, '0'],
      ['own-node', solo.peerId, '0'],
    ]);
    expect(await solo.api.call('wallet.summary', {})).toEqual(before);
    expect((await solo.api.call('wallet.ledger', {})).rows).toEqual([]);
  });

  it('ends a job for a template that nobody offers, naming it', async () => {
    const { jobId } = await solo.api.call('jobs.submit', {
      template: 'text-generation',
      inputs: [{ prompt: 'Name a colour.' }],
      budgetMicro: '100000',
      deadlineMs: 2_500,
    });
    const job = await ended(solo.api, jobId);
    expect(job).toMatchObject({ state: 'failed', code: 'timeout' });
    expect(job.reason).toContain('2 different providers of text-generation are needed, 0 are known');
  });

  it('refuses what cannot be a job, and says what would do', async () => {
    expect(await refused({ template: 'text-clasification' })).toContain(
      'no template is called "text-clasification"; known here: custom-image, echo, embeddings, null, ocr, text-classification, text-generation',
    );
    expect(await refused({ model: 'infernet-huge' })).toMatch(
      /no model is called "infernet-huge"; known here: .*infernet-tiny/,
    );
    expect(await refused({ budgetMicro: '0' })).toMatch(/the budget is 0: .*jobs\.plan.*ownNode: "only"/);
    const inputs = [{ prompt: 'a' }, { text: 'b' }, { prompt: 7 }];
    expect(await refused({ inputs })).toMatch(/input 2 of text-classification: .*prompt/);
    expect(await refused({ params: { labels: 'good, bad' } })).toMatch(/params of text-classification: .*labels/);
    expect((await solo.api.call('jobs.list', {})).jobs.filter(({ state }) => state === 'planning')).toEqual([]);
  });

  it('refuses an input, and fails an output, over inlineBytesMax', async () => {
    const text = 'x'.repeat(524_288);
    const echo = { template: 'echo', model: null };
    expect(await refused({ ...echo, inputs: [{ text: 'fits' }, { text }] })).toMatch(
      /bad-input: input 1 has 524299 bytes; at most 524288 bytes \(inlineBytesMax\)/,
    );
    const { jobId } = await solo.api.call('jobs.submit', {
      ...echo,
      inputs: [{ text: 'once more', times: 60_000 }],
      budgetMicro: '100000',
      ownNode: 'only',
    });
    const job = await ended(solo.api, jobId);
    expect(job).toMatchObject({ state: 'failed', code: 'bad-input' });
    expect(job.reason).toMatch(/the outputs have 540\d\d\d bytes; at most 524288 \(inlineBytesMax\)/);
  });
});

/** Gives its text back, so often as it is asked to. */
async function writeEchoTemplate(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  const manifest = {
    name: 'echo',
    version: '1.0.0',
    title: 'Echo',
    description: 'Gives each text back.',
    verifier: 'exact',
    honestDisagreementPpm: 0,
    streaming: false,
    stateless: true,
    runner: 'runner.mjs',
    files: [],
    needsModel: false,
    resources: { memoryMiB: 64, timeoutMs: 10_000, outputBytesMax: 1_048_576 },
    params: { type: 'object' },
    input: {
      type: 'object',
      required: ['text'],
      properties: { text: { type: 'string' }, times: { type: 'integer', minimum: 1 } },
    },
    output: { type: 'object', required: ['text'], properties: { text: { type: 'string' } } },
  };
  const runner = `
import { createInterface } from 'node:readline';
const say = (message) => process.stdout.write(JSON.stringify(message) + '\\n');
createInterface({ input: process.stdin })
  .on('line', (line) => {
    const { type, id, inputs } = JSON.parse(line);
    if (type === 'load') say({ type: 'ready' });
    if (type !== 'run') return;
    inputs.forEach(({ text, times }, index) => say({ type: 'output', id, index, output: { text: text.repeat(times ?? 1) } }));
    say({ type: 'done', id });
  })
  .on('close', () => process.exit(0));
`;
  await writeFile(join(folder, 'template.json'), JSON.stringify(manifest));
  await writeFile(join(folder, 'runner.mjs'), runner);
}

describe('a node with something wrong around it', () => {
  it('starts without its bootstrap and with a corrupt model, names both, and does not offer what cannot run', async () => {
    const models = join(group.folder, 'models');
    const file = join(models, 'infernet-mine.gguf');
    await mkdir(models);
    await copyFile(join(shippedModels, 'infernet-tiny.gguf'), file);
    const manifest = ModelsManifest.parse(JSON.parse(await readFile(join(shippedModels, 'models.json'), 'utf8')));
    const [tiny] = manifest.models;
    const mine = { ...manifest, models: [{ ...tiny, name: 'infernet-mine', file: 'infernet-mine.gguf' }] };
    await writeFile(join(models, 'models.json'), JSON.stringify(mine));
    const handle = await open(file, 'r+');
    await handle.write(Buffer.from([0xff, 0x00, 0xff]), 0, 3, 3_000_000);
    await handle.close();

    const log: string[] = [];
    const node = await group.start({
      name: 'troubled',
      provider: true,
      bootstrap: [nobody],
      config: briskWith({ provider: { models: ['infernet-mine'] }, execution: { modelFolders: [models] } }),
      onLog: (line) => log.push(line),
    });
    const status = await node.api.call('node.status', {});
    expect(status.state).toBe('alone');
    expect(status.unreachableBootstrap).toContainEqual({
      address: nobody,
      reason: expect.stringContaining('ECONNREFUSED'),
    });
    expect(log.filter((line) => line.includes('"level":"warn"') && line.includes(nobody))).not.toEqual([]);

    const fault = status.faults.find((text) => text.includes(file));
    expect(fault).toMatch(/is corrupt: expected content id b\w+ .*, found b\w+ /);
    expect(fault).toContain(`delete ${file} and copy it again`);
    const { offers, notOffered } = await node.api.call('provider.status', {});
    expect(offers).toEqual([]);
    expect(notOffered).toContainEqual({ template: 'text-classification', reason: expect.stringMatching(/model/) });
    expect(await node.stop()).toBe(0);
  });

  it('refuses a damaged database, says what to do, and touches nothing', async () => {
    const settings = { name: 'damaged', provider: false, bootstrap: [], config: brisk };
    const node = await group.start(settings);
    await node.stop();
    const file = join(node.dataFolder, 'node.db');
    const { size } = statSync(file);
    const fd = openSync(file, 'r+');
    writeSync(fd, Buffer.alloc(4096, 0xaa), 0, 4096, 0);
    closeSync(fd);
    const failure = await group.start(settings).then(
      () => 'it started',
      (error: unknown) => String(error),
    );
    expect(failure).toContain('ended with code 65');
    expect(failure).toMatch(/infernet: .*damaged; nothing was deleted.*restore node\.db from a backup/);
    expect(statSync(file).size).toBe(size);
  });

  requires('root')('stops when the disk is full, and after that has all that it had acknowledged', async () => {
    const disk = join(group.folder, 'full');
    await mkdir(disk, { mode: 0o700 });
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=16m,mode=700', 'infernet-test', disk]);
    onTestFinished(() => void execFileSync('umount', ['-l', disk]));
    const log: string[] = [];
    const settings = {
      name: 'full',
      provider: true,
      bootstrap: [],
      // It takes work on a disk with next to no room, which it would not do by itself.
      config: briskWith({ aggregator: { discoverMs: 300 }, host: { diskFreeBytesMin: 0 } }),
      onLog: (line: string) => void log.push(line),
    };
    const node = await group.start(settings);
    const spec = { template: 'text-classification', model: 'infernet-tiny', budgetMicro: '100000' } as const;
    const done = await node.api.call('jobs.submit', { ...spec, inputs: await reviews(10), ownNode: 'only' });
    await ended(node.api, done.jobId);
    const labels = await labelsOf(node.api, done.jobId);

    // All but a little, and then jobs until there is nothing left.
    const ballast = join(disk, 'ballast');
    await writeFile(ballast, new Uint8Array(freeBytes(disk) - 512 * 1024));
    const acknowledged: string[] = [done.jobId];
    const refusal = await (async () => {
      for (;;) {
        const inputs = Array.from({ length: 20 }, (_, i) => ({ prompt: `${acknowledged.length}.${i} `.repeat(500) }));
        const { jobId } = await node.api.call('jobs.submit', { ...spec, inputs, ownNode: 'never' });
        acknowledged.push(jobId);
      }
    })().catch((error: unknown) => String(error));
    expect(acknowledged.length).toBeGreaterThan(1);
    expect(await node.exited, `${refusal}\n${log.join('\n')}`).toBe(74);
    expect(log.at(-1)).toMatch(/^infernet: .*no room left.*everything before it is intact: free some space/);

    await rm(ballast);
    const again = await group.start(settings);
    const { jobs } = await again.api.call('jobs.list', { limit: 1000 });
    expect(jobs.map(({ jobId }) => jobId)).toEqual(expect.arrayContaining(acknowledged));
    expect(await labelsOf(again.api, done.jobId)).toEqual(labels);
    expect(jobs.filter(({ state }) => state !== 'running').map(({ jobId }) => jobId)).toEqual([done.jobId]);
    await again.stop();
  });
});

function freeBytes(path: string): number {
  const [, size = '0'] = execFileSync('df', ['--output=avail', '-B1', path], { encoding: 'utf8' }).trim().split('\n');
  return Number(size);
}
