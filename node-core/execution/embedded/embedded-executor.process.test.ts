/** The executor against runners that misbehave: real processes, no model. */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import type { InstalledTemplate, RunOutcome, TokenPiece } from '../../ports/index.ts';
import type { Json } from '../../protocol/index.ts';
import {
  type Ask,
  askOf,
  cancelSource,
  manifestOf,
  misbehaviours,
  moodyRunner,
  temporaryFolder,
  writeTemplate,
} from '../testing.ts';
import { createEmbeddedExecutor, type EmbeddedExecutor, type EmbeddedOptions } from './embedded-executor.ts';

let folder: string;
let remove: () => Promise<void>;
let executor: EmbeddedExecutor;

beforeAll(async () => {
  ({ path: folder, remove } = await temporaryFolder());
  await writeTemplate(join(folder, 'templates'), manifestOf(), { 'runner.mjs': moodyRunner });
  await writeTemplate(join(folder, 'templates'), manifestOf({ name: 'other' }), { 'runner.mjs': moodyRunner });
  const streams = manifestOf({ name: 'streams', streaming: true, output: { type: 'object', required: ['text'] } });
  await writeTemplate(join(folder, 'templates'), streams, { 'runner.mjs': moodyRunner });
});
afterAll(() => remove());
afterEach(() => executor.stop());

async function begin(options: Partial<EmbeddedOptions> = {}): Promise<InstalledTemplate[]> {
  executor = createEmbeddedExecutor({
    templateFolders: [join(folder, 'templates')],
    modelFolders: [],
    cacheFolder: join(folder, 'cache'),
    ...options,
  });
  return [...(await executor.start()).templates];
}

const ask = (template: InstalledTemplate | undefined, asked?: Ask): Promise<RunOutcome> =>
  askOf(executor, template, asked);

const pidsOf = ({ ids }: EmbeddedExecutor): number[] => ids.map(Number);

