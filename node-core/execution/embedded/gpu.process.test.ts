/** No card is here: what can be tested is that a node which is told to use one still works. */
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { cancelSource, shippedModels, shippedTemplates, temporaryFolder } from '../testing.ts';
import { createEmbeddedExecutor } from './embedded-executor.ts';

it('a graphics card that cannot be used is none: the processor gives the same answer', async () => {
  const folder = await temporaryFolder();
  const answers: unknown[] = [];
  for (const gpu of ['cuda', null] as const) {
    const executor = createEmbeddedExecutor({
      templateFolders: [shippedTemplates],
      modelFolders: [shippedModels],
      cacheFolder: join(folder.path, 'cache'),
      gpu,
    });
    const { templates } = await executor.start();
    const found = templates.find(({ template }) => template.name === 'text-generation');
    const request = {
      runId: 'test',
      template: found?.template.id ?? '',
      model: found?.models[0] ?? null,
      params: { maxTokens: 5 },
      inputs: [{ prompt: 'Tell a short story about a fox.' }],
      timeoutMs: 100_000,
      onProgress: () => undefined,
    };
    answers.push(await executor.run(request, cancelSource()));
    await executor.stop();
  }
  await folder.remove();
  expect(answers[0]).toMatchObject({ ok: true });
  expect(answers[0]).toEqual(answers[1]);
});
