/**
 * Runners that want out (`hostile/`), on a real engine, through the executor that strangers' jobs go through. Of each: it
 * gets nowhere, its run ends with the right code, and the next run on this computer is as good as any. Why each wall is
 * there: docs/isolation.md.
 *
 * They run four at a time, each in a template and so in a container of its own; a test waits for its runner's end.
 */
import { chmod, copyFile, mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect } from 'vitest';
import { requires } from '../../../e2e/capabilities.ts';
import type { RunOutcome } from '../../ports/index.ts';
import type { Json } from '../../protocol/index.ts';
import { createRunnerExecutor, type RunnerExecutor } from '../runner/runner-executor.ts';
import { loadTemplates } from '../templates/load-templates.ts';
import { cancelSource, manifestOf, shippedModels, writeTemplate } from '../testing.ts';
import { noteBuilt } from './built-images.ts';
import { createDockerHost } from './docker-host.ts';
import { type Attack, attacks, dockerfileLines, honestMs, limits, ofItsOwn } from './hostile/attacks.ts';
import { hostileContext, hostileFiles } from './hostile/image.ts';
import { listenAround, marker, type Surroundings, secret } from './hostile/surroundings.ts';
import { lastId, startTestEngine, type TestEngine } from './testing.ts';

const test = requires('container-engine');
const lanes = ['lane-0', 'lane-1', 'lane-2', 'lane-3'] as const;

let engine: TestEngine;
let executor: RunnerExecutor;
let around: Surroundings;
let models = '';
const ids = new Map<string, string>();
const outcomes = new Map<string, Promise<RunOutcome>>();

beforeAll(async () => {
  if (process.getuid?.() !== 0) return;
  const folder = await mkdtemp(join(tmpdir(), 'ifn-iso-'));
  [around, engine] = await Promise.all([listenAround(folder), startTestEngine()]);
  await writeTemplates(folder);
  const { pidsMax, openFilesMax, scratchBytes } = limits;
  executor = createRunnerExecutor(
    [
      createDockerHost({
        owner: folder,
        builtImages: join(folder, 'images.json'),
        env: engine.env,
        limits: { pidsMax, openFilesMax, scratchBytes },
      }),
    ],
    {
      templateFolders: [join(folder, 'templates')],
      modelFolders: [models],
      cacheFolder: join(folder, 'cache'),
      limits: { processesMax: lanes.length + ofItsOwn.length, crashesMax: 1000, cancelMsMax: 300 },
    },
  );
  const { faults, models: found } = await executor.start();
  expect(faults).toEqual([]);
  ids.set('model', found[0]?.cid ?? '');
  // A job of somebody else, which is kept warm meanwhile.
  const left = await run('vault', { attack: 'other-jobs', leave: secret, look: secret }, ['x'], honestMs);
  expect(left).toEqual({
    ok: true,
    outputs: [{ found: expect.arrayContaining(['/tmp/secret']), processes: expect.any(Number) }],
  });
  startAttacks();
}, 120_000);

afterAll(async () => {
  await executor?.stop();
  await engine?.stop();
  await around?.close();
  if (around !== undefined) await rm(around.folder, { recursive: true, force: true });
}, 60_000);

for (const [name, { ends }] of Object.entries(attacks)) {
  test(name, async () => {
    const outcome = await outcomes.get(name);
    if (typeof ends === 'function') {
      expect(outcome, shown(outcome)).toMatchObject({ ok: true });
      if (outcome?.ok) ends(outcome.outputs[0]);
    } else {
      expect(outcome, shown(outcome)).toMatchObject({ ok: false, code: ends.code });
      if (outcome?.ok === false && ends.message !== undefined) expect(outcome.message).toMatch(ends.message);
    }
  }, 180_000);
}

