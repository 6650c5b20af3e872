/** Builds the images of several templates on the engine of this computer. */
import type Docker from 'dockerode';
import { messageOf } from '../fault.ts';
import type { LoadedTemplate } from '../templates/load-templates.ts';
import { createEngine } from './engine.ts';
import { engineFaults } from './engine-faults.ts';
import { createImageBuilder } from './images.ts';
import { imageOf } from './template-images.ts';

export interface ImagesRequest {
  readonly templates: readonly LoadedTemplate[];
  /** Builds on this instead of on what this computer has: by digest or id. */
  readonly base: string | null;
  /** Null where this program is no Node. */
  readonly nodeBinary: string | null;
  readonly modulesFolder: string | null;
  readonly cacheFolder: string;
  /** File that keeps what was built here. */
  readonly builtImages: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Leaves alone what the engine has. */
  readonly onlyMissing?: boolean;
  onLine(template: string, line: string): void;
}

export interface BuiltImage {
  readonly template: string;
  readonly id: string;
  /** Null where the build failed. */
  readonly image: string | null;
  readonly fault: string | null;
}

type Env = ImagesRequest['env'];

/** @throws Error when no engine can be used. */
export function buildImages(request: ImagesRequest): Promise<BuiltImage[]> {
  const { templates, env, onLine, onlyMissing = false, ...options } = request;
  return withEngine(env, async (docker) => {
    let current = '';
    const builder = createImageBuilder(docker, { ...options, onLine: (line) => onLine(current, line) });
    const built: BuiltImage[] = [];
    for (const loaded of templates) {
      const { name, id } = loaded.template;
      current = name;
      try {
        const present = onlyMissing ? await imageOf(docker, id, options.builtImages) : null;
        built.push({ template: name, id, image: present ?? (await builder.build(loaded)), fault: null });
      } catch (error) {
        built.push({ template: name, id, image: null, fault: messageOf(error) });
      }
    }
    return built;
  });
}

/** @returns the image's id; null without one, and without an engine. */
export async function imageOfTemplate(
  { template }: LoadedTemplate,
  env: Env,
  builtImages: string,
): Promise<string | null> {
  return await withEngine(env, (docker) => imageOf(docker, template.id, builtImages)).catch(() => null);
}

async function withEngine<T>(env: Env, work: (docker: Docker) => Promise<T>): Promise<T> {
  const engine = createEngine({ env, faultsOf: engineFaults });
  await engine.start();
  try {
    const { state } = engine;
    if (state.is === 'up') return await work(state.docker);
    const reasons = state.problems.join('; ') || 'none was found: install Docker or Podman, and start it';
    throw new Error(`no container engine can be used: ${reasons}`);
  } finally {
    engine.stop();
  }
}
