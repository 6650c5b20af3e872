/**
 * The real world for `createNode`: libp2p, SQLite, runner processes, the key file, this computer's time and chance.
 *
 *     const { ports } = await realPorts(config, { log });
 *     const node = createNode(config, ports);
 *
 * Nothing listens and nothing is locked yet: the node starts its ports, and stops them. What can go wrong on the way is
 * told apart by {@link startFailureOf}.
 */
import { existsSync } from 'node:fs';
import { access, constants, mkdir } from 'node:fs/promises';
import { availableParallelism, totalmem } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { jobShareOf, type NodeConfig } from './config/index.ts';
import {
  askGpus,
  type BuiltImage,
  buildImages,
  createExecutor,
  findEngine,
  type GpuBackend,
  type GpuBuilds,
  gpuBuilds,
  type ImagesRequest,
  installGpuBuild,
  modulesAbove,
} from './execution/index.ts';
import {
  createSigner,
  createVerifier,
  KeyFileError,
  keyFileName,
  loadOrCreateKey,
  phraseOf,
  readKeyFile,
} from './identity/index.ts';
import { JournalError } from './journal/index.ts';
import { createLibp2pNetwork } from './network/libp2p/network.ts';
import type { Executor, Host, Logger, Ports } from './ports/index.ts';
import { ApiError, jobProtocol } from './protocol/index.ts';
import { StoreError } from './store/errors.ts';
import { createSqliteStore } from './store/sqlite-store.ts';
import { createSystemClock } from './system/clock.ts';
import { type FullScreenLook, fullScreenWatch } from './system/full-screen.ts';
import { createSystemHost } from './system/host.ts';
import { createSystemRandom } from './system/random.ts';

/** The words that restore the node of a data folder. @throws ApiError `not-found` */
export async function recoveryPhraseIn(dataFolder: string): Promise<string> {
  const seed = await readKeyFile(join(dataFolder, keyFileName));
  if (seed === null) throw new ApiError('not-found', `there is no key in ${dataFolder}`);
  return phraseOf(seed);
}

export {
  conformanceOf,
  findEngine,
  type GpuBuilds,
  imageOfTemplate,
  type LoadedTemplate,
  loadTemplates,
  scaffoldTemplate,
  TemplateExistsError,
} from './execution/index.ts';

export interface RealPortsOptions {
  readonly log: Logger;
  /** Holds the shipped `templates` and `models`. Default: the nearest `resources` above the running code. */
  readonly resourcesFolder?: string;
  /** The `node_modules` with what runners import. Default: the nearest one above each template, else this program's. */
  readonly modulesFolder?: string;
  /** Hashes and measured speeds; may be shared by nodes of one computer. Default: `cache` in the data folder. */
  readonly cacheFolder?: string;
  /** It runs for the node of the data folder, and not beside it: containers of an earlier run are removed. Default: no. */
  readonly isNode?: boolean;
  /** What a desktop knows better of its computer; gets what any program knows. */
  host?(system: Required<Pick<Host, 'conditions'>>): Partial<Host>;
}

export interface RealPorts {
  readonly ports: Ports;
  /** The key was made just now: a new node, whose recovery phrase nobody has seen yet. */
  readonly newIdentity: boolean;
}

/** The file that says that a data folder was in use before. */
const storeFileName = 'node.db';

/** @throws Error, for {@link startFailureOf}. */
export async function realPorts(config: NodeConfig, options: RealPortsOptions): Promise<RealPorts> {
  const { dataFolder, network } = config;
  const { log } = options;
  await makeDataFolder(dataFolder);
  const isNew = !existsSync(join(dataFolder, storeFileName));
  const { seed, created } = await loadOrCreateKey(join(dataFolder, keyFileName), isNew);

  const system = createSystemHost({ dataFolder });
  const ports: Ports = {
    clock: createSystemClock(),
    random: createSystemRandom(),
    signer: createSigner(seed),
    verifier: createVerifier(),
    log,
    store: createSqliteStore({ folder: dataFolder, log }),
    network: createLibp2pNetwork({
      seed,
      listen: network.listen,
      announce: network.announce,
      bootstrap: network.bootstrap,
      mdns: network.mdns,
      allowPrivateAddresses: network.allowPrivateAddresses,
      dhtServer: network.dhtServer,
      inboundConnectionsPerSecond: network.inboundConnectionsPerSecondMax,
      maxConnections: network.connectionsMax,
      jobProtocol,
      log,
    }),
    // The data folder is locked before the executor starts: what it finds of its own there, a crash left behind.
    executor: realExecutor(config, { ...options, isNode: true }),
    host: {
      ...system,
      engine: (templates) =>
        findEngine({ env: process.env, images: { templates, builtImages: builtImagesOf(config) } }),
      ...options.host?.(system),
    },
  };
  return { ports, newIdentity: created };
}

