/** The executor in containers of a real engine: runners that misbehave, and an engine that does. */
import { execFileSync } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, vi } from 'vitest';
import { requires } from '../../../e2e/capabilities.ts';
import type { InstalledTemplate, RunOutcome } from '../../ports/index.ts';
import type { TemplateManifest } from '../../protocol/index.ts';
import { createExecutor, type LocalExecutorOptions } from '../create-executor.ts';
import type { RunnerExecutor } from '../runner/runner-executor.ts';
import { loadTemplates } from '../templates/load-templates.ts';
import {
  type Ask,
  askOf,
  holdSource,
  manifestOf,
  misbehaviours,
  moodyRunner,
  temporaryFolder,
  writeTemplate,
} from '../testing.ts';
import type { DockerHostOptions } from './docker-host.ts';
import { buildRunnerImage, startTestEngine, type TestEngine } from './testing.ts';
import { turnOver } from './turnover.ts';

const needsEngine = requires('container-engine');
const waitMsMax = 30_000;
/** 36 KiB for each of 58 containers. */
const memoryMoreBytesMax = 2 * 2 ** 20;
vi.setConfig({ testTimeout: 90_000, hookTimeout: 90_000 });

const manifests: readonly TemplateManifest[] = [
  manifestOf({ name: 'fake' }),
  manifestOf({ name: 'fresh', stateless: false }),
  manifestOf({ name: 'silent' }),
  manifestOf({ name: 'unbuilt' }),
];

let folder: string;
let remove: () => Promise<void>;
let real: TestEngine | null = null;
let executor: RunnerExecutor | null = null;

const templates = (): string => join(folder, 'templates');
const builtImages = (): string => join(folder, 'images.json');

beforeAll(async () => {
  ({ path: folder, remove } = await temporaryFolder());
  for (const manifest of manifests) await writeTemplate(templates(), manifest, { 'runner.mjs': moodyRunner });
});
afterEach(async () => {
  await executor?.stop();
  executor = null;
});
afterAll(async () => {
  await real?.stop();
  await remove();
});

async function buildAll(engine: TestEngine): Promise<void> {
  for (const { template } of (await loadTemplates([templates()])).templates) {
    if (template.name === 'unbuilt') continue;
    const lines = template.name === 'silent' ? ['ENV INFERNET_TEST_SILENT=1'] : [];
    await buildRunnerImage(engine, {
      template: template.id,
      runner: moodyRunner,
      builtImages: builtImages(),
      lines,
    });
  }
}

/** One engine for all of this file, made when the first test asks for it. */
async function theEngine(): Promise<TestEngine> {
  if (real === null) {
    real = await startTestEngine();
    await buildAll(real);
  }
  return real;
}

async function begin(
  options: Partial<LocalExecutorOptions> = {},
  docker: Partial<DockerHostOptions> = {},
): Promise<ReadonlyMap<string, InstalledTemplate>> {
  const { env } = await theEngine();
  executor = createExecutor({
    runIn: 'docker',
    templateFolders: [templates()],
    modelFolders: [],
    cacheFolder: join(folder, 'cache'),
    embedded: {},
    docker: {
      owner: folder,
      builtImages: builtImages(),
      env,
      engineLimits: { retryMsMin: 50, retryMsMax: 200 },
      ...docker,
    },
    ...options,
  });
  const started = await executor.start();
  return new Map(started.templates.map((installed) => [installed.template.name, installed]));
}

function ask(installed: InstalledTemplate | undefined, asked?: Ask): Promise<RunOutcome> {
  if (executor === null || installed === undefined) throw new Error('not begun');
  return askOf(executor, installed, asked);
}

async function containers(): Promise<string[]> {
  return (await (await theEngine()).docker.listContainers({ all: true })).map(({ Id }) => Id);
}

