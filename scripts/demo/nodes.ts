/**
 * Real processes of the headless node, each with a data folder and a control connection of its own: for the demo and for
 * the tests that kill them.
 *
 *     const nodes = await NodeGroup.make('infernet-demo-');
 *     const node = await nodes.start({ name: 'client', provider: false, bootstrap: [] });
 *     await nodes.stop();
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { NodeConfigInput } from '../../node-core/config/index.ts';
import { type ControlClient, connectControl } from '../../node-core/control/index.ts';
import { z } from '../../node-core/protocol/index.ts';

const headless = fileURLToPath(new URL('../../node-core/headless.ts', import.meta.url));

const Ready = z.object({ event: z.literal('ready'), peerId: z.string(), addresses: z.array(z.string()), pid: z.int() });

const startMsMax = 30_000;
const stopMsMax = 10_000;
const tailLines = 20;

export interface RunningNode {
  readonly name: string;
  readonly pid: number;
  readonly peerId: string;
  readonly addresses: readonly string[];
  readonly dataFolder: string;
  readonly api: ControlClient;
  /** Its exit code, null when a signal ended it. */
  readonly exited: Promise<number | null>;
  /** Ends it as a crash would; resolves when it is gone. */
  kill(): Promise<void>;
  /** Ends it in order; resolves with its exit code. */
  stop(): Promise<number | null>;
}

export interface NodeSettings {
  /** Of its data folder too: a node that is started again by the same name goes on. */
  readonly name: string;
  readonly provider: boolean;
  readonly bootstrap: readonly string[];
  /** What runs instead of the headless node, with the configuration file as its first argument. */
  readonly program?: { readonly file: string; readonly args: readonly string[] };
  /** Changes to the configuration, by section. */
  readonly config?: Partial<Omit<NodeConfigInput, 'dataFolder'>>;
  /** Of its process, in addition. */
  readonly env?: Readonly<Record<string, string>>;
  /** Receives each line of its log. */
  onLog?(line: string): void;
}

/** Nodes that are stopped together, in a folder that goes with them. */
export class NodeGroup {
  readonly folder: string;
  readonly #children = new Set<ChildProcess>();
  #stopping: Promise<void> | null = null;

  private constructor(folder: string) {
    this.folder = folder;
  }

  /** @param prefix of the name of its temporary folder. */
  static async make(prefix: string): Promise<NodeGroup> {
    return new NodeGroup(await mkdtemp(join(tmpdir(), prefix)));
  }

  get isStopping(): boolean {
    return this.#stopping !== null;
  }

  /** Starts a node and waits until it is online. @throws Error with the end of its log when it does not come up. */
  async start(settings: NodeSettings): Promise<RunningNode> {
    const { name } = settings;
    const dataFolder = join(this.folder, name);
    const configFile = await writeConfig(this.folder, dataFolder, settings);
    if (this.isStopping) throw new Error('the nodes are being stopped');
    const { program } = settings;
    const command =
      program === undefined
        ? [headless, '--config', configFile, '--exit-with-parent']
        : [program.file, configFile, ...program.args];
    const child = spawn(process.execPath, command, {
      stdio: ['pipe', 'pipe', 'pipe'],
      // Ctrl-C in a terminal goes to the whole group; we stop the nodes ourselves, in order.
      detached: true,
      env: { ...process.env, ...settings.env },
    });
    this.#children.add(child);
    const exited = new Promise<number | null>((resolve) => child.once('close', resolve));
    child.once('close', () => this.#children.delete(child));
    try {
      const { pid, peerId, addresses } = await ready(child, settings);
      const api = await connectControl(dataFolder);
      return {
        name,
        pid,
        peerId,
        addresses,
        dataFolder,
        api,
        exited,
        kill: async () => void (await end(child, 'SIGKILL')),
        stop: () => end(child, 'SIGTERM'),
      };
    } catch (error) {
      await end(child, 'SIGKILL');
      throw error;
    }
  }

  /** Stops all nodes, also those that are only starting, and removes their folder. */
  stop(): Promise<void> {
    this.#stopping ??= (async () => {
      await Promise.all([...this.#children].map((child) => end(child, 'SIGTERM')));
      await rm(this.folder, { recursive: true, force: true, maxRetries: 3 });
    })();
    return this.#stopping;
  }
}

async function writeConfig(folder: string, dataFolder: string, settings: NodeSettings): Promise<string> {
  const { name, provider, bootstrap, config } = settings;
  await mkdir(dataFolder, { recursive: true, mode: 0o700 });
  const written: NodeConfigInput = {
    dataFolder,
    ...config,
    network: {
      listen: ['/ip4/127.0.0.1/tcp/0/ws', '/ip4/127.0.0.1/tcp/0'],
      bootstrap: [...bootstrap],
      mdns: false,
      ...config?.network,
    },
    provider: { enabled: provider, ...config?.provider },
    // Whoever runs this on a laptop wants to see it run.
    host: { pauseOnBattery: false, ...config?.host },
  };
  const file = join(folder, `${name}.json`);
  await writeFile(file, JSON.stringify(written, null, 2));
  return file;
}

function ready(child: ChildProcess, { name, onLog }: NodeSettings): Promise<z.infer<typeof Ready>> {
  const { stdout, stderr } = child;
  if (stdout === null || stderr === null) throw new Error('started without pipes');
  const tail: string[] = [];
  createInterface({ input: stderr }).on('line', (line) => {
    onLog?.(line);
    tail.push(line);
    if (tail.length > tailLines) tail.shift();
  });
  return new Promise((resolve, reject) => {
    const fail = (what: string) => reject(new Error([`${name} ${what}`, ...tail].join('\n')));
    const late = setTimeout(() => fail(`was not online after ${startMsMax / 1000} s`), startMsMax);
    child.once('error', reject);
    // Not `exit`: its last words may still be on their way.
    child.once('close', (code, signal) => {
      clearTimeout(late);
      fail(`ended with ${signal ?? `code ${code}`} before it was online`);
    });
    createInterface({ input: stdout }).once('line', (line) => {
      clearTimeout(late);
      try {
        resolve(Ready.parse(JSON.parse(line)));
      } catch (error) {
        reject(error);
      }
    });
  });
}

/** @returns its exit code, null when a signal ended it; one that does not stop in time is killed. */
async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<number | null> {
  if (child.exitCode === null && child.signalCode === null && child.pid !== undefined) {
    await new Promise<void>((resolve) => {
      const hard = setTimeout(() => child.kill('SIGKILL'), stopMsMax);
      child.once('exit', () => {
        clearTimeout(hard);
        resolve();
      });
      child.kill(signal);
    });
  }
  return child.exitCode;
}
