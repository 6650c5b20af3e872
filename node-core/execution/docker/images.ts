/**
 * Images of templates on an engine. An image is known by the label that holds its template's id, and by a file that says that it
 * was built here. A template that changed has none until it is built again.
 *
 * The build gets the files that the template's id covers, and nothing else: what is not hashed is not in the image.
 */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join, posix } from 'node:path';
import { Readable } from 'node:stream';
import type Docker from 'dockerode';
import { pack } from 'tar-stream';
import { z } from '../../protocol/index.ts';
import type { LoadedTemplate } from '../templates/load-templates.ts';
import { noteBuilt } from './built-images.ts';
import { Layer, loadImage, packedAt } from './image-archive.ts';
import { addLlama, addNode, systemFiles } from './node-base.ts';
import { imageOf, templateLabel } from './template-images.ts';
import { addTesseract } from './tesseract-base.ts';

const dockerfileName = 'Dockerfile';

export interface BuildOptions {
  /** Builds on this instead of on what this computer has: by digest or id. */
  readonly base: string | null;
  /** Of Node, for the base that is made here; null where this program is no Node. */
  readonly nodeBinary: string | null;
  /** The `node_modules` with node-llama-cpp. */
  readonly modulesFolder: string | null;
  /** For packages that were fetched. */
  readonly cacheFolder: string;
  /** File that keeps what was built here. */
  readonly builtImages: string;
  /** What the build says, line by line. */
  onLine(line: string): void;
}

export interface ImageBuilder {
  /** @returns the image's id. @throws Error with a message for people. */
  build(loaded: LoadedTemplate): Promise<string>;
}

/** Builds one template after the other; a base that several build on is made once. */
export function createImageBuilder(engine: Docker, options: BuildOptions): ImageBuilder {
  const bases = new Map<BaseKind, Promise<string>>();
  const baseOf = (kind: BaseKind): Promise<string> => {
    const made = bases.get(kind) ?? makeBase(engine, kind, options);
    bases.set(kind, made);
    return made;
  };
  return {
    build: async (loaded) => {
      const base = options.base ?? (await baseOf(loaded.template.imageBase ?? 'node'));
      return await buildOn(engine, loaded, base, options);
    },
  };
}

async function buildOn(
  engine: Docker,
  { template, folder, contents }: LoadedTemplate,
  base: string,
  { onLine, builtImages }: BuildOptions,
): Promise<string> {
  if (!contents.some(({ name }) => name === dockerfileName)) {
    throw new Error(`${template.name} has no Dockerfile among its files (template.json, \`files\`)`);
  }
  const context = pack();
  for (const { name, path } of contents) {
    // As beside the template's folder: its own files below its name, shared ones where `../` leads.
    const place = posix.join(basename(folder), name);
    context.entry({ name: place, mode: 0o644, mtime: packedAt, uid: 0, gid: 0 }, await readFile(path));
  }
  context.finalize();
  const name = { repo: `infernet/${template.name}`, tag: template.id.slice(-12) };
  const answer: NodeJS.ReadableStream = await engine.buildImage(Readable.from(context), {
    dockerfile: posix.join(basename(folder), dockerfileName),
    t: `${name.repo}:${name.tag}`,
    buildargs: { BASE: base },
    labels: { [templateLabel]: template.id },
    rm: true,
    forcerm: true,
  });
  await follow(answer, onLine);
  const built = engine.getImage(`${name.repo}:${name.tag}`);
  await noteBuilt(builtImages, template.id, (await built.inspect()).Id);
  // Whoever watches the engine looked when the build was done, and looks again now that it is noted.
  await built.tag(name);
  const image = await imageOf(engine, template.id, builtImages);
  if (image === null) throw new Error(`${template.name} was built, and that could not be noted in ${builtImages}`);
  return image;
}

type BaseKind = 'node' | 'tesseract';

/** The base of shipped templates, made of what is on this computer. @returns its id. */
async function makeBase(engine: Docker, kind: BaseKind, options: BuildOptions): Promise<string> {
  const { nodeBinary, modulesFolder, cacheFolder, onLine } = options;
  if (process.platform !== 'linux' || nodeBinary === null) {
    const why =
      nodeBinary === null ? 'this app has no Node of its own' : 'this computer’s programs are not Linux programs';
    throw new Error(`a base image cannot be made here, since ${why}: name one by --base (resources/templates/base)`);
  }
  onLine(`base image ${kind}: packing`);
  const folder = await mkdtemp(join(tmpdir(), 'infernet-base-'));
  try {
    const layer = new Layer(join(folder, 'layer.tar'));
    if (kind === 'tesseract') await addTesseract(layer, cacheFolder, nodeBinary);
    else {
      await addNode(layer, nodeBinary);
      if (modulesFolder === null) throw new Error('node-llama-cpp was not found: name a base image by --base');
      await addLlama(layer, modulesFolder);
    }
    systemFiles(layer);
    const id = await loadImage(engine, layer, {
      tag: (digest) => `infernet/base-${kind}:${digest}`,
      env: ['PATH=/usr/local/bin:/usr/bin:/bin'],
      user: '65534:65534',
    });
    onLine(`base image ${kind}: ${id}`);
    return id;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

const BuildLine = z.object({
  stream: z.string().optional(),
  status: z.string().optional(),
  error: z.string().optional(),
});

/** @throws Error with the build's own words when it failed. */
async function follow(answer: NodeJS.ReadableStream, onLine: (line: string) => void): Promise<void> {
  let rest = '';
  const take = (line: string): void => {
    if (line.trim() === '') return;
    const { stream, status, error } = BuildLine.parse(JSON.parse(line));
    if (error !== undefined) throw new Error(error);
    const said = (stream ?? status ?? '').trim();
    if (said !== '') onLine(said);
  };
  for await (const chunk of answer) {
    const lines = `${rest}${String(chunk)}`.split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) take(line);
  }
  take(rest);
}
