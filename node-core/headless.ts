/**
 * A node without a window: `npm run headless -- --config node.yaml`.
 *
 * When it is online it prints one line of JSON to the standard output, and nothing else ever:
 *
 *     {"event":"ready","peerId":"12D3KooW…","addresses":[…],"control":{"url":"ws://127.0.0.1:…/"},"pid":4711}
 *
 * Its log goes to the standard error output. Under systemd it also says when it is ready, alive and stopping
 * (`service/notify.ts`). The first SIGTERM or SIGINT lets running work finish
 * (`provider.drainMs`), the second ends it at once. SIGHUP reads the configuration file again; only where the node was
 * started from a terminal does it stop the node, for there it says that the terminal was closed. If it cannot start or go on, it says in one paragraph what was
 * expected, what was found and what to do, and exits with one of {@link exitCodes}.
 */
import { existsSync } from 'node:fs';
import { constants } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Command, CommanderError } from 'commander';
import packageJson from '../package.json' with { type: 'json' };
import {
  ConfigError,
  ConfigFile,
  type ConfigOverride,
  defaultConfigFile,
  defaultDataFolder,
  type NodeConfig,
  saveSettings,
} from './config/index.ts';
import { type ControlServer, ControlServerError, startControlServer } from './control/index.ts';
import { createLogger } from './logging.ts';
import type { InfernetNode, NodeHost } from './node.ts';
import type { Logger } from './ports/index.ts';
import type { NodeApi } from './protocol/index.ts';
import { serviceManager } from './service/notify.ts';

/** As in BSD's sysexits.h, which systemd and scripts know; 2 is what shells use for wrong usage. */
const exitCodes = {
  ok: 0,
  usage: 2,
  damaged: 65,
  address: 69,
  internal: 70,
  'data-folder': 73,
  disk: 74,
  locked: 75,
  'key-permissions': 77,
  config: 78,
} as const;
type ExitKind = keyof typeof exitCodes;

const exitCodesHelp = `
Exit codes:
   0  stopped in order
   2  wrong usage
  65  the key or the data are damaged, or do not belong together
  69  an address to listen on is taken, or is not this computer's
  70  a fault of ours
  73  the data folder cannot be made or written to
  74  the disk is full, or failed
  75  another process uses the data folder
  77  others can read the key file
  78  the configuration is wrong`;

/** To leave the network and to close the log, beyond what running work may take. */
const stopMsMax = 15_000;
/** For whoever reads the log to take its last lines. */
const flushMsMax = 1_000;

/** A closed terminal sends SIGHUP too. */
const hasTerminal = process.stdin.isTTY === true || process.stdout.isTTY === true;
const stopSignals: readonly NodeJS.Signals[] = hasTerminal ? ['SIGINT', 'SIGTERM', 'SIGHUP'] : ['SIGINT', 'SIGTERM'];
/** What SIGHUP does; before there is a node, nothing. */
let reloadNow = (): void => {};

interface Options {
  readonly config?: string;
  readonly data?: string;
  readonly provider?: boolean;
  readonly listen?: readonly string[];
  readonly bootstrap?: readonly string[];
  readonly printConfig?: boolean;
  readonly exitWithParent?: boolean;
}

/** Why the node stops, and how the process ends. */
interface StopRequest {
  readonly reason: string;
  readonly exit: ExitKind;
  /** How long running work may take to finish. */
  readonly drainMs: number;
  /** The paragraph that is said at the end. */
  readonly complaint?: string;
}

/** Writes out what waits in the log. */
let flushLog = async (): Promise<void> => {};

// Whoever started us may stop reading.
process.stdout.on('error', () => {});
process.stderr.on('error', () => {});
if (!stopSignals.includes('SIGHUP')) process.on('SIGHUP', () => reloadNow());
process.on('uncaughtException', (error) => void end('internal', error.stack ?? error.message));

await main(parseArguments(process.argv.slice(2)));

