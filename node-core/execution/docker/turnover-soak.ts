/** {@link turnOver} on an engine of its own: the part of the soak with real containers. Root and `dockerd` are needed. */
import { join } from 'node:path';
import { createExecutor } from '../create-executor.ts';
import { askOf, manifestOf, moodyRunner, temporaryFolder, writeTemplate } from '../testing.ts';
import { buildRunnerImage, startTestEngine } from './testing.ts';
import { type Turnover, turnOver } from './turnover.ts';

export async function soakContainers(sequence: number, together: number): Promise<Turnover & { engine: string }> {
  const { path: folder, remove } = await temporaryFolder();
  const engine = await startTestEngine();
  const root = join(folder, 'templates');
  const builtImages = join(folder, 'images.json');
  // Not stateless, so each run has a container of its own.
  await writeTemplate(root, manifestOf({ stateless: false }), { 'runner.mjs': moodyRunner });
  const executor = createExecutor({
    runIn: 'docker',
    templateFolders: [root],
    modelFolders: [],
    cacheFolder: join(folder, 'cache'),
    limits: { processesMax: together },
    docker: { owner: folder, builtImages, env: engine.env },
    embedded: {},
  });
  try {
    const { templates } = await executor.start();
    const [installed] = templates;
    await buildRunnerImage(engine, { template: installed?.template.id ?? '', runner: moodyRunner, builtImages });
    // The executor hears of the image by itself.
    await new Promise<void>((resolve) => {
      const look = (): void => {
        if (executor.installed?.().every(({ runnable }) => runnable.ok) === true) resolve();
      };
      executor.onChange?.(look);
      look();
    });
    const { docker } = engine;
    const run = () => askOf(executor, installed, { inputs: [{ text: 'x' }] });
    const { Version } = await docker.version();
    return { ...(await turnOver({ docker, sequence, together, run })), engine: `Docker ${Version}` };
  } finally {
    await executor.stop();
    await engine.stop();
    await remove();
  }
}
