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
  /** Of those that can run in a container, it is told which have no image. */
  readonly templates?: ReadonlyArray<Pick<Template, 'id' | 'name' | 'runsIn' | 'customImage'>>;
  readonly gpus?: typeof askGpus;
}

export async function findEngine({ templates = [], gpus = askGpus, ...where }: EngineLook = {}): Promise<EngineStatus> {
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
  return engineStatusOf(state, found, state.is === 'up' ? await missingOn(state.docker, templates) : []);
}

async function missingOn(docker: Docker, templates: NonNullable<EngineLook['templates']>): Promise<string[]> {
  const images = await within(imagesOf(docker), imagesMsMax).catch(() => null);
  return withoutImage(templates, images ?? new Map());
}
