/**
 * The demo: five node processes on this computer find each other through the DHT from one address, and label 200 held-out
 * reviews by a real language model: every shard on two providers, compared, then paid.
 *
 *     npm run demo [-- --report report.json]
 */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Command } from 'commander';
import { type MethodResult, micro, type NodeEvent, type StreamItem, z } from '../node-core/protocol/index.ts';
import { runDirectly } from './demo/direct.ts';
import { removeLeftovers } from './demo/leftovers.ts';
import { NodeGroup, type RunningNode } from './demo/nodes.ts';
import { type DemoReport, printReport } from './demo/report.ts';
import { type ProviderRow, Screen } from './demo/screen.ts';

const resources = fileURLToPath(new URL('../resources', import.meta.url));
const reviewsFile = join(resources, 'models/data/reviews-200.jsonl');
const modelFile = join(resources, 'models/infernet-tiny.gguf');
const template = 'text-classification';
const providerCount = 4;
const copies = 2;
const itemsPerShard = 10;
const onlineMsMax = 45_000;
const jobMsMax = 45_000;
const pollMs = 100;
const folderPrefix = 'infernet-demo-';

const Review = z.object({ id: z.string(), prompt: z.string(), expected: z.string() });
const Label = z.object({ label: z.string() });

const { report: reportFile } = new Command('npm run demo --')
  .description('Five node processes label 200 reviews: found by the DHT, run twice, compared, paid.')
  .option('--report <file>', 'write the report as JSON')
  .parse()
  .opts<{ report?: string }>();

const screen = new Screen();
const nodes: RunningNode[] = [];
await removeLeftovers(folderPrefix);
// The number says later whether this process still lives.
const group = await NodeGroup.make(`${folderPrefix}${process.pid}-`);

for (const [signal, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
  ['SIGHUP', 129],
] as const) {
  process.on(signal, () => {
    screen.say('\nstopping the nodes …');
    void group.stop().finally(() => process.exit(code));
  });
}

