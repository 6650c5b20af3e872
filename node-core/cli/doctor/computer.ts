/** Node, clock, hardware, models and what containers would run in. */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { NodeConfig } from '../../config/index.ts';
import { createLogger } from '../../logging.ts';
import { type EngineStatus, type HardwarePassport, protocolLimits } from '../../protocol/index.ts';
import { bytesText, countText, timeText } from '../text/units.ts';
import { faultChecks, setClock as fix, templateCheck } from './advice.ts';
import { type Check, fail, ok, reasonOf, warn } from './check.ts';
import { gpuChecksOf } from './gpu.ts';

/** The first that runs our TypeScript as it is without a flag, of the line that we pin. */
const nodeMajorMin = 24;
const year = (at: number) => new Date(at).getUTCFullYear();
/** This version was written then: a clock before it is wrong. */
const yearMin = 2025;
const yearMax = 2100;
/** As much as peers forgive. */
const { clockSkewMsMax } = protocolLimits;
const watchMs = 50;
const memoryBytesLow = 2 * 1024 ** 3;

export function nodeCheck(version: string): Check {
  const name = 'Node';
  const major = Number(version.split('.')[0]);
  if (major >= nodeMajorMin) return ok(name, version);
  return fail(
    name,
    `${version} is too old`,
    `start it through \`npm run\`, which brings Node ${nodeMajorMin}, or install that`,
  );
}

export interface Clocks {
  now(): number;
  /** Never goes back. */
  monotonicMs(): number;
  sleep(ms: number): Promise<void>;
}

/** Peers refuse what is dated minutes off, so a wrong clock looks like a network that does not answer. */
export async function clockCheck(clocks: Clocks, dataFolder: string): Promise<Check> {
  const name = 'clock';
  const start = { wall: clocks.now(), steady: clocks.monotonicMs() };
  await clocks.sleep(watchMs);
  const wallMs = clocks.now() - start.wall;
  const steadyMs = clocks.monotonicMs() - start.steady;
  if (year(start.wall) < yearMin || year(start.wall) > yearMax)
    return fail(name, `it says ${timeText(start.wall)}`, fix);
  if (Math.abs(wallMs - steadyMs) > 1000)
    return fail(name, `it jumped by ${Math.round(wallMs - steadyMs)} ms while it was watched`, fix);
  const written = await lastWrite(dataFolder);
  if (written !== null && written - start.wall > clockSkewMsMax) {
    return warn(
      name,
      `it says ${timeText(start.wall)}, and the node last wrote at ${timeText(written)}: it went back`,
      fix,
    );
  }
  return ok(name, `${timeText(start.wall)}; peers forgive ${clockSkewMsMax / 60_000} min`);
}

async function lastWrite(dataFolder: string): Promise<number | null> {
  const times = await Promise.all(
    ['node.db', 'node.db-wal', 'control.json'].map((file) =>
      stat(join(dataFolder, file)).then(
        ({ mtimeMs }) => mtimeMs,
        () => 0,
      ),
    ),
  );
  return Math.max(...times) || null;
}

export function hardwareCheck(hardware: HardwarePassport): Check {
  const name = 'hardware';
  const gpus = hardware.gpus.map(({ model, memoryBytes }) => `${model} (${bytesText(memoryBytes)})`);
  const found = [
    hardware.os,
    hardware.cpu.model,
    countText(hardware.cpu.cores, 'core'),
    `${bytesText(hardware.memoryBytes)} memory`,
    ...(gpus.length > 0 ? gpus : ['no GPU found']),
  ].join(', ');
  if (hardware.memoryBytes < memoryBytesLow)
    return warn(name, found, 'choose small models: larger ones do not fit; or add memory');
  return ok(name, found);
}

/** What a node would find: each model is hashed, or was since it last changed. */
export async function executionChecks(config: NodeConfig, cacheFolder: string): Promise<Check[]> {
  const { realExecutor } = await import('../../adapters.ts');
  const { log } = createLogger({ level: 'error', destination: { write: () => {} } });
  const executor = realExecutor(config, { log, cacheFolder });
  try {
    const { hardware, templates, models, faults } = await executor.start();
    const unable = templates.flatMap(({ template, runnable }) =>
      runnable.ok ? [] : [{ name: template.name, reason: runnable.reason }],
    );
    return [
      hardwareCheck(hardware),
      ...(await gpuChecksOf(hardware, config.execution.gpu)),
      models.length === 0
        ? warn('models', 'none is here', 'put GGUF files into a folder of execution.modelFolders')
        : ok(
            'models',
            `${models.map(({ name, sizeBytes }) => `${name} (${bytesText(sizeBytes)})`).join(', ')}: each file is what its hash says`,
          ),
      ...unable.map(({ name, reason }) => templateCheck(name, reason)),
      ...(templates.length > unable.length
        ? [
            ok(
              'templates',
              templates
                .filter(({ runnable }) => runnable.ok)
                .map(({ template }) => template.name)
                .join(', '),
            ),
          ]
        : [
            fail(
              'templates',
              'none runs here',
              'reinstall, or name a folder with templates in execution.templateFolders',
            ),
          ]),
      ...faultChecks(faults),
    ];
  } catch (error) {
    return [
      fail(
        'execution',
        reasonOf(error),
        'let this user read the folders of execution.modelFolders and execution.templateFolders, and write to `cache` in the data folder',
      ),
    ];
  } finally {
    await executor.stop();
  }
}

/** Without an engine the shipped templates run as processes: none of it is a failure. */
export function engineChecks({ state, name: found, problems, gpus }: EngineStatus): Check[] {
  const name = 'container engine';
  const devices = gpus?.devices.map(({ model, memoryBytes }) => `${model} (${bytesText(memoryBytes)})`) ?? [];
  return [
    ...(state === 'found' ? [ok(name, found ?? 'there')] : []),
    ...problems.map(({ code, text, fix }) =>
      code === 'not-installed'
        ? ok(name, `${text}; ${fix}`)
        : warn(name, withName(text), fix || 'see what the engine says of itself: docker info'),
    ),
    ...(gpus?.usable === true
      ? [ok('GPU in containers', `${devices.join(', ')}, toolkit ${gpus.toolkit}: unverified on hardware`)]
      : []),
  ];

  function withName(text: string): string {
    return state === 'refused' && found !== null ? `${found} is refused: ${text}` : text;
  }
}

/** @param unseen why it is not noticed; null where it is. */
export function fullScreenCheck(unseen: { readonly reason: string; readonly fix: string } | null): Check {
  const name = 'full screen';
  if (unseen === null) return ok(name, 'work stands still while a program fills it (host.pauseOnFullScreen)');
  const found = `a program that fills the screen is not noticed: ${unseen.reason}`;
  return unseen.fix === '' ? ok(name, found) : warn(name, found, unseen.fix);
}

/** Without a running node. */
export async function screenChecks({ host }: NodeConfig): Promise<Check[]> {
  if (!host.pauseOnFullScreen) return [];
  const { lookAtScreen } = await import('../../adapters.ts');
  const look = await lookAtScreen();
  return [fullScreenCheck('unseen' in look ? look.unseen : null)];
}

/** Without a running node. */
export async function containerChecks(env: Readonly<Record<string, string | undefined>>): Promise<Check[]> {
  const { findEngine } = await import('../../adapters.ts');
  return engineChecks(await findEngine({ env }));
}