async function main(options: Options): Promise<void> {
  const file = configFileOf(options);
  const config = await readConfig(file);
  if (options.printConfig === true) {
    process.stdout.write(`${JSON.stringify(config, null, 2)}\n`);
    return end('ok');
  }
  const { log, setLevel, flush } = createLogger({ level: config.log.level });
  flushLog = flush;
  const host: NodeHost = {
    saveSettings: (change) => saveSettings(file, change),
    recoveryPhrase: async () => (await import('./adapters.ts')).recoveryPhraseIn(config.dataFolder),
    configured: ({ log: { level } }) => setLevel(level),
  };
  const service = serviceManager(process.env, log);
  const stop = stopRequests(config, options.exitWithParent === true);
  // What follows is heavy; mistakes in usage and configuration were to be told at once.
  const [{ realPorts, startFailureOf }, { createNode }] = await Promise.all([
    import('./adapters.ts'),
    import('./node.ts'),
  ]);
  const failed = (error: unknown) => {
    // What the control server says of its address is its own; the rest is the ports'.
    const { kind, message } =
      error instanceof ControlServerError
        ? { kind: 'address' as const, message: error.message }
        : startFailureOf(error);
    stop.request({ reason: 'the node cannot go on', exit: kind, drainMs: 0, complaint: message });
  };

  let node: InfernetNode | null = null;
  let control: ControlServer | null = null;
  try {
    const { ports, newIdentity } = await realPorts(config, { log });
    const { peerId } = ports.signer;
    if (newIdentity) log.info({ peerId, dataFolder: config.dataFolder }, 'a new identity was made');
    node = createNode(config, ports, host);
    const { configure } = node;
    onReload(() => void reload(file, configure, log));
    node.onEnd((error) => {
      if (error !== null) failed(error);
      else stop.request({ reason: 'stopped by its owner', exit: 'ok', drainMs: 0 });
    });
    const started = node.start();
    // When a stop comes first, a failure of the start is no news.
    started.catch(() => {});
    await Promise.race([started, stop.requested]);
    if (!stop.isRequested()) {
      const interfaceFolder = builtInterface();
      control = await startControlServer({
        ...config.control,
        api: node.api,
        dataFolder: config.dataFolder,
        log,
        ...(interfaceFolder !== null && { interfaceFolder }),
      });
      await announce(node.api, control.url, log);
      await service.ready(`online as ${ports.signer.peerId}`);
    }
  } catch (error) {
    failed(error);
  }

  const { reason, exit, drainMs, complaint } = await stop.requested;
  log.info({ reason }, 'stopping');
  void service.stopping(reason);
  const stopped = stopAll(node, control, drainMs, reason).catch((error: unknown) => {
    log.error({ error: error instanceof Error ? error.message : String(error) }, 'the node did not stop in order');
  });
  const inTime = await within(drainMs + stopMsMax, stopped);
  if (complaint === undefined && !inTime) {
    return end(
      'internal',
      `the node did not stop within ${drainMs + stopMsMax} ms and was ended. Nothing that was written is lost: it goes on from its log at the next start`,
    );
  }
  await end(exit, complaint);
}

async function stopAll(node: InfernetNode | null, control: ControlServer | null, drainMs: number, reason: string) {
  try {
    await node?.stop({ drainMs, reason });
  } finally {
    // Last, so that whoever follows the node sees its end.
    await control?.stop(reason);
  }
}

async function announce(api: NodeApi, url: string, log: Logger): Promise<void> {
  const { peerId, addresses, unreachableBootstrap } = await api.call('node.status', {});
  for (const { address, reason } of unreachableBootstrap) {
    log.warn({ address, reason }, 'a bootstrap address does not answer; check it, and that a node runs there');
  }
  process.stdout.write(
    `${JSON.stringify({ event: 'ready', peerId, addresses, control: { url }, pid: process.pid })}\n`,
  );
}

interface Stop {
  readonly requested: Promise<StopRequest>;
  isRequested(): boolean;
  /** The first one counts. */
  request(stop: StopRequest): void;
}

function stopRequests({ provider }: NodeConfig, withParent: boolean): Stop {
  const { promise: requested, resolve: settle } = Promise.withResolvers<StopRequest>();
  let isRequested = false;
  const request = (stop: StopRequest) => {
    isRequested = true;
    settle(stop);
  };
  let signals = 0;
  for (const signal of stopSignals) {
    process.on(signal, () => {
      signals += 1;
      if (signals > 1) process.exit(128 + constants.signals[signal]);
      request({ reason: signal, exit: 'ok', drainMs: provider.drainMs });
    });
  }
  if (withParent) {
    // It closes when the parent ends, however that ends.
    const gone = () => request({ reason: 'the parent process is gone', exit: 'ok', drainMs: 0 });
    process.stdin.on('end', gone).on('close', gone).on('error', gone).resume();
  }
  return { requested, request, isRequested: () => isRequested };
}

