/** Images of templates, built by a real engine. */
import { cp, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect } from 'vitest';
import { requires } from '../../../e2e/capabilities.ts';
import { type LoadedTemplate, loadTemplates } from '../templates/load-templates.ts';
import { shippedTemplates, temporaryFolder } from '../testing.ts';
import { createImageBuilder } from './images.ts';
import { imageOf } from './template-images.ts';
import { startTestEngine, type TestEngine } from './testing.ts';

const needsEngine = requires('container-engine');
const modulesFolder = fileURLToPath(new URL('../../../node_modules', import.meta.url));
const buildMsMax = 120_000;

let engine: TestEngine | null = null;
let folder: string;
let remove: () => Promise<void>;
beforeAll(async () => {
  ({ path: folder, remove } = await temporaryFolder());
});
afterAll(async () => {
  await engine?.stop();
  await remove();
});

async function nullIn(root: string): Promise<LoadedTemplate> {
  const found = (await loadTemplates([root])).templates.find(({ template }) => template.name === 'null');
  if (found === undefined) throw new Error(`no template null in ${root}`);
  return found;
}

needsEngine(
  'an image holds a template’s own files on a base that is the same each time, and is found by the template’s id',
  async () => {
    engine ??= await startTestEngine();
    const { docker } = engine;
    const root = join(folder, 'templates');
    await cp(shippedTemplates, root, { recursive: true });
    await writeFile(join(root, 'null', 'secret.txt'), 'not in the id, so not in the image');
    const loaded = await nullIn(root);
    const { id } = loaded.template;
    const builtImages = join(folder, 'images.json');
    expect(await imageOf(docker, id, builtImages)).toBeNull();

    const said: string[] = [];
    const make = () =>
      createImageBuilder(docker, {
        base: null,
        nodeBinary: process.execPath,
        modulesFolder,
        cacheFolder: join(folder, 'cache'),
        builtImages,
        onLine: (line) => void said.push(line),
      }).build(loaded);
    const image = await make();
    expect(await imageOf(docker, id, builtImages)).toBe(image);
    // Its label alone makes no image a template's.
    expect(await imageOf(docker, id, join(folder, 'others.json'))).toBeNull();
    const { Config, RootFS } = await docker.getImage(image).inspect();
    expect(Config.User).toBe('65534:65534');
    expect(Config.Env).toEqual(['PATH=/usr/local/bin:/usr/bin:/bin']);
    expect(await make()).toBe(image);
    const bases = said.flatMap((line) => /^base image node: (?<id>sha256:\S+)/.exec(line)?.groups?.['id'] ?? []);
    expect(new Set(bases).size).toBe(1);

    const container = await docker.createContainer({ Image: image });
    const own = await textOf(await container.getArchive({ path: '/templates' }));
    await container.remove();
    expect(own).toContain('runner.mjs');
    expect(own).not.toContain('secret');

    // Another template has no image until it is built, and its layers are those of its files.
    await writeFile(join(root, 'null', 'sample.json'), JSON.stringify({ params: {}, inputs: [1] }));
    const changed = await nullIn(root);
    expect(await imageOf(docker, changed.template.id, builtImages)).toBeNull();
    const other = await createImageBuilder(docker, {
      base: bases[0] ?? null,
      nodeBinary: null,
      modulesFolder: null,
      cacheFolder: join(folder, 'cache'),
      builtImages,
      onLine: () => undefined,
    }).build(changed);
    expect((await docker.getImage(other).inspect()).RootFS.Layers?.at(0)).toBe(RootFS.Layers?.at(0));
  },
  buildMsMax,
);

needsEngine(
  'a build that fails says why',
  async () => {
    engine ??= await startTestEngine();
    const root = join(folder, 'broken');
    await cp(shippedTemplates, root, { recursive: true });
    await writeFile(join(root, 'null', 'Dockerfile'), 'ARG BASE\nFROM $BASE\nCOPY nowhere /\n');
    const builder = createImageBuilder(engine.docker, {
      base: await engine.nodeImage(),
      nodeBinary: null,
      modulesFolder: null,
      cacheFolder: join(folder, 'cache'),
      builtImages: join(folder, 'images.json'),
      onLine: () => undefined,
    });
    await expect(builder.build(await nullIn(root))).rejects.toThrow(/nowhere/);
  },
  buildMsMax,
);

async function textOf(stream: NodeJS.ReadableStream): Promise<string> {
  const parts: Buffer[] = [];
  for await (const chunk of stream) parts.push(Buffer.from(chunk));
  return Buffer.concat(parts).toString('latin1');
}