describe('a run in a container', () => {
  needsEngine('gives one output for each input; the next one finds the runner warm', async () => {
    const fake = (await begin()).get('fake');
    const outcome = await ask(fake);
    expect(outcome).toEqual({ ok: true, outputs: [{ text: 'a' }, { text: 'b' }, { text: 'c' }] });
    const { ids = [] } = executor ?? {};
    expect(ids).toEqual(await containers());
    expect(await ask(fake, { params: { mode: 'reversed' } })).toEqual(outcome);
    expect(executor?.ids).toEqual(ids);
    await executor?.stop();
    expect(await containers()).toEqual([]);
  });

  for (const [mode, code, message] of misbehaviours) {
    needsEngine(`whose runner does “${mode}” ends with ${code}, and the next one works`, async () => {
      const fake = (await begin()).get('fake');
      expect(await ask(fake, { params: { mode } })).toEqual({
        ok: false,
        code,
        message: expect.stringMatching(message),
      });
      expect(await ask(fake)).toMatchObject({ ok: true });
    });
  }

  needsEngine('may write so much and no more', async () => {
    const fake = (await begin()).get('fake');
    const inputs = Array.from({ length: 10 }, () => ({ text: 'x' }));
    expect(await ask(fake, { params: { mode: 'too-much' }, inputs })).toMatchObject({
      code: 'container',
      message: 'the runner wrote more than the 4096 bytes that it may',
    });
  });

  for (const mode of ['hang', 'busy', 'deaf']) {
    needsEngine(`that does “${mode}” ends at its time, and its container is gone`, async () => {
      const fake = (await begin({ runsMax: 1, limits: { cancelMsMax: 200 } })).get('fake');
      await ask(fake);
      const [first = ''] = await containers();
      expect(await ask(fake, { params: { mode }, timeoutMs: 500 })).toMatchObject({ ok: false, code: 'timeout' });
      expect(await ask(fake)).toMatchObject({ ok: true });
      await vi.waitUntil(async () => !(await containers()).includes(first), waitMsMax);
    });
  }

  needsEngine('that is held stands still in the engine, and goes on where it stood', async () => {
    const fake = (await begin()).get('fake');
    const { docker } = await theEngine();
    const hold = holdSource();
    const inputs = Array.from({ length: 40 }, (_, at) => ({ text: String(at) }));
    let itemsDone = 0;
    const onProgress = (count: number): void => {
      itemsDone = count;
    };
    const running = ask(fake, { params: { mode: 'steps', everyMs: 20 }, inputs, hold, onProgress });
    await vi.waitUntil(() => itemsDone > 2, waitMsMax);
    const [id = ''] = executor?.ids ?? [];
    const isPaused = async (): Promise<boolean> => (await docker.getContainer(id).inspect()).State.Paused;
    hold.set(true);
    await vi.waitUntil(isPaused, waitMsMax);
    // What it had said before is read; from then on nothing comes.
    let seen = -1;
    await vi.waitUntil(
      () => {
        const isStill = seen === itemsDone;
        seen = itemsDone;
        return isStill;
      },
      { timeout: waitMsMax, interval: 300 },
    );
    expect(seen).toBeLessThan(inputs.length);
    hold.set(false);
    expect(await running).toEqual({ ok: true, outputs: inputs });
    expect(itemsDone).toBe(inputs.length);
    expect(await isPaused()).toBe(false);
  });

  needsEngine('that fills its scratch is told so, and no other is harmed', async () => {
    const fake = (await begin({}, { limits: { scratchBytes: 4 * 2 ** 20 } })).get('fake');
    expect(await ask(fake, { params: { mode: 'fill', bytes: 8 * 2 ** 20 } })).toMatchObject({
      code: 'container',
      message: expect.stringContaining('exit code 3; it last wrote: ENOSPC'),
    });
    expect(await ask(fake)).toMatchObject({ ok: true });
  });

  needsEngine('whose runner says nothing ends when it should be ready', async () => {
    const silent = (await begin({ limits: { loadMsMax: 1500 } })).get('silent');
    expect(await ask(silent)).toMatchObject({ code: 'container', message: 'the runner was not ready after 1500 ms' });
    await vi.waitUntil(async () => (await containers()).length === 0, waitMsMax);
  });

  needsEngine('of a template that is not declared stateless has a container of its own', async () => {
    const fresh = (await begin({ limits: { processesMax: 3 } })).get('fresh');
    const inputs = [{ text: '' }];
    const run = () => ask(fresh, { params: { mode: 'who' }, inputs });
    expect(await run()).toEqual({ ok: true, outputs: [{ text: '1 1' }] });
    expect(await Promise.all([run(), run(), run()])).toEqual(
      Array.from({ length: 3 }, () => ({ ok: true, outputs: [{ text: '1 1' }] })),
    );
    expect(executor?.warm?.()).toEqual([]);
    await vi.waitUntil(async () => (await containers()).length === 0, waitMsMax);
  });

  needsEngine(
    'leaves nothing behind: 50 containers one after the other, and 8 at once',
    async () => {
      const fresh = (await begin({ limits: { processesMax: 8 } })).get('fresh');
      const run = () => ask(fresh, { params: { mode: 'who' }, inputs: [{ text: '' }] });
      const { docker } = await theEngine();
      const left = await turnOver({ docker, sequence: 50, together: 8, run });
      expect(left).toMatchObject({ faults: [], containersLeft: 0, openFilesMore: 0 });
      expect(left.memoryMoreBytes).toBeLessThan(memoryMoreBytesMax);
    },
    300_000,
  );

  needsEngine('needs an image, and finds one that was built since', async () => {
    const found = await begin();
    const unbuilt = found.get('unbuilt');
    expect(unbuilt?.runnable).toMatchObject({ ok: false, reason: expect.stringContaining('templates build unbuilt') });
    expect(await ask(unbuilt)).toMatchObject({ code: 'template-missing' });
    let told = 0;
    executor?.onChange?.(() => {
      told++;
    });
    const engine = await theEngine();
    const template = unbuilt?.template.id ?? '';
    // An image that came from somewhere else may say that it is this template's: it is not taken.
    const elsewhere = join(folder, 'elsewhere.json');
    const foreign = { template, runner: 'process.exit(9)', builtImages: elsewhere };
    const stranger = await buildRunnerImage(engine, foreign);
    expect(await ask(unbuilt)).toMatchObject({ code: 'template-missing' });
    expect(told).toBe(0);
    const image = await buildRunnerImage(engine, { template, runner: moodyRunner, builtImages: builtImages() });
    await vi.waitUntil(() => told > 0, waitMsMax);
    // Nor if it is newer.
    await buildRunnerImage(engine, { ...foreign, lines: ['ENV NEWER=1'] });
    expect(executor?.installed?.().find(({ template }) => template.name === 'unbuilt')?.runnable).toEqual({ ok: true });
    expect(await ask(unbuilt)).toMatchObject({ ok: true });
    await executor?.stop();
    for (const id of [image, stranger]) await engine.docker.getImage(id).remove({ force: true });
  });

  needsEngine('falls back to a process where it may, and not where it must not', async () => {
    const found = await begin({ runIn: 'auto' });
    expect(await ask(found.get('unbuilt'))).toMatchObject({ ok: true });
    expect(await containers()).toEqual([]);
    expect(await ask(found.get('fake'))).toMatchObject({ ok: true });
    expect(await containers()).toHaveLength(1);
  });
});

