/** Against a registry of this test: the real builds are large, and no card is here to try them. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { temporaryFolder } from '../testing.ts';
import { gpuBuilds, installGpuBuild } from './gpu-builds.ts';

const names = ['linux-x64-cuda', 'linux-x64-cuda-ext'];
const here = { platform: 'linux', arch: 'x64' } as const;

let folder: string;
let remove: () => Promise<void>;
let modulesFolder: string;
let server: Server;
let registry: string;
let asked: string[];
const files = new Map<string, Buffer>();

beforeEach(async () => {
  ({ path: folder, remove } = await temporaryFolder());
  modulesFolder = join(folder, 'node_modules');
  writePackage(join(modulesFolder, 'node-llama-cpp'), '3.21.1');
  asked = [];
  for (const name of names) {
    writePackage(join(folder, name, 'package'), '3.21.1');
    execFileSync('tar', ['-czf', join(folder, `${name}.tgz`), '-C', join(folder, name), 'package']);
    files.set(`/@node-llama-cpp/${name}/-/${name}-3.21.1.tgz`, readFileSync(join(folder, `${name}.tgz`)));
  }
  server = createServer(({ url = '' }, response) => {
    asked.push(url);
    const file = files.get(url);
    response.writeHead(file === undefined ? 404 : 200).end(file);
  });
  const port = await new Promise<number>((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      resolve(address !== null && typeof address === 'object' ? address.port : 0);
    });
  });
  registry = `http://127.0.0.1:${port}/`;
});
afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  await remove();
});

function writePackage(path: string, version: string): void {
  mkdirSync(path, { recursive: true });
  writeFileSync(join(path, 'package.json'), JSON.stringify({ version }));
}

const integrity = () =>
  Object.fromEntries(
    [...files].map(([url, bytes]) => [
      url.split('/')[2] ?? '',
      `sha512-${createHash('sha512').update(bytes).digest('base64')}`,
    ]),
  );
const install = (sums: Record<string, string>) =>
  installGpuBuild({ ...here, modulesFolder, backend: 'cuda', registry, integrity: sums, onLine: () => undefined });
const installed = async () =>
  (await gpuBuilds({ ...here, modulesFolder })).builds.flatMap((build) => (build.installed ? [build.backend] : []));

describe('builds for graphics cards', () => {
  it('are put beside node-llama-cpp, and not fetched again', async () => {
    expect(await installed()).toEqual([]);
    await install(integrity());
    expect(await installed()).toEqual(['cuda']);
    expect(asked).toHaveLength(2);
    expect(readdirSync(join(modulesFolder, '@node-llama-cpp')).toSorted()).toEqual(names);
    expect(readdirSync(join(modulesFolder, '@node-llama-cpp', 'linux-x64-cuda'))).toEqual(['package.json']);
    expect(readFileSync(join(modulesFolder, '.infernet-gpu'), 'utf8')).toBe(`${names.join('\n')}\n`);
    await install(integrity());
    expect(asked).toHaveLength(2);
  });

  it('are refused where they are not what was reviewed, and nothing of them stays', async () => {
    const sums = { ...integrity(), 'linux-x64-cuda-ext': 'sha512-AAAA' };
    await expect(install(sums)).rejects.toThrow(/cuda-ext.*not the reviewed file/);
    expect(await installed()).toEqual([]);
    expect(readdirSync(join(modulesFolder, '@node-llama-cpp'))).toEqual(['linux-x64-cuda']);
  });

  it('that the registry does not have, or that stand behind nobody, are named', async () => {
    files.clear();
    await expect(install({})).rejects.toThrow(/@node-llama-cpp\/linux-x64-cuda could not be fetched: .*404/);
    registry = 'http://127.0.0.1:1';
    await expect(install({})).rejects.toThrow(/could not be fetched: .*(bad port|ECONNREFUSED)/);
  });

  it('are none on a Mac and on other processors, and those of another version are not taken', async () => {
    const obstacle = async (options: Partial<Parameters<typeof gpuBuilds>[0]>) =>
      (await gpuBuilds({ ...here, modulesFolder, ...options })).obstacle;
    expect(await obstacle({ platform: 'darwin' })).toMatch(/Metal is built in/);
    expect(await obstacle({ arch: 'arm64' })).toMatch(/no build .* linux-arm64/);
    expect(await obstacle({ modulesFolder: null })).toMatch(/not found/);
    writePackage(join(modulesFolder, 'node-llama-cpp'), '9.9.9');
    expect(await obstacle({})).toMatch(/9\.9\.9.*reviewed are those of 3\.21\.1/);
    await expect(install(integrity())).rejects.toThrow(/9\.9\.9/);
  });

  it('that are reviewed are of the version that is installed', async () => {
    const modules = join(import.meta.dirname, '../../../node_modules');
    expect((await gpuBuilds({ ...here, modulesFolder: modules })).obstacle).toBeNull();
  });
});
