/** A run is held and goes on, on real processes. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { ExecutorInventory, RunRequest, TokenPiece } from '../../ports/index.ts';
import { cancelSource, holdSource, shippedModels, shippedTemplates, temporaryFolder } from '../testing.ts';
import { createEmbeddedExecutor, type EmbeddedExecutor } from './embedded-executor.ts';

let executor: EmbeddedExecutor;
let inventory: ExecutorInventory;
let remove: () => Promise<void>;

beforeAll(async () => {
  const folder = await temporaryFolder();
  ({ remove } = folder);
  executor = createEmbeddedExecutor({
    templateFolders: [shippedTemplates],
    modelFolders: [shippedModels],
    cacheFolder: join(folder.path, 'cache'),
    runsMax: 2,
  });
  inventory = await executor.start();
});
afterAll(async () => {
  await executor.stop();
  await remove();
});

/** 300 tokens, 200 in a second. */
function slowStream(more: Partial<RunRequest> = {}): RunRequest {
  const template = inventory.templates.find((each) => each.template.name === 'null')?.template.id ?? '';
  return {
    runId: 'test',
    template,
    model: null,
    params: { tokens: 300, tokensPerSecond: 200 },
    inputs: ['x'],
    timeoutMs: 20_000,
    onProgress: () => undefined,
    ...more,
  };
}

/** T = stopped, by the kernel's word. */
const stateOf = (pid: string) =>
  /^\d+ \(.*\) (?<state>\S)/.exec(readFileSync(`/proc/${pid}/stat`, 'utf8'))?.groups?.['state'];

const settles = async (what: () => boolean) => {
  for (let i = 0; !what() && i < 1_000; i++) await new Promise((resolve) => setTimeout(resolve, 10));
  expect(what()).toBe(true);
};

it.skipIf(process.platform !== 'linux')('stands still within a second, and goes on with the same text', async () => {
  const whole = await executor.run(slowStream(), cancelSource());
  const hold = holdSource();
  const pieces: TokenPiece[] = [];
  const running = executor.run(
    slowStream({ hold, onToken: (piece) => pieces.push(piece), timeoutMs: 3_000 }),
    cancelSource(),
  );
  await settles(() => pieces.length > 5);
  const [pid = ''] = executor.ids;
  const before = performance.now();
  hold.set(true);
  await settles(() => stateOf(pid) === 'T');
  expect(performance.now() - before).toBeLessThan(1_000);
  // What it wrote before is still read.
  let seen = -1;
  await settles(() => {
    const isStill = seen === pieces.length;
    seen = pieces.length;
    return isStill;
  });
  // For longer than the run may take.
  await new Promise((resolve) => setTimeout(resolve, 3_200));
  expect(pieces).toHaveLength(seen);
  expect(seen).toBeLessThan(300);
  hold.set(false);
  expect(await running).toEqual(whole);
  expect(stateOf(pid)).not.toBe('T');
});

it.skipIf(process.platform !== 'linux')('a held run that is cancelled gives its runner back, alive', async () => {
  const hold = holdSource();
  const cancel = cancelSource();
  const pieces: TokenPiece[] = [];
  const running = executor.run(slowStream({ hold, onToken: (piece) => pieces.push(piece) }), cancel);
  await settles(() => pieces.length > 5);
  const [pid = ''] = executor.ids;
  hold.set(true);
  await settles(() => stateOf(pid) === 'T');
  cancel.cancel();
  expect(await running).toMatchObject({ ok: false, code: 'cancelled' });
  expect(await executor.run(slowStream({ params: { tokens: 2 } }), cancelSource())).toMatchObject({ ok: true });
  expect(executor.ids).toEqual([pid]);
});

it('a held run makes room for one that is not, and one that comes waits until the runner goes on', async () => {
  const hold = holdSource();
  const pieces: TokenPiece[] = [];
  const held = executor.run(slowStream({ hold, onToken: (piece) => pieces.push(piece) }), cancelSource());
  const own = executor.run(slowStream(), cancelSource());
  await settles(() => pieces.length > 0);
  hold.set(true);
  expect(await held).toMatchObject({ ok: false, code: 'no-capacity' });
  expect(await own).toMatchObject({ ok: true });

  const again = holdSource();
  const cancel = cancelSource();
  const shown: TokenPiece[] = [];
  const first = executor.run(slowStream({ hold: again, onToken: (piece) => shown.push(piece) }), cancel);
  await settles(() => shown.length > 0);
  again.set(true);
  await Promise.resolve();
  const second = executor.run(slowStream({ params: { tokens: 2 } }), cancelSource());
  expect(await Promise.race([second, new Promise((resolve) => setTimeout(resolve, 300, 'waits'))])).toBe('waits');
  cancel.cancel();
  expect(await first).toMatchObject({ code: 'cancelled' });
  expect(await second).toMatchObject({ ok: true });
});
