/**
 * GPUs for containers: NVIDIA's, through its container toolkit. The engine says whether it knows the toolkit's runtime or
 * devices by CDI; the driver's `nvidia-smi` says which cards there are; the toolkit says its version, and one with a known
 * way out of the container is refused.
 *
 * Unverified on hardware: see fixtures/README.md.
 */
import { execFile } from 'node:child_process';
import { type EngineGpus, type EngineProblem, z } from '../../protocol/index.ts';

/** What is asked on this computer. Null = there is no such program, or it failed. */
export interface GpuAnswers {
  /** Of `nvidia-smi`, by {@link smiQuery}. */
  readonly smi: string | null;
  /** Of `nvidia-ctk --version`, or of the runtime's. */
  readonly toolkit: string | null;
}

const Info = z.object({
  Runtimes: z.record(z.string(), z.unknown()).nullish(),
  DefaultRuntime: z.string().nullish(),
  DiscoveredDevices: z.array(z.object({ ID: z.string() })).nullish(),
});

/** Ways out of a container, by the first version that has none of them (NVIDIA security bulletins 5582 and 5659). */
const escapes = [
  { cve: 'CVE-2024-0132', fixedIn: [1, 16, 2] },
  { cve: 'CVE-2025-23266', fixedIn: [1, 17, 8] },
] as const;
const safe = '1.17.8';
const upgrade = `upgrade nvidia-container-toolkit to ${safe} or later, and restart the engine`;

export const smiQuery = ['--query-gpu=uuid,name,memory.total,driver_version', '--format=csv,noheader,nounits'] as const;
const programMsMax = 3_000;

export interface ContainerGpus {
  readonly gpus: EngineGpus | null;
  /** Why no container may have them. */
  readonly problems: readonly EngineProblem[];
  /** Why no container at all may run on this engine: every one of them goes through the toolkit. */
  readonly engineFaults: readonly string[];
}

/** @param info the engine's answer to `GET /info`. */
export function containerGpusOf(info: unknown, { smi, toolkit }: GpuAnswers): ContainerGpus {
  const { Runtimes, DefaultRuntime, DiscoveredDevices } = Info.safeParse(info).data ?? {};
  const hasRuntime = Object.keys(Runtimes ?? {}).some((name) => name.startsWith('nvidia'));
  const hasCdi = (DiscoveredDevices ?? []).some(({ ID }) => ID.startsWith('nvidia.com/gpu='));
  const cards = cardsOf(smi ?? '');
  if (cards.length === 0 && !hasRuntime && !hasCdi) return { gpus: null, problems: [], engineFaults: [] };
  const version = toolkit === null ? null : versionOf(toolkit);
  const toolkitFault = hasRuntime || hasCdi ? faultOf(version) : null;
  const fault = (text: string, fix: string): EngineProblem => ({ code: 'toolkit', text, fix });
  const problems: EngineProblem[] = [];
  if (!hasRuntime && !hasCdi) {
    problems.push(
      fault(
        'there is an NVIDIA card, and the engine cannot give it to containers',
        `install nvidia-container-toolkit ${safe} or later and run: sudo nvidia-ctk runtime configure --runtime=docker`,
      ),
    );
  } else if (cards.length === 0) {
    problems.push(
      fault(
        'the engine knows NVIDIA’s runtime, and no card answers',
        'install the driver; `nvidia-smi` should list the cards',
      ),
    );
  }
  if (toolkitFault !== null) problems.push(fault(toolkitFault, upgrade));
  return {
    gpus: {
      usable: problems.length === 0,
      devices: cards.map(({ id, model, memoryBytes }) => ({ id, model, memoryBytes })),
      driver: cards[0]?.driver ?? null,
      toolkit: version,
      verified: false,
    },
    problems,
    engineFaults:
      toolkitFault !== null && DefaultRuntime?.startsWith('nvidia') === true
        ? [
            `every container goes through NVIDIA’s runtime, and ${toolkitFault}; ${upgrade}, or make runc the default runtime`,
          ]
        : [],
  };
}

/** Of an engine on which every container goes through NVIDIA's runtime; others are not asked about. */
export async function toolkitFaults(info: unknown, ask: typeof askGpus = askGpus): Promise<readonly string[]> {
  const isDefault = Info.safeParse(info).data?.DefaultRuntime?.startsWith('nvidia') === true;
  return isDefault ? containerGpusOf(info, await ask()).engineFaults : [];
}

/** Asks the programs of this computer. @param ask runs one; null where that fails. */
export async function askGpus(ask: typeof run = run): Promise<GpuAnswers> {
  const [smi, ctk] = await Promise.all([ask('nvidia-smi', smiQuery), ask('nvidia-ctk', ['--version'])]);
  return { smi, toolkit: ctk ?? (await ask('nvidia-container-runtime', ['--version'])) };
}

function run(program: string, args: readonly string[]): Promise<string | null> {
  return new Promise((resolve) => {
    execFile(program, [...args], { timeout: programMsMax, windowsHide: true }, (error, text) =>
      resolve(error === null ? text : null),
    );
  });
}

function cardsOf(text: string) {
  return text.split('\n').flatMap((line) => {
    const [id = '', model = '', mebibytes = '', driver = ''] = line.split(',').map((field) => field.trim());
    return /^GPU-[\w-]+$/.test(id) && /^\d+$/.test(mebibytes)
      ? [{ id, model, memoryBytes: Number(mebibytes) * 2 ** 20, driver }]
      : [];
  });
}

function versionOf(text: string): string | null {
  return /\bversion:? (?<version>\d+\.\d+\.\d+\S*)/.exec(text)?.groups?.['version'] ?? null;
}

function faultOf(version: string | null): string | null {
  if (version === null)
    return 'the version of NVIDIA’s container toolkit cannot be told, and some let jobs out of their container';
  const [release = '', candidate] = version.split(/[-~+]/);
  const numbers = release.split('.').map(Number);
  const isCandidate = candidate?.startsWith('rc') === true;
  const open = escapes.filter(({ fixedIn }) => {
    const order = fixedIn.map((part, i) => (numbers[i] ?? 0) - part).find((difference) => difference !== 0) ?? 0;
    return order < 0 || (order === 0 && isCandidate);
  });
  if (open.length === 0) return null;
  return `NVIDIA’s container toolkit ${version} lets jobs out of their container (${open.map(({ cve }) => cve).join(', ')})`;
}
