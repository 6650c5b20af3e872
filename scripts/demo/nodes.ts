/** The demo's nodes: real processes of the headless node, each with a data folder and a control connection of its own. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
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

export interface DemoNode {
  readonly name: string;
  readonly pid: number;
  readonly peerId: string;
  readonly addresses: readonly string[];
  readonly api: ControlClient;
  readonly process: ChildProcess;
}

export interface NodeSettings {
  readonly name: string;
  readonly folder: string;
  readonly provider: boolean;
  readonly bootstrap: readonly string[];
  /** Changes to the configuration, by section. */
  readonly config?: Partial<Omit<NodeConfigInput, 'dataFolder'>>;
}

/** Starts a node and waits until it is online. @throws Error with the end of its log when it does not come up. */
export async function startNode(settings: NodeSettings): Promise<DemoNode> {
  const { name, folder, provider, bootstrap, config } = settings;
  const dataFolder = join(folder, name);
  await mkdir(dataFolder, { recursive: true, mode: 0o700 });
  const configFile = join(folder, `${name}.json`);
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
  };
  await writeFile(configFile, JSON.stringify(written, null, 2));
  const child = spawn(process.execPath, [headless, '--config', configFile, '--exit-with-parent'], {
    stdio: ['pipe', 'pipe', 'pipe'],
    // Ctrl-C in a terminal goes to the whole group; the demo stops its nodes itself, in order.
    detached: true,
  });
  const tail: string[] = [];
  createInterface({ input: child.stderr }).on('line', (line) => {
    tail.push(line);
    if (tail.length > 20) tail.shift();
  });
  const ready = await new Promise<z.infer<typeof Ready>>((resolve, reject) => {
    const late = setTimeout(
      () => reject(new Error(`${name} was not online after ${startMsMax / 1000} s\n${tail.join('\n')}`)),
      startMsMax,
    );
    child.once('error', reject);
    child.once('exit', (code, signal) => {
      clearTimeout(late);
      reject(new Error(`${name} ended with ${signal ?? `code ${code}`} before it was online\n${tail.join('\n')}`));
    });
    createInterface({ input: child.stdout }).once('line', (line) => {
      clearTimeout(late);
      try {
        resolve(Ready.parse(JSON.parse(line)));
      } catch (error) {
        reject(error instanceof Error ? error : new Error(String(error)));
      }
    });
  });
  const api = await connectControl(dataFolder);
  return { name, pid: ready.pid, peerId: ready.peerId, addresses: ready.addresses, api, process: child };
}

/** Stops nodes in order, and those that do not stop at once. */
export async function stopNodes(nodes: Iterable<DemoNode>): Promise<void> {
  await Promise.all([...nodes].map(stopNode));
}

async function stopNode({ process: child, api }: DemoNode): Promise<void> {
  await api.close().catch(() => undefined);
  if (child.exitCode !== null || child.signalCode !== null) return;
  await new Promise<void>((resolve) => {
    const hard = setTimeout(() => child.kill('SIGKILL'), stopMsMax);
    child.once('exit', () => {
      clearTimeout(hard);
      resolve();
    });
    child.kill('SIGTERM');
  });
}
