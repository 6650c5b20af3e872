import type { ExecutorOptions } from '../runner/options.ts';
import { createRunnerExecutor, type RunnerExecutor } from '../runner/runner-executor.ts';
import { createEmbeddedHost, type EmbeddedHostOptions } from './embedded-host.ts';

export interface EmbeddedOptions extends ExecutorOptions, EmbeddedHostOptions {}

export type EmbeddedExecutor = RunnerExecutor;

/**
 * Executor that has child processes only.
 *
 *     const executor = createEmbeddedExecutor({
 *       templateFolders: ['resources/templates'],
 *       modelFolders: ['resources/models'],
 *       cacheFolder: join(dataFolder, 'cache'),
 *     });
 *     const { templates, models, faults } = await executor.start();
 *     const outcome = await executor.run(request, signal);
 *     await executor.stop();
 */
export function createEmbeddedExecutor(options: EmbeddedOptions): EmbeddedExecutor {
  return createRunnerExecutor([createEmbeddedHost(options)], options);
}
