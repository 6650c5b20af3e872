import type { RunnerHost } from '../runner/host.ts';
import { openChild } from './child-channel.ts';
import { launchOf } from './sandbox.ts';

export interface EmbeddedHostOptions {
  /**
   * Program that runs the runners. Default: the one that runs this. In the packaged app that is Electron's, which acts
   * as Node with `env: { ELECTRON_RUN_AS_NODE: '1' }`.
   */
  readonly nodeBinary?: string;
  /** Added to the otherwise nearly empty environment of runners. Nothing secret: runners work on strangers' input. */
  readonly env?: Readonly<Record<string, string>>;
  /**
   * The `node_modules` with node-llama-cpp in it. Default: the nearest one above the template, else the one of this program.
   */
  readonly modulesFolder?: string;
}

/** Child processes of this computer, for the shipped templates: see sandbox.ts for what that protects from and what not. */
export function createEmbeddedHost(options: EmbeddedHostOptions): RunnerHost {
  return {
    name: 'embedded',
    start: async () => [],
    // A card helps here where it can (`execution.gpu`), which is no promise.
    refusal: ({ template: { name, resources } }) =>
      resources.gpu === 'needed'
        ? { code: 'requirements', message: `${name} needs a graphics card, which only containers are given` }
        : null,
    open: ({ template, modelPath, niceness }) =>
      openChild(
        launchOf(template, modelPath, {
          nodeBinary: options.nodeBinary ?? process.execPath,
          env: options.env ?? {},
          modulesFolder: options.modulesFolder ?? null,
        }),
        modelPath,
        niceness,
      ),
    stop: async () => undefined,
  };
}