describe('an engine', () => {
  needsEngine('that dies fails the runs on it; what it left is removed when it is back, and runs go on', async () => {
    const engine = await theEngine();
    const found = await begin();
    const fake = found.get('fake');
    expect(executor?.engine?.()).toMatchObject({
      state: 'found',
      problems: [{ code: 'image-missing', text: 'no image is built of unbuilt' }],
    });
    const states: boolean[] = [];
    executor?.onChange?.(() => states.push(executor?.installed?.()[0]?.runnable.ok ?? false));
    let killing = Promise.resolve();
    const running = ask(fake, {
      params: { mode: 'hang' },
      onProgress: () => {
        killing = engine.kill();
      },
    });
    expect(await running).toEqual({
      ok: false,
      code: 'internal',
      message: 'the container engine went away while the runner worked',
    });
    await killing;
    expect(await ask(fake)).toMatchObject({ ok: false, code: 'no-capacity' });
    expect(states.at(-1)).toBe(false);
    // What people are shown of it, without another look.
    expect(executor?.engine?.()).toMatchObject({ state: 'missing', problems: [{ code: 'not-running' }] });
    await engine.start();
    await vi.waitUntil(() => states.at(-1) === true, waitMsMax);
    expect(await ask(fake)).toMatchObject({ ok: true });
    await vi.waitUntil(async () => (await containers()).length === 1, waitMsMax);
  });

  needsEngine('without an answer at all is waited for as long as was said', async () => {
    const engine = await theEngine();
    const fake = (await begin({}, { limits: { answerMsMax: 1000 }, engineLimits: { answerMsMax: 500 } })).get('fake');
    process.kill(engine.pid, 'SIGSTOP');
    const outcome = await ask(fake);
    process.kill(engine.pid, 'SIGCONT');
    expect(outcome).toMatchObject({ code: 'no-capacity', message: expect.stringContaining('gave no answer within') });
    await vi.waitUntil(async () => (await ask(fake)).ok, waitMsMax);
  });

  needsEngine('has nothing left of a node that was killed, once that starts again', async () => {
    await begin();
    const fake = executor?.installed?.()[0];
    await ask(fake);
    const [orphan = ''] = await containers();
    const crashed = executor;
    // Another start on the same data folder, as after a kill; and one beside it that only looks.
    const { env } = await theEngine();
    const others = (owner: string | null) =>
      createExecutor({
        runIn: 'docker',
        templateFolders: [templates()],
        modelFolders: [],
        cacheFolder: join(folder, 'cache'),
        embedded: {},
        docker: { owner, builtImages: builtImages(), env },
      });
    for (const owner of [null, `${folder}-other`]) {
      const looking = others(owner);
      await looking.start();
      expect(await containers()).toEqual([orphan]);
      await looking.stop();
    }
    const next = others(folder);
    await next.start();
    await vi.waitUntil(async () => (await containers()).length === 0, waitMsMax);
    await next.stop();
    await crashed?.stop();
  });

  needsEngine('whose disk is full says so', async () => {
    const disk = join(folder, 'disk');
    await mkdir(disk);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=600m', 'infernet-test', disk]);
    const small = await startTestEngine({ dataFolder: join(disk, 'data') });
    try {
      await buildAll(small);
      const fake = (await begin({}, { env: small.env })).get('fake');
      const free = Number(execFileSync('stat', ['--file-system', '--format=%a', disk], { encoding: 'utf8' }));
      const size = Number(execFileSync('stat', ['--file-system', '--format=%S', disk], { encoding: 'utf8' }));
      await writeFile(join(disk, 'ballast'), Buffer.alloc(1), { flag: 'w' });
      execFileSync('fallocate', ['-l', String((free - 1) * size), join(disk, 'ballast')]);
      expect(await ask(fake)).toMatchObject({ code: 'no-capacity', message: expect.stringContaining('disk is full') });
      await executor?.stop();
    } finally {
      await small.stop();
      execFileSync('umount', ['--lazy', disk]);
    }
  });
});