try {
  const report = await demo();
  if (reportFile !== undefined) await writeFile(reportFile, `${JSON.stringify(report, null, 2)}\n`);
  await group.stop();
  const whole = report.sameAsDirect === report.items && report.shards.accepted === report.shards.total;
  process.exitCode = whole && report.ledger.differenceMicro === '0' ? 0 : 1;
} catch (error) {
  // A signal that came first has its own exit code.
  const isStopping = group.isStopping;
  await group.stop();
  if (!isStopping) {
    process.stderr.write(`demo: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exit(1);
  }
}

async function demo(): Promise<DemoReport> {
  const startedAt = performance.now();
  const since = (): number => Math.round(performance.now() - startedAt);
  const reviews = (await readFile(reviewsFile, 'utf8'))
    .trim()
    .split('\n')
    .map((line) => Review.parse(JSON.parse(line)));

  screen.say(
    screen.paint(
      'bold',
      `Infernet demo: ${reviews.length} reviews, ${providerCount} providers, ${copies} copies of every shard`,
    ),
  );
  const { client, providers } = await startAll();
  await known(providers);
  const onlineMs = since();
  screen.say(`all nodes know each other after ${(onlineMs / 1000).toFixed(1)} s`);

  const names = new Map(nodes.map((node) => [node.peerId, node.name]));
  const reputationBefore = await reputations(client);
  const log: NodeEvent[] = [];
  const rows = new Map(
    providers.map((node): [string, ProviderRow] => [node.peerId, { name: node.name, items: 0, shards: 0 }]),
  );
  const submittedAt = performance.now();
  let firstResultMs = 0;
  let accepted = 0;
  let ended = false;
  const total = Math.ceil(reviews.length / itemsPerShard);
  const itemsDone = new Map<string, number>();
  const done = Promise.withResolvers<void>();
  const unsubscribe = client.api.subscribe(0, (item: StreamItem) => {
    const now = performance.now();
    if (item.kind === 'progress') {
      const row = rows.get(item.provider);
      if (row !== undefined) row.items += item.itemsDone - (itemsDone.get(item.replicaId) ?? 0);
      itemsDone.set(item.replicaId, item.itemsDone);
    } else if (item.kind === 'event') {
      const { event } = item;
      log.push(event);
      if (event.type === 'replica.committed') {
        const row = rows.get(event.provider);
        if (row !== undefined) {
          row.items += itemsPerShard - (itemsDone.get(event.replicaId) ?? 0);
          row.shards++;
        }
        itemsDone.set(event.replicaId, itemsPerShard);
      }
      if (event.type === 'shard.accepted') {
        accepted++;
        if (firstResultMs === 0) firstResultMs = Math.round(now - submittedAt);
      }
      if (event.type === 'job.ended') {
        screen.progress(accepted, total, [...rows.values()], now);
        ended = true;
        done.resolve();
      }
    }
    if (!ended) screen.progress(accepted, total, [...rows.values()], now);
  });
  const inputs = reviews.map(({ prompt }) => ({ prompt }));
  const { jobId } = await client.api.call('jobs.submit', {
    template,
    model: 'infernet-tiny',
    inputs,
    itemsPerShard,
    policy: { type: 'replicate', copies, quorum: 2 },
    budgetMicro: '1000000',
    ownNode: 'never',
    label: 'demo: 200 reviews',
    deadlineMs: jobMsMax,
  });
  await within(jobMsMax + 5_000, done.promise, 'the job did not end in time');
  const totalMs = Math.round(performance.now() - submittedAt);
  screen.keep();

  const results = await client.api.call('jobs.results', { jobId });
  const labels = results.outputs.map(({ output }) => Label.safeParse(output).data?.label ?? '');
  screen.say('running the model directly, to compare …');
  const { answers: direct } = await runDirectly(modelFile, reviewsFile);
  const correct = labels.filter((label, i) => label === reviews[i]?.expected).length;
  const directCorrect = direct.filter((label, i) => label.trim() === reviews[i]?.expected).length;
  const books = await settledBooks(client, providers);
  unsubscribe();

  const report: DemoReport = {
    items: reviews.length,
    correct,
    accuracy: correct / reviews.length,
    directAccuracy: directCorrect / reviews.length,
    sameAsDirect: labels.filter((label, i) => label === direct[i]?.trim()).length,
    copies,
    nodes: await Promise.all(
      nodes.map(async ({ pid, peerId, addresses, api }) => ({
        pid,
        peerId,
        addresses: [...addresses],
        channels: await channels(api),
      })),
    ),
    shards: {
      total,
      accepted,
      exhausted: log.filter((event) => event.type === 'shard.exhausted').length,
    },
    copiesAgreed:
      accepted - new Set(log.flatMap((event) => (event.type === 'shard.disagreed' ? [event.shardId] : []))).size,
    verdicts: tally(log.flatMap((event) => (event.type === 'replica.judged' ? [event.verdict] : []))),
    providers: await providerReports(client, providers, log, reputationBefore),
    ledger: books,
    timings: { onlineMs, firstResultMs, totalMs },
    itemsPerSecond: reviews.length / (totalMs / 1000),
  };
  printReport(screen, report, names);
  return report;
}

/** The first provider is the one address that the others are told. */
async function startAll(): Promise<{ client: RunningNode; providers: RunningNode[] }> {
  const serving = {
    provider: { templates: [template], models: ['infernet-tiny'] },
    directory: { heartbeatMs: 2_000, discoverEveryMs: 2_000 },
  };
  const start = async (name: string, provider: boolean, bootstrap: readonly string[]): Promise<RunningNode> => {
    const node = await group.start({ name, provider, bootstrap, config: serving });
    nodes.push(node);
    screen.say(
      `  ${name.padEnd(11)} process ${node.pid}, ${node.peerId.slice(0, 12)}…${node.peerId.slice(-4)}, ${node.addresses[0]?.replace(/\/p2p\/.*/, '') ?? ''}`,
    );
    return node;
  };
  const first = await start('provider-1', true, []);
  const bootstrap = first.addresses.slice(0, 1);
  const [client, ...others] = await Promise.all([
    start('client', false, bootstrap),
    ...Array.from({ length: providerCount - 1 }, (_, i) => start(`provider-${i + 2}`, true, bootstrap)),
  ]);
  return { client, providers: [first, ...others] };
}

/** Until every node knows every provider besides itself as live. */
async function known(providers: readonly RunningNode[]): Promise<void> {
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

async function reputations(client: RunningNode): Promise<Map<string, number>> {
  const { peers } = await client.api.call('peers.list', {});
  return new Map(peers.map((peer) => [peer.peerId, peer.reputation.score]));
}

/** Transports of the job channels in use. */
async function channels(api: RunningNode['api']): Promise<string[]> {
  const { peers } = await api.call('peers.list', {});
  return peers.flatMap(({ channel }) => (channel === null ? [] : [`/${channel.transport}`]));
}

type Wallet = MethodResult<'wallet.summary'>;

/** Waits until the last voucher is acknowledged, then compares what the client paid with what each provider holds. */
async function settledBooks(client: RunningNode, providers: readonly RunningNode[]): Promise<DemoReport['ledger']> {
  const deadline = performance.now() + 5_000;
  for (;;) {
    const own: Wallet = await client.api.call('wallet.summary', {});
    const theirs = await Promise.all(providers.map(({ api }) => api.call('wallet.summary', {})));
    let difference = 0n;
    for (const [i, wallet] of theirs.entries()) {
      const paid = own.peers.find(({ peerId }) => peerId === providers[i]?.peerId)?.paidMicro ?? micro.zero;
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

async function providerReports(
  client: RunningNode,
  providers: readonly RunningNode[],
  log: readonly NodeEvent[],
  before: ReadonlyMap<string, number>,
): Promise<DemoReport['providers']> {
  const after = await reputations(client);
  const wallet = await client.api.call('wallet.summary', {});
  return providers.map(({ peerId }) => {
    const judged = log.flatMap((event) =>
      event.type === 'replica.judged' && event.provider === peerId ? [event.verdict] : [],
    );
    return {
      peerId,
      cheater: false,
      killed: false,
      replicas: log.filter((event) => event.type === 'replica.assigned' && event.provider === peerId).length,
      accepted: judged.filter((verdict) => verdict === 'accepted').length,
      rejected: judged.filter((verdict) => verdict === 'rejected').length,
      paidMicro: wallet.peers.find((peer) => peer.peerId === peerId)?.paidMicro ?? micro.zero,
      reputationBefore: before.get(peerId) ?? 0,
      reputationAfter: after.get(peerId) ?? 0,
    };
  });
}

function tally(words: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const word of words) counts[word] = (counts[word] ?? 0) + 1;
  return counts;
}

async function within<T>(ms: number, work: Promise<T>, otherwise: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(otherwise)), ms);
  });
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
}