/** On Linux a zombie still has a pid. */
function runs(pid: number): boolean {
  try {
    process.kill(pid, 0);
    if (process.platform !== 'linux') return true;
    return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

async function gone(pid: number, withinMs: number): Promise<boolean> {
  for (const until = performance.now() + withinMs; performance.now() < until; await sleep(20)) {
    if (!runs(pid)) return true;
  }
  return false;
}

describe('a run', () => {
  it('gives one output for each input, in order, whatever order they came in', async () => {
    const [fake] = await begin();
    const seen: number[] = [];
    const outcome = await ask(fake, { onProgress: (done) => seen.push(done) });
    expect(outcome).toEqual({ ok: true, outputs: [{ text: 'a' }, { text: 'b' }, { text: 'c' }] });
    expect(seen).toEqual([1, 2, 3]);
    expect(await ask(fake, { params: { mode: 'reversed' } })).toEqual(outcome);
    expect(executor.ids).toHaveLength(1);
  });

  it('is refused before any process starts when the input or the template is wrong', async () => {
    const [fake] = await begin();
    expect(await ask(fake, { inputs: [{ text: 'a' }, { text: 5 }] })).toEqual({
      ok: false,
      code: 'bad-input',
      message: 'input 1: text: expected string, received number',
    });
    expect(await ask(undefined)).toMatchObject({ ok: false, code: 'template-missing' });
    expect(executor.ids).toEqual([]);
  });

  it.each(misbehaviours)('whose runner does “%s” ends with %s, and the next one works', async (mode, code, message) => {
    const [fake] = await begin();
    expect(await ask(fake, { params: { mode } })).toEqual({ ok: false, code, message: expect.stringMatching(message) });
    expect(await ask(fake)).toMatchObject({ ok: true });
  });

  it('may write so much and no more', async () => {
    const [fake] = await begin();
    const inputs = Array.from({ length: 10 }, () => ({ text: 'x' }));
    expect(await ask(fake, { params: { mode: 'too-much' }, inputs })).toMatchObject({
      code: 'container',
      message: 'the runner wrote more than the 4096 bytes that it may',
    });
  });

  it.each(['hang', 'busy'])('that does “%s” ends at its time, and its runner makes place', async (mode) => {
    const [fake] = await begin({ runsMax: 1, limits: { cancelMsMax: 200 } });
    await ask(fake);
    const startedAt = performance.now();
    const outcome = await ask(fake, { params: { mode }, timeoutMs: 300 });
    expect(outcome).toMatchObject({ ok: false, code: 'timeout' });
    expect(performance.now() - startedAt).toBeLessThan(5000);
    expect(await ask(fake)).toMatchObject({ ok: true });
  });

  it('is cancelled at once, also while it waits for a place or before it began', async () => {
    const [fake] = await begin({ runsMax: 1, limits: { cancelMsMax: 200 } });
    const first = cancelSource();
    const second = cancelSource();
    const running = ask(fake, { params: { mode: 'hang' }, signal: first, onProgress: () => second.cancel() });
    const waiting = ask(fake, { signal: second });
    expect(await waiting).toMatchObject({ ok: false, code: 'cancelled' });
    first.cancel();
    expect(await running).toMatchObject({ ok: false, code: 'cancelled' });
    const third = cancelSource();
    third.cancel();
    expect(await ask(fake, { signal: third })).toMatchObject({ ok: false, code: 'cancelled' });
    expect(await ask(fake)).toMatchObject({ ok: true });
  });
});

describe('tokens', () => {
  const piece = { item: 0, index: 0, tokens: [5, 6], text: 'ab' };
  const more = { item: 0, index: 2, tokens: [7], text: 'c' };
  const whole = { mode: 'tokens', pieces: [piece, more], text: 'abcd', tokenIds: [5, 6, 7, 8] };
  const streamOf = async (params: Record<string, Json>, prefixes?: number[][]) => {
    const [, , streams] = await begin();
    const seen: TokenPiece[] = [];
    const outcome = await executor.run(
      {
        runId: 'test',
        template: streams?.template.id ?? '',
        model: null,
        params: { ...whole, ...params },
        inputs: [{ text: '' }],
        timeoutMs: 20_000,
        onProgress: () => undefined,
        onToken: (given) => seen.push(given),
        ...(prefixes === undefined ? {} : { prefixes }),
      },
      cancelSource(),
    );
    return { outcome, seen };
  };

  it('reach the caller in order, and the output begins with them', async () => {
    const { outcome, seen } = await streamOf({});
    expect(outcome).toEqual({ ok: true, outputs: [{ text: 'abcd', tokenIds: [5, 6, 7, 8] }] });
    expect(seen.map(({ tokenIds }) => tokenIds)).toEqual([[5, 6], [7]]);
    expect((await streamOf({ pieces: [{ ...more, index: 2 }] }, [[5, 6]])).outcome).toMatchObject({ ok: true });
  });

  it.each<[string, Record<string, Json>, RegExp, number[][]?]>([
    ['a gap', { pieces: [piece, { ...more, index: 3 }] }, /wrote token 3 of item 0 where 2 comes next/],
    ['another beginning', { tokenIds: [9, 6, 7, 8] }, /does not begin with what it had shown/],
    ['another text', { text: 'xbcd' }, /does not begin with what it had shown/],
    ['no tokens', { tokenIds: 'none' }, /without the text and tokenIds that it streamed/],
    ['an item too many', { pieces: [{ ...piece, item: 1 }] }, /wrote tokens of item 1 of 1/],
    ['too much', { pieces: [{ ...piece, text: 'x'.repeat(4500) }] }, /wrote more than 4096 bytes of tokens/],
    ['a prefix left out', { pieces: [] }, /does not begin with what it had shown/, [[5, 9]]],
  ])('with %s end the runner', async (_, params, message, prefixes) => {
    const { outcome } = await streamOf(params, prefixes);
    expect(outcome).toEqual({ ok: false, code: 'container', message: expect.stringMatching(message) });
  });

  it('that nobody asked for end the runner; a template that does not stream refuses a prefix and a check', async () => {
    const [fake] = await begin();
    expect(await ask(fake, { params: whole, inputs: [{ text: '' }] })).toMatchObject({
      ok: false,
      message: 'the runner wrote tokens that nobody asked for',
    });
    const request = {
      runId: 'test',
      template: fake?.template.id ?? '',
      model: null,
      params: {},
      inputs: [{ text: '' }],
      timeoutMs: 20_000,
      onProgress: () => undefined,
    };
    expect(await executor.run({ ...request, prefixes: [[1]] }, cancelSource())).toMatchObject({ code: 'bad-input' });
    const claims = [{ tokenIds: [1], given: 0 }];
    expect(await executor.check({ ...request, claims }, cancelSource())).toMatchObject({ code: 'bad-input' });
  });
});

describe('runners', () => {
  it('are started anew after a kill from outside', async () => {
    const [fake] = await begin();
    const running = ask(fake, {
      params: { mode: 'hang' },
      onProgress: () => process.kill(Number(executor.ids[0]), 'SIGKILL'),
    });
    expect(await running).toMatchObject({ ok: false, code: 'container', message: expect.stringContaining('SIGKILL') });
    expect(await ask(fake)).toMatchObject({ ok: true });
  });

  it('rest after they crashed again and again', async () => {
    const [fake] = await begin({ limits: { crashesMax: 2, crashWindowMs: 60_000 } });
    for (let i = 0; i < 2; i++) await ask(fake, { params: { mode: 'die' } });
    expect(await ask(fake)).toMatchObject({ code: 'container', message: expect.stringContaining('ended 2 times') });
  });

  it('end when idle, and make room for others', async () => {
    const [fake, other] = await begin({ limits: { processesMax: 1, idleMs: 300 } });
    await ask(fake);
    const [first = 0] = pidsOf(executor);
    await ask(other);
    expect(await gone(first, 5000)).toBe(true);
    const [second = 0] = pidsOf(executor).filter((pid) => pid !== first);
    expect(await gone(second, 5000)).toBe(true);
    expect(await ask(fake)).toMatchObject({ ok: true });
  });

  it('stay warm by use, within a budget of memory that may change', async () => {
    let bytesMax = 200 * 2 ** 20;
    const warm = () => ({ processesMax: 3, bytesMax, idleMs: 60_000 });
    // Each takes 64 MiB.
    const [fake, other, third] = await begin({ warm });
    expect(executor.warm()).toEqual([]);
    for (const template of [fake, other, third]) await ask(template, { inputs: [{ text: 'a' }] });
    await ask(fake);
    const names = () =>
      executor.warm().map(({ template }) => [fake, other, third].findIndex((each) => each?.template.id === template));
    expect(names()).toEqual([0, 2, 1]);
    expect(executor.ids).toHaveLength(3);

    bytesMax = 130 * 2 ** 20;
    const [kept = 0] = pidsOf(executor);
    process.kill(kept, 'SIGKILL');
    // Until the executor has noticed, too.
    await vi.waitUntil(() => !pidsOf(executor).includes(kept), 5000);
    // The two that are left fill it: the longer unused one goes.
    await ask(fake);
    expect(names()).toEqual([0, 2]);

    bytesMax = 0;
    await ask(other);
    expect(names()).toEqual([1]);
  });

  it('take no more runs than may wait', async () => {
    const [fake] = await begin({ runsMax: 1, limits: { waitingMax: 1, cancelMsMax: 100 } });
    const running = ask(fake, { params: { mode: 'hang' }, timeoutMs: 3000 });
    await sleep(50);
    const waiting = ask(fake);
    await sleep(50);
    expect(await ask(fake)).toMatchObject({ ok: false, code: 'no-capacity' });
    expect(await running).toMatchObject({ code: 'timeout' });
    expect(await waiting).toMatchObject({ ok: true });
  });

  it('cannot read a file of the host, write one, start a program, load native code or see our environment', async () => {
    const path = join(folder, 'secret.txt');
    await writeFile(path, 'secret');
    process.env['INFERNET_TEST_SECRET'] = 'hunter2';
    const [fake] = await begin();
    const outcome = await ask(fake, { params: { mode: 'host', path }, inputs: [{ text: '' }] });
    delete process.env['INFERNET_TEST_SECRET'];
    expect(outcome).toEqual({
      ok: true,
      outputs: [{ text: 'ERR_ACCESS_DENIED ERR_ACCESS_DENIED ERR_ACCESS_DENIED {} false' }],
    });
    expect(existsSync(`${path}.new`)).toBe(false);
  });

  it('are gone after stop, and runs then end with a reason', async () => {
    const [fake] = await begin();
    const running = ask(fake, { params: { mode: 'busy' } });
    while (executor.ids.length === 0) await sleep(10);
    await sleep(300);
    const pids = pidsOf(executor);
    await executor.stop();
    expect(pids.filter(runs)).toEqual([]);
    expect(await running).toMatchObject({ ok: false, code: 'internal' });
    expect(await ask(fake)).toMatchObject({ ok: false, code: 'internal' });
  });

  it('end by themselves when the node is killed', async () => {
    await begin();
    const entry = fileURLToPath(new URL('../index.ts', import.meta.url));
    const script = join(folder, 'parent.mjs');
    await writeFile(
      script,
      `import { createEmbeddedExecutor } from ${JSON.stringify(`file://${entry}`)};
       const executor = createEmbeddedExecutor(${JSON.stringify({ templateFolders: [join(folder, 'templates')], modelFolders: [], cacheFolder: join(folder, 'cache') })});
       const { templates } = await executor.start();
       await executor.run({ runId: 'x', template: templates[0].template.id, model: null, params: {}, inputs: [{ text: 'a' }],
         timeoutMs: 20000, onProgress() {} }, { cancelled: false, onCancel() {} });
       process.stdout.write(String(executor.ids[0]) + '\\n');`,
    );
    const parent: ChildProcess = spawn(process.execPath, [script], { stdio: ['ignore', 'pipe', 'inherit'] });
    const pid = await new Promise<number>((resolve) => {
      parent.stdout?.once('data', (chunk: Buffer) => resolve(Number(chunk.toString())));
    });
    expect(runs(pid)).toBe(true);
    parent.kill('SIGKILL');
    expect(await gone(pid, 3000)).toBe(true);
  });
});
