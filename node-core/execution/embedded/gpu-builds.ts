/**
 * Builds of llama.cpp for graphics cards: large, so fetched on request only, and exactly what was reviewed (by its hash). They
 * lie beside node-llama-cpp, which looks for them there. None was ever run on such a card by those who wrote this.
 *
 * Decision 0009 says why they do not come with everything else.
 */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { constants, createWriteStream, existsSync } from 'node:fs';
import { access, mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import { z } from '../../protocol/index.ts';
import { messageOf } from '../fault.ts';

const run = promisify(execFile);
const scope = '@node-llama-cpp';

/** Of node-llama-cpp, whose builds these are. */
const reviewedVersion = '3.21.1';
/** As package-lock.json has it for everything else: what is fetched is exactly what was reviewed. */
const reviewed: Integrity = {
  'linux-x64-cuda': 'sha512-idsE55VoD/FbvLhnBC9krUJaUoC0XnebseAAnCpm/brKf61HEbu+idgbb5eN6mxkjLSrHtILprJ0nDcUJjVrFg==',
  'linux-x64-cuda-ext':
    'sha512-1PuURowccBcks3CCoMe1mTHh5vD0V5bFHMUEgtbI/OSDjpP+Pdbn+lf42CGUrepTzR8kCH1HovQ7d8q6/vuIKA==',
  'linux-x64-vulkan': 'sha512-flEeSzONQ6OIm5bYKLQf4eEnBzcC5WugFbyPUwkCqyyOFZ8pH0H9ulQ7ZNDLSIczeKneMRJornlyY1Hq7d3GDA==',
  'win-x64-cuda': 'sha512-PLz70neFEMkQTlmJqG1ujUtCSgHasLPMxQ9rLkqQVmZYAXqkRj+45TIHCjdn3XqUeaoun0vrO9rRaxZ8NVq9jg==',
  'win-x64-cuda-ext': 'sha512-L2MxLVEYPDDe4O8EDWPmX6brldc9+Vt9hNoT/anj3pSnmrjkQcmaoKhHs6oP5qhEhb5Uog0rj6lgzNGtJO3p9Q==',
  'win-x64-vulkan': 'sha512-HJ237Azh5m4Sz+w3A1IU/fYLaSDOocskcfn2ILTgqTuuORCB86EMnu3Yt/XsNhRHTtEiwz1Q/E0mO4PLIbZLAA==',
};

export const gpuBackends = ['cuda', 'vulkan'] as const;
export type GpuBackend = (typeof gpuBackends)[number];
type Integrity = Readonly<Record<string, string>>;

const parts: Readonly<Record<GpuBackend, readonly string[]>> = { cuda: ['cuda', 'cuda-ext'], vulkan: ['vulkan'] };
/** What is fetched, on either system; unpacked it is about as much again. */
const bytesToFetch: Readonly<Record<GpuBackend, number>> = { cuda: 450_000_000, vulkan: 160_000_000 };
const fileBytesMax = 600_000_000;
const fetchMsMax = 3_600_000;
const unpackMsMax = 600_000;
const defaultRegistry = 'https://registry.npmjs.org/';

export interface GpuBuildsOptions {
  /** The `node_modules` with node-llama-cpp in it; null where none was found. */
  readonly modulesFolder: string | null;
  readonly platform?: NodeJS.Platform;
  readonly arch?: string;
}

export interface GpuBuild {
  readonly backend: GpuBackend;
  readonly packages: readonly string[];
  readonly bytesToFetch: number;
  readonly installed: boolean;
}

export interface GpuBuilds {
  readonly builds: readonly GpuBuild[];
  /** Why none can be fetched here, with what would help; null where they can. */
  readonly obstacle: string | null;
}

export class GpuBuildError extends Error {
  override readonly name = 'GpuBuildError';
}

export async function gpuBuilds(options: GpuBuildsOptions): Promise<GpuBuilds> {
  const { modulesFolder, platform = process.platform, arch = process.arch } = options;
  if (platform === 'darwin') return { builds: [], obstacle: 'on a Mac nothing is to be fetched: Metal is built in' };
  const system = { linux: 'linux', win32: 'win' }[String(platform)];
  if (system === undefined || arch !== 'x64') {
    return { builds: [], obstacle: `there is no build of llama.cpp for graphics cards on ${platform}-${arch}` };
  }
  if (modulesFolder === null) return { builds: [], obstacle: 'node-llama-cpp was not found; install again' };
  const builds = gpuBackends.map((backend) => {
    const packages = parts[backend].map((part) => `${system}-x64-${part}`);
    const installed = packages.every((name) => existsSync(join(modulesFolder, scope, name, 'package.json')));
    return { backend, packages, bytesToFetch: bytesToFetch[backend], installed };
  });
  return { builds, obstacle: await obstacleAt(modulesFolder) };
}

async function obstacleAt(modulesFolder: string): Promise<string | null> {
  const version = await versionIn(join(modulesFolder, 'node-llama-cpp'));
  if (version !== reviewedVersion) {
    return `node-llama-cpp is ${version}, and the builds that were reviewed are those of ${reviewedVersion}`;
  }
  const folder = existsSync(join(modulesFolder, scope)) ? join(modulesFolder, scope) : modulesFolder;
  const isWritable = await access(folder, constants.W_OK).then(
    () => true,
    () => false,
  );
  if (isWritable) return null;
  return `this user may not write to ${folder}, where the builds belong: do it as who installed the app (sudo). An AppImage cannot be added to: install the deb, or run from the repository`;
}

async function versionIn(folder: string): Promise<string> {
  const text = await readFile(join(folder, 'package.json'), 'utf8').catch(() => '{}');
  return z.object({ version: z.string() }).safeParse(JSON.parse(text)).data?.version ?? 'unknown';
}

export interface GpuInstallOptions extends GpuBuildsOptions {
  readonly backend: GpuBackend;
  /** Of packages. Default: npm's own. */
  readonly registry?: string;
  /** By package; only a test has others. */
  readonly integrity?: Integrity;
  onLine(line: string): void;
}

/** @throws GpuBuildError that says what is in the way. */
export async function installGpuBuild(options: GpuInstallOptions): Promise<void> {
  const { modulesFolder, backend, onLine } = options;
  const { builds, obstacle } = await gpuBuilds(options);
  const build = builds.find((one) => one.backend === backend);
  if (obstacle !== null || modulesFolder === null || build === undefined) {
    throw new GpuBuildError(obstacle ?? `there is no ${backend} build`);
  }
  for (const name of build.packages) {
    const target = join(modulesFolder, scope, name);
    if (existsSync(join(target, 'package.json'))) onLine(`${scope}/${name} is already there`);
    else await fetchPackage(name, target, options);
  }
  // So that a later `npm ci`, which removes them, can say so.
  await writeFile(join(modulesFolder, '.infernet-gpu'), `${build.packages.join('\n')}\n`);
}

async function fetchPackage(name: string, target: string, options: GpuInstallOptions): Promise<void> {
  const { registry = defaultRegistry, integrity = reviewed, onLine } = options;
  const url = `${registry.replace(/\/$/, '')}/${scope}/${name}/-/${name}-${reviewedVersion}.tgz`;
  onLine(`fetching ${url}`);
  const folder = join(target, '..');
  await mkdir(folder, { recursive: true });
  // Beside its final place, so that the last step is one atomic rename.
  const work = await mkdtemp(join(folder, '.fetch-'));
  try {
    const file = join(work, 'package.tgz');
    const sum = await download(url, file);
    if (sum !== integrity[name]) throw new GpuBuildError(`${url} is not the reviewed file: wrong SHA-512`);
    await run('tar', ['-xzf', file, '-C', work], { timeout: unpackMsMax, windowsHide: true });
    await rename(join(work, 'package'), target);
  } catch (error) {
    if (error instanceof GpuBuildError) throw error;
    throw new GpuBuildError(`${scope}/${name} could not be fetched: ${reasonOf(error)}`, { cause: error });
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** @returns its hash, in the form of package locks. */
async function download(url: string, file: string): Promise<string> {
  const answer = await fetch(url, { signal: AbortSignal.timeout(fetchMsMax) });
  if (!answer.ok || answer.body === null) throw new Error(`${url} answers ${answer.status}`);
  const hash = createHash('sha512');
  let bytes = 0;
  const counted = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      bytes += chunk.length;
      hash.update(chunk);
      done(bytes > fileBytesMax ? new Error(`${url} has more than ${fileBytesMax} bytes`) : null, chunk);
    },
  });
  await pipeline(Readable.fromWeb(answer.body), counted, createWriteStream(file));
  return `sha512-${hash.digest('base64')}`;
}

/** What `fetch` says itself is only that it failed. */
function reasonOf(error: unknown): string {
  return error instanceof Error && error.cause instanceof Error
    ? `${error.message}: ${messageOf(error.cause)}`
    : messageOf(error);
}
