/**
 * The base image of the shipped templates, from what this computer runs itself: its Node, its node-llama-cpp, and the C
 * libraries that the two ask for. No shell, no package manager, nothing else. Linux only; elsewhere a base is named by its digest.
 */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readdir, readFile, realpath } from 'node:fs/promises';
import { dirname, join, relative, sep } from 'node:path';
import { promisify } from 'node:util';
import { z } from '../../protocol/index.ts';
import type { Layer } from './image-archive.ts';

const run = promisify(execFile);
const lddMsMax = 30_000;
const lddBytesMax = 4 * 2 ** 20;
const llama = 'node-llama-cpp';

const PackageJson = z.object({
  version: z.string().optional(),
  dependencies: z.record(z.string(), z.string()).optional(),
});

/** What a program finds of users and system; nobody has a password, a home or a shell. */
export function systemFiles(layer: Layer): void {
  layer.folder('tmp', 0o1777);
  for (const mount of ['dev', 'proc', 'sys', 'models']) layer.folder(mount);
  layer.text('etc/passwd', 'root:x:0:0::/:\nnobody:x:65534:65534::/:\n');
  layer.text('etc/group', 'root:x:0:\nnogroup:x:65534:\n');
  layer.text('etc/os-release', 'NAME=infernet\nID=infernet\n');
}

/** @param node a Linux program of Node. */
export async function addNode(layer: Layer, node: string): Promise<void> {
  await layer.file('usr/local/bin/node', await realpath(node), 0o755);
  await addLibraries(layer, [await realpath(node)]);
}

/** Builds for NVIDIA’s cards, where their owner fetched them (`infernet-desktop gpu install cuda`). */
const cudaBuilds = ['cuda', 'cuda-ext'].map((build) => `@node-llama-cpp/linux-${process.arch}-${build}`);

/** @param modulesFolder the `node_modules` with node-llama-cpp in it. */
export async function addLlama(layer: Layer, modulesFolder: string): Promise<void> {
  const modules = await realpath(modulesFolder);
  const natives: string[] = [];
  const cuda = cudaBuilds.filter((name) => placeOf(name, modules, modules) !== null);
  for (const folder of await packagesOf(modules, [llama, `@node-llama-cpp/linux-${process.arch}`, ...cuda])) {
    for (const file of await filesOf(folder)) {
      const path = join('node_modules', relative(modules, file)).replaceAll(sep, '/');
      await layer.file(path, file, 0o644);
      if (/\.(node|so)(\.|$)/.test(file)) natives.push(file);
    }
  }
  await addLibraries(layer, natives);
}

/** Folders of the packages and of all that they depend on, in order of their paths. */
async function packagesOf(modules: string, names: readonly string[]): Promise<string[]> {
  const found = new Set<string>();
  const take = async (name: string, from: string): Promise<void> => {
    const folder = placeOf(name, from, modules);
    // Optional ones of other platforms are not there.
    if (folder === null || found.has(folder)) return;
    found.add(folder);
    const { dependencies = {} } = PackageJson.parse(JSON.parse(await readFile(join(folder, 'package.json'), 'utf8')));
    for (const dependency of Object.keys(dependencies)) await take(dependency, folder);
  };
  for (const name of names) {
    if (placeOf(name, modules, modules) === null) throw new Error(`${name} is not in ${modules}`);
    await take(name, modules);
  }
  return [...found].sort();
}

/** As Node looks for a package, up to `modules` and no further. */
function placeOf(name: string, from: string, modules: string): string | null {
  for (let here = from; here.length > modules.length; here = dirname(here)) {
    const folder = join(here, 'node_modules', name);
    if (existsSync(join(folder, 'package.json'))) return folder;
  }
  const folder = join(modules, name);
  return existsSync(join(folder, 'package.json')) ? folder : null;
}

/** Those that a running program reads: no sources of natives, types, maps, notes, and no packages inside (they come by themselves). */
async function filesOf(folder: string): Promise<string[]> {
  const found: string[] = [];
  const walk = async (here: string): Promise<void> => {
    for (const entry of await readdir(here, { withFileTypes: true })) {
      const path = join(here, entry.name);
      if (entry.isDirectory()) {
        if (entry.name !== 'node_modules') await walk(path);
      } else if (entry.isFile() && isRead(relative(folder, path), folder)) found.push(path);
    }
  };
  await walk(folder);
  return found.sort();
}

/** Of the sources of llama.cpp, which come along to be compiled, a program reads only what release they are. */
function isRead(path: string, folder: string): boolean {
  if (folder.endsWith(llama) && path.startsWith(`llama${sep}`))
    return dirname(path) === 'llama' && path.endsWith('.json');
  return !/\.(md|map|d\.[cm]?ts|tsbuildinfo)$/.test(path);
}

/** The shared libraries that natives ask for, under the paths where the loader finds them. */
async function addLibraries(layer: Layer, natives: readonly string[]): Promise<void> {
  const { stdout } = await run('ldd', [...natives], { timeout: lddMsMax, maxBuffer: lddBytesMax }).catch(
    (error: unknown) => {
      const reason = error instanceof Error ? error.message : String(error);
      throw new Error(`what ${natives[0]} needs could not be found out: ${reason}`);
    },
  );
  for (const path of librariesIn(stdout)) {
    if (natives.some((native) => dirname(native) === dirname(path))) continue;
    await layer.file(path.slice(1), await realpath(path), 0o755);
  }
}

/** Of what `ldd` says; sorted, each once. */
export function librariesIn(text: string): string[] {
  const paths = text.split('\n').flatMap((line) => {
    const path = /^\s+(?:\S+ => )?(?<path>\/\S+) \(0x[0-9a-f]+\)$/.exec(line)?.groups?.['path'];
    return path === undefined ? [] : [path];
  });
  return [...new Set(paths)].sort();
}