/** Folders of template folders, the shipped one first. */
export function templateFoldersOf({ execution }: NodeConfig, resourcesFolder?: string): string[] {
  return [shippedTemplates(resourcesFolder), ...execution.templateFolders];
}

export function shippedTemplates(resourcesFolder?: string): string {
  return join(resourcesFolder ?? nearestResources(dirname(fileURLToPath(import.meta.url))), 'templates');
}

/** Where it is kept which images were built here. */
export function builtImagesOf({ dataFolder, execution }: NodeConfig): string {
  return execution.builtImagesFile ?? join(dataFolder, 'images.json');
}

/** Images of templates, on a base of the caller's choice or one of what this program itself runs. @throws Error without an engine. */
export function buildTemplateImages(
  config: NodeConfig,
  options: Pick<RealPortsOptions, 'modulesFolder' | 'cacheFolder'>,
  request: Pick<ImagesRequest, 'templates' | 'base' | 'env' | 'onLine' | 'onlyMissing'>,
): Promise<BuiltImage[]> {
  const isNode = process.versions['electron'] === undefined;
  return buildImages({
    ...request,
    nodeBinary: config.execution.nodeBinary ?? (isNode ? process.execPath : null),
    modulesFolder: options.modulesFolder ?? ownModules(),
    cacheFolder: options.cacheFolder ?? join(config.dataFolder, 'cache'),
    builtImages: builtImagesOf(config),
  });
}

/** Builds of llama.cpp for graphics cards beside the one that this program uses. */
export function gpuBuildsHere(): Promise<GpuBuilds> {
  return gpuBuilds({ modulesFolder: ownModules() });
}

/** @param registry of packages; npm's own where undefined. @throws Error that says what is in the way. */
export function installGpuBuildHere(
  backend: GpuBackend,
  registry: string | undefined,
  onLine: (line: string) => void,
): Promise<void> {
  return installGpuBuild({
    modulesFolder: ownModules(),
    backend,
    onLine,
    ...(registry !== undefined && { registry }),
  });
}

export async function hasNvidiaDriver(): Promise<boolean> {
  return (await askGpus()).smi !== null;
}

function ownModules(): string | null {
  return modulesAbove(dirname(fileURLToPath(import.meta.url)));
}

/** Does a program fill the screen of this computer, or why can it not be told? */
export function lookAtScreen(): Promise<FullScreenLook> {
  return fullScreenWatch()();
}

/** What runs jobs on this computer; also without a node, to look at what one would find. */
export function realExecutor(config: NodeConfig, options: RealPortsOptions): Executor {
  const { dataFolder, execution, provider } = config;
  const resources = options.resourcesFolder ?? nearestResources(dirname(fileURLToPath(import.meta.url)));
  const share = () => jobShareOf(config, { cores: availableParallelism(), memoryBytes: totalmem() });
  return createExecutor({
    runIn: execution.runIn,
    templateFolders: [join(resources, 'templates'), ...execution.templateFolders],
    modelFolders: [join(resources, 'models'), ...execution.modelFolders],
    cacheFolder: options.cacheFolder ?? join(dataFolder, 'cache'),
    share: () => {
      const { runnerThreads, runnerCpus } = share();
      return { threads: runnerThreads, cpus: runnerCpus, niceness: execution.niceness };
    },
    memoryBytesMax: () => share().memoryBytes,
    runsMax: () => provider.runsMax,
    warm: () => ({
      processesMax: execution.warmModelsMax,
      bytesMax: share().warmBytes,
      idleMs: execution.warmMs,
    }),
    contextTokens: execution.contextTokens,
    gpu: execution.gpu === 'off' ? null : execution.gpu,
    customImages: () => ({ allow: execution.customImages, images: execution.customImagesListed }),
    log: options.log,
    docker: {
      owner: options.isNode === true ? resolve(dataFolder) : null,
      gpus: { use: execution.containerGpu },
      builtImages: builtImagesOf(config),
      limits: {
        pidsMax: execution.containerPidsMax,
        openFilesMax: execution.containerOpenFilesMax,
        scratchBytes: execution.containerScratchBytes,
        answerMsMax: execution.containerAnswerMs,
      },
    },
    embedded: {
      ...(options.modulesFolder !== undefined && { modulesFolder: options.modulesFolder }),
      ...runnerProgram(execution.nodeBinary),
    },
  });
}

