/** Which graphics card a container gets: one, and only of templates that ask for it, where the owner gives cards away. */
import type Docker from 'dockerode';
import type { Template } from '../../protocol/index.ts';
import type { Failure } from '../runner/failure.ts';
import { within } from './engine-call.ts';
import { askGpus, type ContainerGpus, containerGpusOf } from './gpu.ts';

export interface GpuSource {
  /** What the owner set: `auto` gives containers the card that is found. */
  readonly use: 'off' | 'auto';
  /** Asks this computer’s programs. */
  readonly ask?: typeof askGpus;
}

export const noGpus: GpuSource = { use: 'off' };

/** A card, as the engine is asked for it and as offers name it. */
export interface GrantedGpu {
  readonly id: string;
  readonly model: string;
}

/** Why no container gets a card, or the card that they get. */
export type GpuGrant = GrantedGpu | { readonly none: string };

export const gpusOff: GpuGrant = { none: 'containers get no graphics card (execution.containerGpu)' };

/** @throws Error when the engine does not answer. */
export async function lookForGpu(
  docker: Docker,
  { use, ask = askGpus }: GpuSource,
  answerMsMax: number,
): Promise<GpuGrant> {
  if (use === 'off') return gpusOff;
  const [info, answers] = await Promise.all([within(docker.info(), answerMsMax), ask()]);
  return grantOf(containerGpusOf(info, answers));
}

/** The card with the most memory; of several only that one, so that an offer is true of every run. */
export function grantOf({ gpus, problems }: Pick<ContainerGpus, 'gpus' | 'problems'>): GpuGrant {
  if (gpus === null) return { none: 'no NVIDIA card was found' };
  const [problem] = problems;
  if (problem !== undefined) return { none: problem.text };
  const [card] = [...gpus.devices].sort((a, b) => b.memoryBytes - a.memoryBytes);
  return card === undefined ? { none: 'no NVIDIA card was found' } : { id: card.id, model: card.model };
}

/** @returns null where the template asks for none, or goes without. */
export function gpuFor({ resources }: Template, grant: GpuGrant): GrantedGpu | null {
  return resources.gpu === undefined || 'none' in grant ? null : grant;
}

/** Why a template cannot run for lack of a card; null where it can. */
export function gpuRefusal({ name, resources }: Template, grant: GpuGrant): Failure | null {
  if (resources.gpu !== 'needed' || !('none' in grant)) return null;
  return { code: 'requirements', message: `${name} needs a graphics card: ${grant.none}` };
}
