/** From nothing to a known provider, with one bootstrap address: our node, and libp2p with its DHT alone. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { z } from '../node-core/protocol/index.ts';
import { NodeGroup, type RunningNode } from '../scripts/demo/nodes.ts';
import type { Config } from './lib/network.ts';
import { type BenchReport, figure, machine, versions } from './lib/report.ts';

const script = fileURLToPath(new URL('./lib/bare-dht.ts', import.meta.url));
const samples = 10;
const config: Config = {
  provider: { templates: ['null'] },
  execution: { measure: false },
  log: { level: 'warn' },
};

interface Join {
  /** From the start of the process. */
  readonly fromProcessMs: number;
  /** From when its code begins to run as a node: without loading programs and libraries. */
  readonly fromStartMs: number;
}

export async function join(): Promise<BenchReport> {
  const on = machine();
  const group = await NodeGroup.make('infernet-bench-join-');
  const bare: BareNode[] = [];
  const startBare = async (...args: readonly string[]) => {
    const node = await BareNode.start(args);
    bare.push(node);
    return node;
  };
  try {
    const first = await group.start({ name: 'bootstrap', provider: false, bootstrap: [], config });
    const bootstrap = first.addresses.slice(0, 1);
    const provider = await group.start({ name: 'provider', provider: true, bootstrap, config });
    await joined(first, provider.peerId);
    const { address } = await startBare('bootstrap');
    await startBare('provider', address);
    const ours: Join[] = [];
    const theirs: Join[] = [];
    for (let i = 0; i < samples; i++) {
      ours.push(await joinOnce(group, `node-${i}`, bootstrap, provider.peerId));
      const seeker = await BareNode.start(['seeker', address]);
      theirs.push(seeker.join);
      await seeker.stop();
    }
    const of = (joins: readonly Join[], which: keyof Join) => joins.map((join) => join[which]);
    return {
      name: 'join',
      machine: on,
      versions: versions('libp2p', '@libp2p/kad-dht'),
      figures: (
        [
          ['process start to known provider', 'fromProcessMs'],
          ['node start to known provider', 'fromStartMs'],
        ] as const
      ).map(([metric, which]) => figure(metric, 'ms', of(ours, which), 'libp2p, kad-dht', of(theirs, which))),
    };
  } finally {
    await Promise.all(bare.map((node) => node.stop()));
    await group.stop();
  }
}

async function joinOnce(group: NodeGroup, name: string, bootstrap: string[], provider: string): Promise<Join> {
  const spawnedAt = Date.now();
  const node = await group.start({ name, provider: false, bootstrap, config });
  const times = await joined(node, provider);
  await node.stop();
  return { fromProcessMs: times.at - spawnedAt, fromStartMs: times.at - times.startedAt };
}

/** Times from the node's own log. */
function joined(node: RunningNode, peerId: string): Promise<{ startedAt: number; at: number }> {
  return new Promise((resolve) => {
    let startedAt = Number.NaN;
    const end = node.api.subscribe(0, (item) => {
      if (item.kind !== 'event') return;
      if (item.event.type === 'node.started') startedAt = item.at;
      if (item.event.type !== 'peer.joined' || item.event.record.peerId !== peerId) return;
      end();
      resolve({ startedAt, at: item.at });
    });
  });
}

const Said = z.object({ address: z.string(), startedAt: z.number(), at: z.number() });

class BareNode {
  readonly address: string;
  readonly join: Join;
  readonly stop: () => Promise<void>;

  private constructor(address: string, join: Join, stop: () => Promise<void>) {
    this.address = address;
    this.join = join;
    this.stop = stop;
  }

  static async start(args: readonly string[]): Promise<BareNode> {
    const spawnedAt = Date.now();
    const child = spawn(process.execPath, [script, ...args], { stdio: ['pipe', 'pipe', 'inherit'] });
    const exited = once(child, 'exit');
    const [line]: unknown[] = await once(createInterface({ input: child.stdout }), 'line');
    const { address, startedAt, at } = Said.parse(JSON.parse(String(line)));
    return new BareNode(address, { fromProcessMs: at - spawnedAt, fromStartMs: at - startedAt }, async () => {
      child.stdin.end();
      await exited;
    });
  }
}
