/** What the owner gives to jobs, on real processes. */
import { getPriority } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { cancelSource, shippedModels, shippedTemplates, temporaryFolder } from '../testing.ts';
import { createEmbeddedExecutor, type EmbeddedExecutor } from './embedded-executor.ts';

let executor: EmbeddedExecutor;
let remove: () => Promise<void>;

afterEach(async () => {
  await executor.stop();
  await remove();
});

async function started(memoryBytesMax: number) {
  const folder = await temporaryFolder();
  ({ remove } = folder);
  executor = createEmbeddedExecutor({
    templateFolders: [shippedTemplates],
    modelFolders: [shippedModels],
    cacheFolder: join(folder.path, 'cache'),
    share: () => ({ threads: 1, cpus: 1, niceness: 7 }),
    memoryBytesMax: () => memoryBytesMax,
  });
  const { templates } = await executor.start();
  return templates;
}

it.skipIf(process.platform === 'win32')('runners step back behind other programs', async () => {
  const templates = await started(2 ** 40);
  const template = templates.find((each) => each.template.name === 'null')?.template.id ?? '';
  const request = { runId: 'test', template, model: null, params: {}, inputs: ['x'], timeoutMs: 20_000 };
  expect(await executor.run({ ...request, onProgress: () => undefined }, cancelSource())).toMatchObject({ ok: true });
  const [pid = 'none'] = executor.ids;
  expect(getPriority(Number(pid))).toBe(Math.min(19, getPriority() + 7));
});

it('what needs more memory than jobs may take is not offered, and says why', async () => {
  const templates = await started(30 * 2 ** 20);
  const here = templates.filter(({ template }) => template.runsIn?.includes('embedded') ?? true);
  expect(here.length).toBeGreaterThan(0);
  for (const { models, runnable } of here) {
    expect(models).toEqual([]);
    expect(runnable).toMatchObject({
      ok: false,
      reason: expect.stringMatching(/needs \d+ MiB .* 30 MiB \(execution\.memoryPercentMax\)/),
    });
  }
});
