/** The graphics card, and the build of llama.cpp that could use it in a process. */
import type { GpuBuilds } from '../../adapters.ts';
import type { NodeConfig } from '../../config/index.ts';
import type { HardwarePassport } from '../../protocol/index.ts';
import { bytesText } from '../text/units.ts';
import { type Check, ok, warn } from './check.ts';

/** With less a card holds no model that is worth the way. */
const cardBytesMin = 2 * 2 ** 30;

/** @param setting `execution.gpu`. */
export function gpuChecks(
  { gpus }: HardwarePassport,
  setting: NodeConfig['execution']['gpu'],
  { builds }: GpuBuilds,
): Check[] {
  const name = 'graphics card';
  if (setting !== 'off' && setting !== 'metal') {
    const build = builds.find(({ backend }) => backend === setting);
    return build?.installed === true
      ? [ok(name, `execution.gpu is ${setting}, and its build of llama.cpp is here: unverified on hardware`)]
      : [
          warn(
            name,
            `execution.gpu is ${setting}, and its build of llama.cpp is not here: the processor is used`,
            build === undefined
              ? 'set execution.gpu to off: there is no such build for this computer'
              : `fetch it (up to ${bytesText(build.bytesToFetch)}): infernet-desktop gpu install ${setting}`,
          ),
        ];
  }
  const card = gpus.find(({ memoryBytes }) => memoryBytes >= cardBytesMin);
  if (setting === 'metal' || card === undefined || builds.length === 0) return [];
  const backend = /nvidia/i.test(`${card.vendor} ${card.model}`) ? 'cuda' : 'vulkan';
  // The owner’s choice, so no warning.
  return [
    ok(
      name,
      `${card.model} is not used. To try it, unverified on hardware: infernet-desktop gpu install ${backend}, then config set execution.gpu ${backend}`,
    ),
  ];
}

export async function gpuChecksOf(
  hardware: HardwarePassport,
  setting: NodeConfig['execution']['gpu'],
): Promise<Check[]> {
  const { gpuBuildsHere } = await import('../../adapters.ts');
  return gpuChecks(hardware, setting, await gpuBuildsHere());
}
