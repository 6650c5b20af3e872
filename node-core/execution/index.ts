/**
 * Execution: what runs jobs on this computer.
 *
 * `adapters.ts` makes the executor that the node is handed; the node itself sees only the port.
 */
export { createExecutor, type LocalExecutorOptions } from './create-executor.ts';
export { type BuiltImage, buildImages, type ImagesRequest, imageOfTemplate } from './docker/build-images.ts';
export { findEngine } from './docker/find-engine.ts';
export { askGpus } from './docker/gpu.ts';
export { createEmbeddedExecutor, type EmbeddedExecutor, type EmbeddedOptions } from './embedded/embedded-executor.ts';
export { type GpuBackend, type GpuBuilds, gpuBuilds, installGpuBuild } from './embedded/gpu-builds.ts';
export { ModelEntry, ModelsManifest } from './models/manifest.ts';
export { modulesAbove } from './modules-above.ts';
export { type Conformance, conformanceOf } from './templates/conformance.ts';
export { type LoadedTemplate, loadTemplates } from './templates/load-templates.ts';
export { scaffoldTemplate, TemplateExistsError } from './templates/scaffold.ts';
