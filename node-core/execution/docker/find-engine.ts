/** One look at the engine, for people who ask what is there. */
import type Docker from 'dockerode';
import type { EngineStatus, Template } from '../../protocol/index.ts';
import { createEngine, type EngineOptions } from './engine.ts';
import { engineStatusOf } from './engine-advice.ts';
import { within } from './engine-call.ts';
import { engineFaults } from './engine-faults.ts';
import { askGpus, containerGpusOf } from './gpu.ts';
import { imagesOf, withoutImage } from './template-images.ts';

const imagesMsMax = 5_000;

export interface EngineLook extends Pick<EngineOptions, 'env' | 'limits'> {
  /** Of those that can run in a container, it is told which have no image among those that a file says were built here. */
  readonly images?: {
    readonly templates: ReadonlyArray<Pick<Template, 'id' | 'name' | 'runsIn' | 'customImage'>>;
    readonly builtImages: string;
  };
  readonly gpus?: typeof askGpus;
}

export async function findEngine({ images, gpus = askGpus, ...where }: EngineLook = {}): Promise<EngineStatus> {
  const answers = await gpus();
  let found = containerGpusOf(null, answers);
  const engine = createEngine({
    ...where,
    faultsOf: (info, version) => {
      found = containerGpusOf(info, answers);
      return engineFaults(info, version);
    },
  });
  await engine.start();
  const { state } = engine;
  engine.stop();
  return engineStatusOf(
    state,
    found,
    state.is === 'up' && images !== undefined ? await missingOn(state.docker, images) : [],
  );
}

async function missingOn(
  docker: Docker,
  { templates, builtImages }: NonNullable<EngineLook['images']>,
): Promise<string[]> {
  const found = await within(imagesOf(docker, builtImages), imagesMsMax).catch(() => null);
  return withoutImage(templates, found ?? new Map());
}
