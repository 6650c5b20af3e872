/**
 * Execution: what runs jobs on this computer.
 *
 * `adapters.ts` makes the executor that the node is handed; the node itself sees only the port.
 */
export { createExecutor, type LocalExecutorOptions } from './create-executor.ts';
export { findEngine } from './docker/find-engine.ts';
export { createEmbeddedExecutor, type EmbeddedExecutor, type EmbeddedOptions } from './embedded/embedded-executor.ts';
export { ModelEntry, ModelsManifest } from './models/manifest.ts';
