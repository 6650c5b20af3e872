import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createKeyFile, keyFileName, loadOrCreateKey, readKeyFile } from './key-file.ts';

let folder: string;
let path: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'infernet-key-'));
  path = join(folder, keyFileName);
});
afterEach(() => rm(folder, { recursive: true, force: true }));

describe('key file', () => {
  it('is created once and read ever after', async () => {
    const first = await loadOrCreateKey(path);
    const second = await loadOrCreateKey(path);
    expect(first.created).toBe(true);
    expect(second).toEqual({ seed: first.seed, created: false });
    expect(await readdir(folder)).toEqual([keyFileName]);
  });

  it.skipIf(process.platform === 'win32')('is for its owner only', async () => {
    await loadOrCreateKey(path);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
  });

  it.skipIf(process.platform === 'win32')('is refused when others can read it, with the fix', async () => {
    await loadOrCreateKey(path);
    for (const mode of [0o640, 0o604, 0o666]) {
      await chmod(path, mode);
      await expect(readKeyFile(path)).rejects.toMatchObject({
        problem: 'readable-by-others',
        message: expect.stringContaining(`chmod 600 ${path}`),
      });
    }
    await chmod(path, 0o400);
    await expect(readKeyFile(path)).resolves.toHaveLength(32);
  });

  it('is one key, however many create it at once', async () => {
    const all = await Promise.all(Array.from({ length: 8 }, () => loadOrCreateKey(path)));
    const kept = await readKeyFile(path);
    for (const { seed } of all) expect(seed).toEqual(kept);
    expect(all.filter(({ created }) => created)).toHaveLength(1);
    expect(await readdir(folder)).toEqual([keyFileName]);
  });

  it('is never overwritten', async () => {
    const seed = new Uint8Array(32).fill(1);
    await createKeyFile(path, seed);
    await expect(createKeyFile(path, new Uint8Array(32).fill(2))).rejects.toMatchObject({ problem: 'exists' });
    expect(await readKeyFile(path)).toEqual(seed);
    expect(await readdir(folder)).toEqual([keyFileName]);
  });

  it('is not made anew beside the data of a lost one', async () => {
    await expect(loadOrCreateKey(path, false)).rejects.toMatchObject({ problem: 'missing' });
    expect(await readdir(folder)).toEqual([]);
    const { seed } = await loadOrCreateKey(path);
    expect(await loadOrCreateKey(path, false)).toEqual({ seed, created: false });
  });

  it('is refused when it is damaged, whatever the damage, and is left as it is', async () => {
    await loadOrCreateKey(path);
    const whole = await readFile(path, 'utf8');
    const { seed } = JSON.parse(whole);
    const other = (seed.startsWith('A') ? 'B' : 'A') + seed.slice(1);
    const damages = [
      '',
      '{',
      '[]',
      whole.slice(0, -20),
      whole.replace(seed, other),
      whole.replace(seed, 'AAAA'),
      'x'.repeat(5000),
    ];
    for (const text of damages) {
      await writeFile(path, text);
      const refusal = expect(loadOrCreateKey(path)).rejects;
      await refusal.toMatchObject({ problem: 'damaged', message: expect.stringContaining('recovery phrase') });
      expect(await readFile(path, 'utf8')).toBe(text);
    }
  });

  it('keeps its secret out of the error', async () => {
    await loadOrCreateKey(path);
    const whole = await readFile(path, 'utf8');
    const { seed } = JSON.parse(whole);
    await writeFile(path, whole.replace('"version": 1', '"version": 9'));
    await expect(readKeyFile(path)).rejects.toSatisfy(
      (error: Error) => !JSON.stringify([error.message, error.stack, String(error.cause)]).includes(seed),
    );
  });
});
