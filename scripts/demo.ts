/**
 * The demo: five node processes on this computer find each other through the DHT from one address, and label 200 held-out
 * reviews by a real language model: every shard on two providers, compared, then paid.
 *
 *     npm run demo [-- --cheater | --sleeper] [--kill] [--docker] [--items n] [--report report.json]
 *     npm run demo -- --template ocr [--report report.json]
 */
import { readFile, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Command, InvalidArgumentError, Option } from 'commander';
import { copiesOf, micro, type NodeEvent, z } from '../node-core/protocol/index.ts';
import { runBatch } from './demo/batch.ts';
import { buildImages, type DemoEngine, startEngine } from './demo/containers.ts';
import { runDirectly } from './demo/direct.ts';
import { removeLeftovers } from './demo/leftovers.ts';
import { readLog } from './demo/log.ts';
import { channels, type Network, reputations, settledBooks, startNetwork } from './demo/network.ts';
import { NodeGroup, type RunningNode } from './demo/nodes.ts';
import { ocr, type PagesReport, readPages } from './demo/pages.ts';
import { runPrompts } from './demo/prompts.ts';
import { type DemoReport, printReport } from './demo/report.ts';
import { Screen } from './demo/screen.ts';
import { readPrompts, tasksInCopies, tasksUntilFound } from './demo/tasks.ts';

const resources = fileURLToPath(new URL('../resources', import.meta.url));
const reviewsFile = join(resources, 'models/data/reviews-200.jsonl');
const questionsFile = join(resources, 'models/data/questions-40.jsonl');
const modelFile = join(resources, 'models/infernet-tiny.gguf');
const classify = 'text-classification';
const generate = 'text-generation';
const model = 'infernet-tiny';
const copies = 2;
const itemsPerShard = 10;
/** Enough to be trusted by then. */
const sleeperHonestRuns = 15;
const folderPrefix = 'infernet-demo-';

const Label = z.object({ label: z.string() });
const Text = z.object({ text: z.string() });

interface Options {
  readonly report?: string;
  readonly cheater?: boolean;
  readonly sleeper?: boolean;
  readonly kill?: boolean;
  readonly docker?: boolean;
  /** Of the reviews, and as many of the questions at most. */
  readonly items?: number;
  readonly template?: string;
}

function itemsOf(words: string): number {
  if (!/^[1-9]\d{0,2}$/.test(words)) throw new InvalidArgumentError('expected a number from 1');
  return Number(words);
}

const options = new Command('npm run demo --')
  .description('Five node processes label 200 reviews: found by the DHT, run twice, compared, paid.')
  .option('--report <file>', 'write the report as JSON')
  .option('--cheater', 'the last provider serves a smaller model than it says')
  .option('--sleeper', 'the last provider does so after some honest shards')
  .option('--kill', 'the last provider but one is killed in the middle')
  .option('--docker', 'the runners are containers instead of processes')
  .option('--items <n>', 'only so many reviews and questions, for a short run', itemsOf)
  .addOption(
    new Option('--template <name>', 'instead of the reviews: rendered pages are read, in containers').choices([ocr]),
  )
  .parse()
  .opts<Options>();
if (options.cheater === true && options.sleeper === true) {
  process.stderr.write('demo: --cheater and --sleeper are both about provider-4; choose one\n');
  process.exit(2);
}

if (options.template !== undefined && (options.cheater === true || options.sleeper === true || options.kill === true)) {
  process.stderr.write('demo: --cheater, --sleeper and --kill are about the reviews; leave out --template\n');
  process.exit(2);
}

const screen = new Screen();
let engine: DemoEngine | null = null;
/** The nodes end their containers; then the engine goes, where it is the demo's own. */
const stopAll = async (): Promise<void> => {
  await group.stop();
  await engine?.stop();
};
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
    void stopAll().finally(() => process.exit(code));
  });
}

