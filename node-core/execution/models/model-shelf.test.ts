import { copyFile, readFile, rm, truncate, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { contentIdOf } from '../../protocol/index.ts';
import { shippedModels, temporaryFolder } from '../testing.ts';
import { ModelsManifest } from './manifest.ts';
import { ModelShelf } from './model-shelf.ts';

let folder: string;
let remove: () => Promise<void>;
beforeEach(async () => {
  ({ path: folder, remove } = await temporaryFolder());
});
afterEach(() => remove());

const shelfOf = (folders: readonly string[]): ModelShelf =>
  new ModelShelf({ folders, cacheFolder: join(folder, 'cache') });

/** The least that passes for a GGUF file: the header of an empty one, and a letter. */
function ggufOf(letter: string): Buffer {
  const header = Buffer.alloc(24);
  header.write('GGUF');
  header.writeUInt32LE(3, 4);
  return Buffer.concat([header, Buffer.from(letter)]);
}

async function copyShipped(): Promise<string> {
  for (const name of ['models.json', 'infernet-tiny.gguf', 'infernet-micro.gguf']) {
    await copyFile(join(shippedModels, name), join(folder, name));
  }
  return join(folder, 'infernet-tiny.gguf');
}

describe('ModelShelf', () => {
  it('finds the shipped models to be what models.json says, tiny first', async () => {
    const { models, faults } = await shelfOf([shippedModels]).read();
    expect(faults).toEqual([]);
    const manifest = ModelsManifest.parse(JSON.parse(await readFile(join(shippedModels, 'models.json'), 'utf8')));
    expect(models.map(({ info }) => info)).toEqual(
      manifest.models.map(({ cid, name, sizeBytes }) => ({ cid, name, sizeBytes })),
    );
    expect(models[0]?.info.name).toBe('infernet-tiny');
  });

  it('names a file with a flipped bit, with both hashes and what to do', async () => {
    const path = await copyShipped();
    const bytes = await readFile(path);
    bytes[3_000_000] = (bytes[3_000_000] ?? 0) ^ 1;
    await writeFile(path, bytes);
    const { models, faults } = await shelfOf([folder]).read();
    expect(models.map(({ info }) => info.name)).toEqual(['infernet-micro']);
    expect(faults).toEqual([
      expect.stringContaining(`model file ${path} is corrupt: expected content id bafyreid3lro`),
    ]);
    expect(faults[0]).toContain(`found ${contentIdOf(bytes)} (sha256 `);
    expect(faults[0]).toContain(`delete ${path} and copy it again`);
  });

  it('names a file that is cut short, and one that is missing', async () => {
    const path = await copyShipped();
    await truncate(path, 1_000_000);
    await rm(join(folder, 'infernet-micro.gguf'));
    const { models, faults } = await shelfOf([folder]).read();
    expect(models).toEqual([]);
    expect(faults[0]).toContain('is cut short (1000000 of 6154240 bytes)');
    expect(faults[1]).toMatch(/^model infernet-micro\.gguf is missing: copy it to /);
  });

  it('does not hash again what has the same size and time, and does when either changes', async () => {
    const path = join(folder, 'mine.gguf');
    await writeFile(path, ggufOf('a'));
    await utimes(path, 1000, 1000);
    const first = await shelfOf([folder]).read();
    const cid = first.models[0]?.info.cid ?? '';
    expect(cid).toBe(contentIdOf(ggufOf('a')));

    // Other bytes under the same size and time: only a new reading could tell.
    await writeFile(path, ggufOf('b'));
    await utimes(path, 1000, 1000);
    const cached = shelfOf([folder]);
    expect((await cached.read()).models[0]?.info.cid).toBe(cid);

    await utimes(path, 1000, 2000);
    const found = await cached.find(cid);
    expect(found).toMatchObject({ ok: false, fault: expect.stringContaining('is corrupt') });
    expect((await cached.read()).models[0]?.info.cid).toBe(contentIdOf(ggufOf('b')));
  });

  it('leaves out what is no GGUF file', async () => {
    const bloated = ggufOf('x');
    bloated.writeBigUInt64LE(10n ** 12n, 16);
    await writeFile(join(folder, 'a.gguf'), 'GGUF, I promise: all that I hold is good');
    await writeFile(join(folder, 'b.gguf'), 'PK');
    await writeFile(join(folder, 'c.gguf'), bloated);
    const { models, faults } = await shelfOf([folder]).read();
    expect(models).toEqual([]);
    expect(faults).toEqual([
      expect.stringContaining('a.gguf is no GGUF file: its version is'),
      expect.stringContaining('b.gguf is no GGUF file: it has 2 bytes'),
      expect.stringContaining('c.gguf is no GGUF file: it claims to hold more than it has bytes'),
    ]);
  });

  it('outlives a damaged cache', async () => {
    await writeFile(join(folder, 'mine.gguf'), ggufOf('a'));
    await shelfOf([folder]).read();
    await writeFile(join(folder, 'cache', 'model-hashes.json'), '{"v":1,"files":{"x":');
    expect((await shelfOf([folder]).read()).models).toHaveLength(1);
  });

  it('reads several folders, and names one that is not there or has a bad models.json', async () => {
    await writeFile(join(folder, 'models.json'), '{"v":1,"models":[{"name":"x"}]}');
    const { models, faults } = await shelfOf([shippedModels, folder, join(folder, 'nowhere')]).read();
    expect(models).toHaveLength(2);
    expect(faults).toEqual([
      expect.stringMatching(/models\.json: models\.0\.title/),
      expect.stringMatching(/nowhere: ENOENT/),
    ]);
  });
});
