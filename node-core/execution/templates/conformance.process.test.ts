/** Every shipped template, and one that was just begun, does what its author says: in a process, and in a container. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { requires } from '../../../e2e/capabilities.ts';
import type { Executor, ExecutorInventory } from '../../ports/index.ts';
import { createExecutor } from '../create-executor.ts';
import { buildImages, imageOfTemplate } from '../docker/build-images.ts';
import { startTestEngine, type TestEngine } from '../docker/testing.ts';
import { shippedModels, shippedTemplates, temporaryFolder } from '../testing.ts';
import { type Conformance, conformanceOf } from './conformance.ts';
import { type LoadedTemplate, loadTemplates } from './load-templates.ts';
import { scaffoldTemplate, TemplateExistsError } from './scaffold.ts';

const modulesFolder = fileURLToPath(new URL('../../../node_modules', import.meta.url));
const buildMsMax = 240_000;
const inContainersOnly = ['custom-image', 'ocr'];

let folder: string;
let remove: () => Promise<void>;
let engine: TestEngine | null = null;
const executors: Executor[] = [];
let loaded: readonly LoadedTemplate[];
beforeAll(async () => {
  ({ path: folder, remove } = await temporaryFolder());
  await scaffoldTemplate(join(folder, 'own'), 'word-count', shippedTemplates);
  const found = await loadTemplates([shippedTemplates, join(folder, 'own')]);
  expect(found.faults).toEqual([]);
  loaded = found.templates;
});
afterAll(async () => {
  await Promise.all(executors.map((executor) => executor.stop()));
  await engine?.stop();
  await remove();
});

const builtImages = (): string => join(folder, 'images.json');

async function start(runIn: 'embedded' | 'docker', env: Readonly<Record<string, string>> = {}) {
  const executor = createExecutor({
    runIn,
    templateFolders: [shippedTemplates, join(folder, 'own')],
    modelFolders: [shippedModels],
    cacheFolder: join(folder, 'cache'),
    customImages: () => ({ allow: 'any', images: [] }),
    docker: { owner: null, builtImages: builtImages(), env },
    embedded: {},
  });
  executors.push(executor);
  return { executor, inventory: await executor.start() };
}

async function statesOf(
  { executor, inventory }: { executor: Executor; inventory: ExecutorInventory },
  imageOf: (template: LoadedTemplate) => Promise<string | null>,
): Promise<Record<string, Conformance>> {
  const states: Record<string, Conformance> = {};
  for (const one of loaded) {
    const image = one.template.customImage === true ? await imageOf(one) : null;
    states[one.template.name] = await conformanceOf(executor, inventory, one, image === null ? {} : { image });
  }
  return states;
}

const faultsIn = (states: Record<string, Conformance>): string[] =>
  Object.entries(states).flatMap(([name, { state, detail }]) => (state === 'passed' ? [] : [`${name}: ${detail}`]));

describe('as a process', () => {
  it('each template that can passes; the others say that they cannot', async () => {
    const states = await statesOf(await start('embedded'), async () => null);
    const skipped = inContainersOnly.map((name) => expect.stringMatching(`^${name}: .*${name} runs in docker only`));
    expect(faultsIn(states)).toEqual(skipped);
    expect(Object.keys(states)).toContain('word-count');
  });

  it('one that gives another answer than expected fails', async () => {
    const running = await start('embedded');
    const own = loaded.find(({ template }) => template.name === 'word-count');
    if (own === undefined) throw new Error('no word-count');
    const expected = join(own.folder, 'expected.json');
    const before = await readFile(expected, 'utf8');
    await writeFile(expected, before.replace('3', '4'));
    expect(await conformanceOf(running.executor, running.inventory, own)).toEqual({
      state: 'failed',
      detail: 'output 0 is {"words":3}, expected {"words":4}',
    });
    // What came out becomes what is expected, where its author means it.
    expect((await conformanceOf(running.executor, running.inventory, own, { update: true })).state).toBe('passed');
    expect(JSON.parse(await readFile(expected, 'utf8'))).toEqual(JSON.parse(before));
  });
});

requires('container-engine')(
  'every template passes in a container',
  async () => {
    engine = await startTestEngine();
    const { env } = engine;
    const images = await buildImages({
      templates: loaded,
      base: null,
      nodeBinary: process.execPath,
      modulesFolder,
      cacheFolder: join(folder, 'cache'),
      builtImages: builtImages(),
      env,
      onLine: () => undefined,
    });
    expect(images.filter(({ fault }) => fault !== null)).toEqual([]);
    const states = await statesOf(await start('docker', env), (one) => imageOfTemplate(one, env, builtImages()));
    expect(faultsIn(states)).toEqual([]);
    expect(Object.keys(states)).toHaveLength(7);
  },
  buildMsMax,
);

it('a new template does not overwrite a folder', async () => {
  await expect(scaffoldTemplate(join(folder, 'own'), 'word-count', shippedTemplates)).rejects.toThrow(
    TemplateExistsError,
  );
});
