/** Builds of llama.cpp for graphics cards, which are fetched on request only. */
import type { GpuBuilds } from '../../adapters.ts';
import { argument, defineCommand, toggle } from '../command.ts';
import { answer, type Context } from '../context.ts';
import { CliError } from '../exit-codes.ts';
import { plain } from '../text/terminal.ts';
import { bytesText } from '../text/units.ts';
import { choice, json } from '../values.ts';

const backends = ['cuda', 'vulkan'] as const;
const unverified = 'None of this was ever tried on hardware by those who wrote it.';
const isYes = (text: string | null): boolean => /^y(es)?$/i.test(text?.trim() ?? '');

export const gpuStatus = defineCommand({
  name: 'gpu status',
  summary: 'Builds of llama.cpp for graphics cards: which are here, which could be fetched.',
  detail: `They serve templates that run as processes (execution.gpu), and images that are built here. ${unverified}`,
  shape: { json: json() },
  examples: [{ line: 'gpu status', says: 'what is here' }],
  async run(context, { json: asJson }) {
    const { gpuBuildsHere } = await import('../../adapters.ts');
    const found = await gpuBuildsHere();
    answer(context, asJson, found, () => statusLines(context, found));
    return 'ok';
  },
});

export const gpuInstall = defineCommand({
  name: 'gpu install',
  summary: 'Fetch the build of llama.cpp for this computer’s graphics card.',
  detail: `From the registry of npm (or npm_config_registry), checked by its hash. Without a name: CUDA where NVIDIA’s driver answers, Vulkan elsewhere. ${unverified}`,
  shape: {
    backend: argument('[backend]', 'cuda or vulkan', choice(backends).optional(), backends),
    yes: toggle('--yes', 'without asking'),
    json: json(),
  },
  examples: [
    { line: 'gpu install', says: 'asks first: it is large' },
    { line: 'gpu install cuda --yes', says: 'then: config set execution.gpu cuda' },
  ],
  async run(context, { backend: asked, yes, json: asJson }) {
    const { gpuBuildsHere, hasNvidiaDriver, installGpuBuildHere } = await import('../../adapters.ts');
    const backend = asked ?? ((await hasNvidiaDriver()) ? 'cuda' : 'vulkan');
    const { builds, obstacle } = await gpuBuildsHere();
    const build = builds.find((one) => one.backend === backend);
    if (obstacle !== null || build === undefined) {
      throw new CliError('refused', obstacle ?? `there is no ${backend} build for this computer`);
    }
    const say = (line: string): void => context.err.say(plain(line));
    if (!build.installed && !yes) {
      say(`The ${backend} build of llama.cpp is up to ${bytesText(build.bytesToFetch)} to fetch. ${unverified}`);
      if (!context.input.isTerminal) throw new CliError('declined', 'nothing was fetched; --yes fetches it');
      if (!isYes(await context.input.ask('Fetch it? [y/N] '))) throw new CliError('declined', 'nothing was fetched');
    }
    await installGpuBuildHere(backend, context.env['npm_config_registry'], say).catch((error: unknown) => {
      throw new CliError('refused', error instanceof Error ? error.message : String(error), { cause: error });
    });
    const next = context.commandLine(`config set execution.gpu ${backend}`);
    answer(context, asJson, { backend, packages: build.packages }, () => [
      `The ${backend} build is here. ${unverified}`,
      `To use it: ${next}`,
    ]);
    return 'ok';
  },
});

function statusLines(context: Context, { builds, obstacle }: GpuBuilds): string[] {
  return [
    ...builds.map(({ backend, installed, bytesToFetch }) =>
      installed
        ? `${backend}: here`
        : `${backend}: not here; up to ${bytesText(bytesToFetch)} to fetch: ${context.commandLine(`gpu install ${backend}`)}`,
    ),
    ...(obstacle === null ? [] : [plain(obstacle)]),
    unverified,
  ];
}
