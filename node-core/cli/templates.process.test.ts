/** `templates new | test | build | list` as their users call them, on a real engine. */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { requires } from '../../e2e/capabilities.ts';
import { startTestEngine, type TestEngine } from '../execution/docker/testing.ts';
import { z } from '../protocol/index.ts';

vi.setConfig({ testTimeout: 120_000, hookTimeout: 60_000 });

const script = fileURLToPath(new URL('./main.ts', import.meta.url));
const needsEngine = requires('container-engine');
let folder: string;
let engine: TestEngine | null = null;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'infernet-templates-'));
});
afterAll(async () => {
  await engine?.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** Without an engine, unless one is named. */
function run(...words: string[]): Promise<{ code: number | null; out: string; err: string }> {
  const env = {
    ...process.env,
    XDG_DATA_HOME: folder,
    XDG_CONFIG_HOME: folder,
    NO_COLOR: '1',
    DOCKER_HOST: engine?.env.DOCKER_HOST ?? `unix://${join(folder, 'no.sock')}`,
  };
  const child = spawn(process.execPath, [script, ...words], { stdio: ['ignore', 'pipe', 'pipe'], env });
  let out = '';
  let err = '';
  child.stdout.on('data', (data) => {
    out += data;
  });
  child.stderr.on('data', (data) => {
    err += data;
  });
  return new Promise((resolve) => child.once('close', (code) => resolve({ code, out, err })));
}

const Tested = z.object({ results: z.array(z.object({ template: z.string(), place: z.string(), state: z.string() })) });
const Listed = z.object({
  templates: z.array(
    z.object({ name: z.string(), runs: z.object({ embedded: z.string().nullable(), docker: z.string().nullable() }) }),
  ),
});
const statesOf = (out: string): string[] =>
  Tested.parse(JSON.parse(out)).results.map(({ template, place, state }) => `${template} ${place} ${state}`);

it('a template that was just begun passes its test, and one is not begun twice', async () => {
  const begun = await run('templates', 'new', 'word-count', '--folder', folder);
  expect(begun).toMatchObject({ code: 0, out: expect.stringContaining('templates test word-count') });
  expect(readFileSync(join(folder, 'word-count', 'template.json'), 'utf8')).toContain('"word-count"');
  const tested = await run('templates', 'test', 'word-count', '--folder', folder, '--in', 'embedded', '--json');
  expect([tested.code, statesOf(tested.out)]).toEqual([0, ['word-count embedded passed']]);
  expect(await run('templates', 'new', 'word-count', '--folder', folder)).toMatchObject({
    code: 6,
    err: expect.stringContaining('is there already'),
  });
  expect((await run('templates', 'new', 'Word Count')).code).toBe(2);
});

it('without an engine no image is built, and it says what to do', async () => {
  const { code, err } = await run('templates', 'build', 'word-count', '--folder', folder);
  expect({ code, err }).toEqual({ code: 6, err: expect.stringMatching(/no container engine can be used/) });
  expect((await run('templates', 'test', 'word-count', '--folder', folder, '--in', 'docker')).code).toBe(1);
  expect((await run('templates', 'test', 'nowhere')).code).not.toBe(0);
});

needsEngine('an image is built by the base that was named, found by the list, and passes the test', async () => {
  engine = await startTestEngine();
  const base = await engine.nodeImage();
  const own = ['word-count', '--folder', folder];
  const docker = async () => {
    const { code, out } = await run('templates', 'list', '--folder', folder, '--json');
    expect(code).toBe(0);
    return Listed.parse(JSON.parse(out)).templates.find(({ name }) => name === 'word-count')?.runs;
  };
  expect(await docker()).toEqual({ embedded: null, docker: expect.stringMatching(/no image of word-count/) });

  const built = await run('templates', 'build', ...own, '--base', base);
  expect(built).toMatchObject({ code: 0, out: expect.stringMatching(/^built +word-count: sha256:[0-9a-f]{64}\n$/) });
  expect(await docker()).toEqual({ embedded: null, docker: null });

  const tested = await run('templates', 'test', ...own, '--json');
  expect([tested.code, statesOf(tested.out)]).toEqual([0, ['word-count embedded passed', 'word-count docker passed']]);
  const shown = await run('templates', 'list', '--folder', folder);
  expect(shown.out).toMatch(/word-count +1\.0\.0 +yes +yes/);
});

needsEngine('an image whose base is not there, or is named by a tag, is not built', async () => {
  engine ??= await startTestEngine();
  const own = ['templates', 'build', 'word-count', '--folder', folder, '--base'];
  const missing = await run(...own, `sha256:${'0'.repeat(64)}`);
  expect(missing).toMatchObject({ code: 1, out: expect.stringMatching(/^failed +word-count: /) });
  expect((await run(...own, 'node:24')).code).toBe(2);
});