/** Kinds of failure that a person can do something about, each something else. */
export type StartFailureKind =
  /** The data folder cannot be made, or not be written to. */
  | 'data-folder'
  /** Others can read the key. */
  | 'key-permissions'
  /** Key or data are not what was once written. */
  | 'damaged'
  /** Another process uses the data folder. */
  | 'locked'
  /** The disk is full, or failed. */
  | 'disk'
  /** An address to listen on is taken, or is not this computer's. */
  | 'address'
  /** None of these: a fault of ours. */
  | 'internal';

/** What an error from {@link realPorts}, or from a node on such ports, means. Its message says what to do. */
export function startFailureOf(error: unknown): { kind: StartFailureKind; message: string } {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    const kind = kindOf(cause);
    if (kind !== null) return { kind, message: kind === 'address' ? addressText(cause.message) : cause.message };
  }
  return { kind: 'internal', message: error instanceof Error ? (error.stack ?? error.message) : String(error) };
}

class DataFolderError extends Error {
  override readonly name = 'DataFolderError';
}

const storeKinds = {
  locked: 'locked',
  full: 'disk',
  io: 'disk',
  'read-only': 'data-folder',
  corrupt: 'damaged',
  newer: 'damaged',
} as const;

function kindOf(error: Error): StartFailureKind | null {
  if (error instanceof DataFolderError) return 'data-folder';
  if (error instanceof KeyFileError) return error.problem === 'readable-by-others' ? 'key-permissions' : 'damaged';
  if (error instanceof StoreError) return storeKinds[error.kind];
  if (error instanceof JournalError) return 'damaged';
  const code = 'code' in error ? error.code : undefined;
  if (code === 'ENOSPC' || code === 'EDQUOT' || code === 'EIO') return 'disk';
  if (code === 'EADDRINUSE' || code === 'EADDRNOTAVAIL' || error.message.startsWith('cannot listen')) return 'address';
  return null;
}

/** Out of libp2p's report, which has a stack for each address, the addresses with their reasons. */
function addressText(message: string): string {
  const reasons = [...message.matchAll(/^\s*(?<address>\/\S+): (?:\w*Error: )?(?<reason>.*)$/gm)].map(([line]) =>
    line.trim().replace(/: \w*Error: /, ': '),
  );
  const what = reasons.length > 0 ? reasons.join('; ') : (message.split('\n')[0] ?? message);
  return `an address cannot be listened on: ${what}. Change network.listen in the configuration, or --listen; port 0 takes any that is free`;
}

async function makeDataFolder(path: string): Promise<void> {
  try {
    await mkdir(path, { recursive: true, mode: 0o700 });
    await access(path, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (error) {
    if (error instanceof Error && kindOf(error) === 'disk') throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new DataFolderError(
      `expected a data folder that can be written to, or made, at ${path}, but: ${reason}. Choose another with dataFolder in the configuration or --data, or change who may write there`,
      { cause: error },
    );
  }
}

/** In the repository they lie beside node-core; in the packaged app beside the archive with the code. */
function nearestResources(from: string): string {
  for (let folder = from; ; folder = dirname(folder)) {
    const candidate = join(folder, 'resources');
    if (existsSync(join(candidate, 'templates'))) return candidate;
    if (dirname(folder) === folder) throw new Error(`expected resources/templates above ${from}; install again`);
  }
}

/** The packaged app brings no Node: Electron's own program acts as one when it is told to. */
function runnerProgram(nodeBinary: string | null): { nodeBinary?: string; env?: Record<string, string> } {
  if (nodeBinary !== null) return { nodeBinary };
  return process.versions['electron'] === undefined ? {} : { env: { ELECTRON_RUN_AS_NODE: '1' } };
}