function parseArguments(args: readonly string[]): Options {
  const program = new Command('infernet-desktop --headless')
    .description(
      'Runs a node without a window. Settings that are not given come from the configuration, then from defaults.',
    )
    .version(packageJson.version)
    .option('-c, --config <file>', `configuration, YAML or JSON (default: ${defaultConfigFile()}, if it is there)`)
    .option('-d, --data <folder>', 'data folder: key, log and blobs; one process at a time')
    .option('--provider', 'run jobs of others')
    .option('--no-provider', 'run no jobs of others')
    .option('-l, --listen <multiaddr...>', 'addresses to listen on')
    .option('-b, --bootstrap <multiaddr...>', 'nodes to join through')
    .option('--print-config', 'print the configuration in force, and end')
    .option('--exit-with-parent', 'stop when the standard input closes')
    .addHelpText('after', exitCodesHelp)
    .allowExcessArguments(false)
    .exitOverride();
  try {
    // Told as the user's alone: under Electron, commander would take argv apart another way.
    return program.parse(args, { from: 'user' }).opts<Options>();
  } catch (error) {
    // Commander has said what is wrong, or printed what was asked for.
    if (error instanceof CommanderError) return endNow(error.exitCode === 0 ? 'ok' : 'usage');
    throw error;
  }
}

function onReload(reload: () => void): void {
  reloadNow = reload;
}

/** Reads the file again. What is wrong with it changes nothing. */
async function reload(file: ConfigFile, configure: InfernetNode['configure'], log: Logger): Promise<void> {
  try {
    const { changed, restart } = configure(await file.read());
    log.info({ file: file.path, changed: [...changed], restart: [...restart] }, 'the configuration was read again');
  } catch (error) {
    const problems = error instanceof Error ? error.message : String(error);
    log.error({ file: file.path, problems }, 'the configuration was read again and is wrong; nothing was changed');
  }
}

function configFileOf(options: Options): ConfigFile {
  const overrides: ConfigOverride[] = [];
  const { data, provider, listen, bootstrap } = options;
  if (data !== undefined) overrides.push({ path: ['dataFolder'], value: resolve(data), source: '--data' });
  if (provider !== undefined) overrides.push({ path: ['provider', 'enabled'], value: provider, source: '--provider' });
  if (listen !== undefined) overrides.push({ path: ['network', 'listen'], value: listen, source: '--listen' });
  if (bootstrap !== undefined)
    overrides.push({ path: ['network', 'bootstrap'], value: bootstrap, source: '--bootstrap' });
  const { config } = options;
  const place = { path: config ?? defaultConfigFile(), mustExist: config !== undefined };
  return new ConfigFile({ ...place, dataFolder: defaultDataFolder(), overrides });
}

async function readConfig(file: ConfigFile): Promise<NodeConfig> {
  try {
    return await file.read();
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const count = error.problems.length;
    return end('config', count === 1 ? error.message : `the configuration has ${count} problems:\n${error.message}`);
  }
}

/** Where `npm run build` puts it, seen from the sources and from the bundle; null where it was not built. */
function builtInterface(): string | null {
  const here = dirname(fileURLToPath(import.meta.url));
  const places = [join(here, '../out/renderer'), join(here, '../renderer')];
  return places.find((place) => existsSync(join(place, 'index.html')) && existsSync(join(place, 'assets'))) ?? null;
}

/** @returns whether `work` came to its end in time. */
async function within(ms: number, work: Promise<void>): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<false>((resolve) => {
    timer = setTimeout(() => resolve(false), ms);
  });
  const inTime = await Promise.race([work.then(() => true), late]);
  clearTimeout(timer);
  return inTime;
}

async function end(kind: ExitKind, complaint?: string): Promise<never> {
  await within(flushMsMax, flushLog());
  return endNow(kind, complaint);
}

/** Workers and sockets that are still open do not keep a process that has said its last word. */
function endNow(kind: ExitKind, complaint?: string): never {
  if (complaint !== undefined) process.stderr.write(`infernet: ${complaint}\n`);
  process.exit(exitCodes[kind]);
}
