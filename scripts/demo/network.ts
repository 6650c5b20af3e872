/** The demo's nodes: a client and four providers that know each other through the DHT, from one address. */
import { fileURLToPath } from 'node:url';
import { type MethodResult, micro } from '../../node-core/protocol/index.ts';
import type { DemoEngine } from './containers.ts';
import type { NodeGroup, NodeSettings, RunningNode } from './nodes.ts';
import type { Screen } from './screen.ts';

const dishonestNode = fileURLToPath(new URL('dishonest-node.ts', import.meta.url));
const providerCount = 4;
const onlineMsMax = 45_000;
const booksMsMax = 5_000;
const pollMs = 100;

export interface Network {
  readonly client: RunningNode;
  readonly providers: readonly RunningNode[];
  /** It serves the smaller model under the name of the larger one. */
  readonly cheater: RunningNode | null;
  nameOf(peerId: string): string;
}

export interface NetworkOptions {
  readonly templates: readonly string[];
  /** Runs that the last provider does honestly before it cheats; null = all. */
  readonly honestRuns: number | null;
  /** Runs the runners of all nodes; null = they are processes. */
  readonly engine: DemoEngine | null;
}

export async function startNetwork(group: NodeGroup, screen: Screen, options: NetworkOptions): Promise<Network> {
  const { templates, honestRuns, engine } = options;
  const config: NodeSettings['config'] = {
    provider: { templates: [...templates], models: ['infernet-tiny'] },
    directory: { heartbeatMs: 2_000, discoverEveryMs: 2_000 },
    execution: engine === null ? { runIn: 'embedded' } : { runIn: 'docker', builtImagesFile: engine.builtImages },
  };
  const start = async (name: string, settings: Omit<NodeSettings, 'name' | 'config'>): Promise<RunningNode> => {
    const node = await group.start({ name, config, ...(engine !== null && { env: engine.env }), ...settings });
    const address = node.addresses[0]?.replace(/\/p2p\/.*/, '') ?? '';
    const id = `${node.peerId.slice(0, 12)}…${node.peerId.slice(-4)}`;
    screen.say(`  ${name.padEnd(11)} process ${node.pid}, ${id}, ${address}`);
    return node;
  };
  // The first provider is the one address that the others are told.
  const first = await start('provider-1', { provider: true, bootstrap: [] });
  const bootstrap = first.addresses.slice(0, 1);
  const cheats = { program: { file: dishonestNode, args: [String(honestRuns)] } };
  const [client, ...others] = await Promise.all([
    start('client', { provider: false, bootstrap }),
    ...Array.from({ length: providerCount - 1 }, (_, i) => {
      const isLast = i === providerCount - 2;
      return start(`provider-${i + 2}`, {
        provider: true,
        bootstrap,
        ...(isLast && honestRuns !== null ? cheats : {}),
      });
    }),
  ]);
  const providers = [first, ...others];
  const nodes = [client, ...providers];
  await known(nodes, providers);
  const names = new Map(nodes.map((node) => [node.peerId, node.name]));
  return {
    client,
    providers,
    cheater: honestRuns === null ? null : (providers.at(-1) ?? null),
    nameOf: (peerId) => names.get(peerId) ?? peerId.slice(-8),
  };
}

/** Until every node knows every provider besides itself as live. */
async function known(nodes: readonly RunningNode[], providers: readonly RunningNode[]): Promise<void> {
  const deadline = performance.now() + onlineMsMax;
  for (;;) {
    const missing = await Promise.all(nodes.map((node) => unknownTo(node, providers)));
    const first = missing.findIndex((names) => names.length > 0);
    if (first < 0) return;
    if (performance.now() > deadline) {
      const seconds = onlineMsMax / 1000;
      throw new Error(`after ${seconds} s ${nodes[first]?.name} does not know ${missing[first]?.join(', ')}`);
    }
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
}

async function unknownTo(node: RunningNode, providers: readonly RunningNode[]): Promise<string[]> {
  const { peers } = await node.api.call('peers.list', {});
  const live = new Set(peers.filter((peer) => peer.live && peer.offers.length > 0).map((peer) => peer.peerId));
  return providers.filter(({ peerId }) => peerId !== node.peerId && !live.has(peerId)).map(({ name }) => name);
}

export async function reputations(client: RunningNode): Promise<Map<string, number>> {
  const { peers } = await client.api.call('peers.list', {});
  return new Map(peers.map((peer) => [peer.peerId, peer.reputation.score]));
}

/** Transports of the job channels in use. */
export async function channels({ api }: RunningNode): Promise<string[]> {
  const { peers } = await api.call('peers.list', {});
  return peers.flatMap(({ channel }) => (channel === null ? [] : [`/${channel.transport}`]));
}

type Wallet = MethodResult<'wallet.summary'>;

/**
 * Waits until the last voucher is acknowledged, then compares what the client paid with what each living provider holds.
 * What is reserved for attempts of a provider that was killed stays so until nobody can claim it any more.
 */
export async function settledBooks(
  client: RunningNode,
  alive: readonly RunningNode[],
): Promise<{ differenceMicro: string; reservedLeftMicro: string }> {
  const deadline = performance.now() + booksMsMax;
  for (;;) {
    const own: Wallet = await client.api.call('wallet.summary', {});
    const theirs = await Promise.all(alive.map(({ api }) => api.call('wallet.summary', {})));
    let difference = 0n;
    for (const [i, wallet] of theirs.entries()) {
      const paid = own.peers.find(({ peerId }) => peerId === alive[i]?.peerId)?.paidMicro ?? micro.zero;
      const received = wallet.peers.find(({ peerId }) => peerId === client.peerId)?.receivedMicro ?? micro.zero;
      const gap = BigInt(paid) - BigInt(received);
      difference += gap < 0n ? -gap : gap;
    }
    if (difference === 0n || performance.now() > deadline) {
      return { differenceMicro: difference.toString(), reservedLeftMicro: own.reservedMicro };
    }
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
}