try {
  const isOcr = options.template === ocr;
  if (isOcr || options.docker === true) {
    engine = await startEngine(screen);
    await buildImages(screen, engine, isOcr ? [ocr] : [classify, generate]);
  }
  const report = isOcr ? await pagesDemo() : await demo(options);
  if (options.report !== undefined) await writeFile(options.report, `${JSON.stringify(report, null, 2)}\n`);
  await stopAll();
  process.exitCode = ('pages' in report ? isRead(report) : isWhole(report)) ? 0 : 1;
} catch (error) {
  // A signal that came first has its own exit code.
  const isStopping = group.isStopping;
  await stopAll();
  if (!isStopping) {
    process.stderr.write(`demo: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exit(1);
  }
}

/**
 * What all copies agree on is right to the last item. An answer of one copy by a cheater may pass until it is found, where
 * nobody happened to check it or its words are the right ones but for a few: so many of them are still a success.
 */
const wrongShareMax = 0.1;

function isWhole({ sameAsDirect, items, shards, ledger, streams, streamsSameAsDirect, tasks }: DemoReport): boolean {
  const wrongStreams = streams - streamsSameAsDirect;
  const wrongTasks = tasks === null ? 0 : tasks.items - tasks.sameAsDirect;
  const tasksMax = options.sleeper === true && tasks !== null ? tasks.items * wrongShareMax : 0;
  return (
    sameAsDirect === items &&
    shards.accepted === shards.total &&
    ledger.differenceMicro === '0' &&
    wrongStreams <= (tasks === null ? 0 : streams * wrongShareMax) &&
    wrongTasks <= tasksMax
  );
}

function isRead({ pages, right, shards, ledger }: PagesReport): boolean {
  return right === pages && shards.accepted === shards.total && ledger.differenceMicro === '0';
}

async function pagesDemo(): Promise<PagesReport> {
  screen.say(screen.paint('bold', 'Infernet demo: rendered pages, 4 providers, 2 copies of every page'));
  const network = await startNetwork(group, screen, { templates: [ocr], honestRuns: null, engine });
  return await readPages(network, screen);
}

async function demo({ cheater, sleeper, kill, items }: Options): Promise<DemoReport> {
  const startedAt = performance.now();
  const reviews = (await readPrompts(reviewsFile)).slice(0, items);
  const questions = (await readPrompts(questionsFile)).slice(0, items);
  const title = `Infernet demo: ${reviews.length} reviews, 4 providers, ${copies} copies of every shard`;
  screen.say(screen.paint('bold', title));
  const honestRuns = cheater === true ? 0 : sleeper === true ? sleeperHonestRuns : null;
  if (honestRuns !== null) {
    const when = honestRuns === 0 ? '' : ` after ${honestRuns} honest shards`;
    screen.say(`  provider-4 will cheat${when}: it serves infernet-micro under the name of ${model}`);
  }

  const network = await startNetwork(group, screen, {
    templates: [classify, generate],
    honestRuns,
    engine,
  });
  const { client, providers } = network;
  const onlineMs = Math.round(performance.now() - startedAt);
  screen.say(`all nodes know each other after ${(onlineMs / 1000).toFixed(1)} s`);
  const reputationBefore = await reputations(client);

  const victim = kill === true ? (providers.at(-2) ?? null) : null;
  let killed: Promise<void> | null = null;
  const batch = await runBatch(network, screen, {
    spec: {
      template: classify,
      model,
      inputs: reviews.map(({ prompt }) => ({ prompt })),
      itemsPerShard,
      policy: { type: 'replicate', copies, quorum: 2 },
      label: `demo: ${reviews.length} reviews`,
    },
    onAccepted: (accepted, total) => {
      if (victim !== null && killed === null && accepted * 3 >= total) killed = victim.kill();
    },
  });
  await killed;
  if (victim !== null) screen.say(`${victim.name} was killed when a third was done`);

  screen.say(
    `${questions.length} questions as streamed prompts, one copy each, checked by another provider as trust grows`,
  );
  const prompts = await runPrompts(
    network,
    screen,
    questions.map(({ prompt }) => prompt),
    {
      template: generate,
      model,
      itemsPerShard: 1,
      policy: { type: 'adaptive' },
    },
  );

  const tasks =
    cheater === true
      ? await tasksInCopies(network, screen, group.folder)
      : sleeper === true
        ? await tasksUntilFound(network, screen, group.folder)
        : null;

  const labels = batch.outputs.map((output) => Label.safeParse(output).data?.label ?? '');
  screen.say('running the model directly, to compare …');
  const { answers: direct } = await runDirectly(modelFile, await someOf(reviewsFile, items));
  const { answers: directTexts } = await runDirectly(modelFile, await someOf(questionsFile, items));
  const texts = prompts.outputs.map((output) => Text.safeParse(output).data?.text.trim() ?? null);
  const correct = labels.filter((label, i) => label === reviews[i]?.expected).length;
  const directCorrect = direct.filter((label, i) => label.trim() === reviews[i]?.expected).length;
  const alive = providers.filter((node) => node !== victim);
  const ledger = await settledBooks(client, alive);
  const log = (await readLog(client.api)).map(({ event }) => event);

  const report: DemoReport = {
    items: reviews.length,
    correct,
    accuracy: correct / reviews.length,
    directAccuracy: directCorrect / reviews.length,
    sameAsDirect: labels.filter((label, i) => label === direct[i]?.trim()).length,
    copies,
    nodes: await Promise.all(
      [client, ...providers].map(async (node) => ({
        pid: node.pid,
        peerId: node.peerId,
        addresses: [...node.addresses],
        channels: node === victim ? [] : await channels(node),
      })),
    ),
    shards: {
      total: batch.shardsTotal,
      accepted: batch.shardsAccepted,
      exhausted: log.filter((event) => event.type === 'shard.exhausted').length,
    },
    copiesAgreed:
      batch.shardsAccepted -
      new Set(log.flatMap((event) => (event.type === 'shard.disagreed' ? [event.shardId] : []))).size,
    verdicts: tally(log.flatMap((event) => (event.type === 'replica.judged' ? [event.verdict] : []))),
    providers: await providerReports(network, victim, log, reputationBefore),
    ledger,
    timings: { onlineMs, firstResultMs: batch.firstResultMs, totalMs: batch.totalMs },
    itemsPerSecond: reviews.length / (batch.totalMs / 1000),
    streams: prompts.streams,
    streamsSameAsDirect: texts.filter((text, i) => text === directTexts[i]?.trim()).length,
    firstTokenMs: prompts.firstTokenMs,
    tokensPerSecond: prompts.tokensPerSecond,
    audits: log.filter((event) => event.type === 'shard.audited').length,
    tasks,
    extraWork: extraWork(log),
  };
  printReport(screen, report, network.nameOf);
  return report;
}

/** Of the replicas that were run to a commitment. */
function extraWork(log: readonly NodeEvent[]): number {
  const copiesOfJob = new Map(
    log.flatMap((event) => (event.type === 'job.created' ? [[event.jobId, copiesOf(event.job.policy)] as const] : [])),
  );
  const asked = log.flatMap((event) =>
    event.type === 'job.planned' ? [event.counts.length * (copiesOfJob.get(event.jobId) ?? 1)] : [],
  );
  const run = log.filter((event) => event.type === 'replica.committed').length;
  const needed = asked.reduce((sum, count) => sum + count, 0);
  return (run - needed) / needed;
}

/** The first lines of a file of prompts, as a file; all of them where no number is given. */
async function someOf(file: string, items: number | undefined): Promise<string> {
  if (items === undefined) return file;
  const lines = (await readFile(file, 'utf8')).trim().split('\n');
  const some = join(group.folder, `direct-${basename(file)}`);
  await writeFile(some, lines.slice(0, items).join('\n'));
  return some;
}

async function providerReports(
  { client, providers, cheater }: Network,
  victim: RunningNode | null,
  log: readonly NodeEvent[],
  before: ReadonlyMap<string, number>,
): Promise<DemoReport['providers']> {
  const after = await reputations(client);
  const wallet = await client.api.call('wallet.summary', {});
  return providers.map((node) => {
    const { peerId } = node;
    const judged = log.flatMap((event) =>
      event.type === 'replica.judged' && event.provider === peerId ? [event.verdict] : [],
    );
    return {
      peerId,
      cheater: node === cheater,
      killed: node === victim,
      excluded: log.some((event) => event.type === 'peer.excluded' && event.provider === peerId),
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
