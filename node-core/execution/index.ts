/**
 * Execution: what runs jobs on this computer.
 *
 * `adapters.ts` makes the executor that the node is handed; the node itself sees only the port.
 */
export { createEmbeddedExecutor, type EmbeddedExecutor } from './embedded/embedded-executor.ts';
export { defaultLimits, type EmbeddedLimits, type EmbeddedOptions } from './embedded/options.ts';
export { ModelEntry, ModelsManifest } from './models/manifest.ts';