test('nothing of them is left, and nobody of this computer was reached', async () => {
  await Promise.all(outcomes.values());
  await executor.stop();
  expect(await engine.docker.listContainers({ all: true })).toEqual([]);
  expect((await engine.docker.listVolumes()).Volumes).toEqual([]);
  expect(around.heard).toEqual([]);
  expect(await processesWith(marker)).toEqual([]);
  expect(await readFile(join(around.folder, 'secret'), 'utf8')).toBe(secret);
  const [model = ''] = await readdir(models);
  expect(await readFile(join(models, model))).toEqual(await readFile(join(shippedModels, model)));
}, 60_000);

const shown = (outcome: unknown): string => (JSON.stringify(outcome) ?? 'nothing').slice(0, 500);

/** Each lane takes the next attack when the last is over, and shows before that it still does honest work. */
function startAttacks(): void {
  const queue = Object.entries(attacks).map(([name, attack]) => {
    const { promise, resolve, reject } = Promise.withResolvers<RunOutcome>();
    // The test of that name looks at it.
    promise.catch(() => undefined);
    outcomes.set(name, promise);
    return { name, attack, resolve, reject };
  });
  for (const lane of lanes) {
    void (async () => {
      for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
        const { name, attack, resolve, reject } = next;
        try {
          const outcome = await attackOnce(attack, lane);
          const after = await run(lane, { attack: 'honest' }, [name], honestMs);
          if (after.ok && after.outputs[0] !== undefined) resolve(outcome);
          else reject(new Error(`after ${name} the next job ended with ${JSON.stringify(after)}`));
        } catch (error) {
          reject(error);
        }
      }
    })();
  }
}

async function attackOnce(
  { template, params = {}, inputs = ['x'], timeoutMs = honestMs }: Attack,
  lane: string,
): Promise<RunOutcome> {
  // Under way before its time is counted.
  if (template === undefined) await run(lane, { attack: 'honest' }, ['before'], honestMs);
  return run(
    template ?? lane,
    typeof params === 'function' ? params({ ...around, socketPath: engine.socketPath }) : params,
    inputs,
    timeoutMs,
  );
}

function run(
  template: string,
  params: Readonly<Record<string, Json>>,
  inputs: readonly Json[],
  timeoutMs: number,
): Promise<RunOutcome> {
  const request = {
    runId: marker,
    template: ids.get(template) ?? '',
    model: template === 'with-model' ? (ids.get('model') ?? null) : null,
    params,
    inputs,
    timeoutMs,
    onProgress: () => undefined,
  };
  return executor.run(request, cancelSource());
}

/** A template and an image of each: so each has a container of its own. */
async function writeTemplates(folder: string): Promise<void> {
  const root = join(folder, 'templates');
  models = join(folder, 'models');
  const [model = ''] = (await readdir(shippedModels))
    .filter((name) => name.endsWith('.gguf'))
    .sort()
    .reverse();
  await mkdir(models);
  await copyFile(join(shippedModels, model), join(models, model));
  // Whoever could write to it would.
  await chmod(join(models, model), 0o666);
  for (const name of [...lanes, ...ofItsOwn]) {
    const { memoryMiB, outputBytesMax } = limits;
    const resources = { memoryMiB, timeoutMs: 60_000, outputBytesMax };
    const manifest = manifestOf({ name, needsModel: name === 'with-model', resources, input: {}, output: {} });
    await writeTemplate(root, manifest, { 'runner.mjs': '' });
  }
  const { templates } = await loadTemplates([root]);
  const [files, base] = await Promise.all([hostileFiles(), engine.nodeImage()]);
  for (const { template } of templates) {
    ids.set(template.name, template.id);
    const context = hostileContext(files, base, template.id, dockerfileLines[template.name]);
    const built: NodeJS.ReadableStream = await engine.docker.buildImage(context, { rm: true, forcerm: true });
    let said = '';
    for await (const chunk of built) said += String(chunk);
    await noteBuilt(join(folder, 'images.json'), template.id, lastId(said));
  }
}

async function processesWith(word: string): Promise<string[]> {
  const found: string[] = [];
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
    if (command.includes(word)) found.push(`${pid} ${command}`);
  }
  return found;
}
