/** What the tests with real nodes share: a small network, the reviews and their labels, and waiting with a deadline. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  type EventType,
  type JobSpecInput,
  type LogEntry,
  type MethodResult,
  type NodeApi,
  type NodeEvent,
  z,
} from '../../node-core/protocol/index.ts';
import { runDirectly } from '../../scripts/demo/direct.ts';
import { readLog } from '../../scripts/demo/log.ts';
import type { NodeGroup, NodeSettings, RunningNode } from '../../scripts/demo/nodes.ts';

export { NodeGroup, type RunningNode } from '../../scripts/demo/nodes.ts';

const resources = fileURLToPath(new URL('../../resources', import.meta.url));
export const shippedModels = join(resources, 'models');
const reviewsFile = join(resources, 'models/data/reviews-200.jsonl');
const modelFile = join(resources, 'models/infernet-tiny.gguf');

const pollMs = 50;
/** For what hangs: a busy computer takes long. */
const waitMsMax = 60_000;

type Config = NonNullable<NodeSettings['config']>;

/** One template, one model, quick to be found, and no time spent on measuring. */
export const brisk: Config = {
  provider: { templates: ['text-classification'], models: ['infernet-tiny'] },
  directory: { heartbeatMs: 1_000, discoverEveryMs: 1_000 },
  execution: { measure: false },
};

/** The same with changes, section by section. */
export function briskWith(changes: Config): Config {
  const { provider, directory, execution } = brisk;
  return {
    ...changes,
    provider: { ...provider, ...changes.provider },
    directory: { ...directory, ...changes.directory },
    execution: { ...execution, ...changes.execution },
  };
}

/** Asks again and again until there is an answer. @throws Error naming what did not come. */
export async function eventually<T>(
  what: string,
  ask: () => Promise<T | null | false> | T | null | false,
  deadlineMs = waitMsMax,
): Promise<T> {
  const deadline = performance.now() + deadlineMs;
  for (;;) {
    const answer = await ask();
    if (answer !== null && answer !== false) return answer;
    if (performance.now() > deadline) throw new Error(`after ${deadlineMs} ms still waiting until ${what}`);
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
}

export interface SmallNetwork {
  readonly group: NodeGroup;
  readonly client: RunningNode;
  readonly providers: readonly RunningNode[];
  readonly bootstrap: readonly string[];
}

export interface SmallNetworkSettings {
  readonly providers: number;
  readonly client?: Config;
  readonly provider?: Config;
  /** Receives each line of each log. */
  onLog?(line: string): void;
}

/** A client and providers that know each other; the first provider is the address that the others are told. */
export async function startNetwork(group: NodeGroup, settings: SmallNetworkSettings): Promise<SmallNetwork> {
  const log = settings.onLog === undefined ? {} : { onLog: settings.onLog };
  const provide = (number: number, bootstrap: readonly string[]) =>
    group.start({ name: `provider-${number}`, provider: true, bootstrap, config: settings.provider ?? brisk, ...log });
  const first = await provide(1, []);
  const bootstrap = first.addresses.slice(0, 1);
  const [client, ...others] = await Promise.all([
    group.start({ name: 'client', provider: false, bootstrap, config: settings.client ?? brisk, ...log }),
    ...Array.from({ length: settings.providers - 1 }, (_, i) => provide(i + 2, bootstrap)),
  ]);
  const providers = [first, ...others];
  await knows(client, providers);
  return { group, client, providers, bootstrap };
}

/** Until a node sees the others as live providers. */
export async function knows(
  node: Pick<RunningNode, 'name' | 'api'>,
  providers: ReadonlyArray<{ readonly peerId: string }>,
): Promise<void> {
  await eventually(`${node.name} knows ${providers.length} providers`, async () => {
    const { peers } = await node.api.call('peers.list', {});
    return providers.every(({ peerId }) =>
      peers.some((peer) => peer.peerId === peerId && peer.live && peer.offers.length > 0),
    );
  });
}

const Review = z.object({ prompt: z.string() });

/** The prompts of the held-out reviews, again from the start after the 200th. */
export async function reviews(count: number): Promise<Array<{ prompt: string }>> {
  const lines = (await readFile(reviewsFile, 'utf8')).trim().split('\n');
  return Array.from({ length: count }, (_, i) => Review.parse(JSON.parse(lines[i % lines.length] ?? '')));
}

/** What the model says when it is run without a network. */
export async function directLabels(count: number): Promise<string[]> {
  const { answers } = await runDirectly(modelFile, reviewsFile);
  return Array.from({ length: count }, (_, i) => answers[i % answers.length]?.trim() ?? '');
}

const Label = z.object({ label: z.string() });

export async function labelsOf(api: NodeApi, jobId: string): Promise<string[]> {
  const { outputs } = await api.call('jobs.results', { jobId });
  return outputs.map(({ output }) => Label.safeParse(output).data?.label ?? 'missing');
}

/** A job on `infernet-tiny`: every shard twice, never on the own node. */
export async function submit(
  api: NodeApi,
  spec: Partial<JobSpecInput> & Pick<JobSpecInput, 'inputs'>,
): Promise<string> {
  const { jobId } = await api.call('jobs.submit', {
    template: 'text-classification',
    model: 'infernet-tiny',
    budgetMicro: '100000000',
    ownNode: 'never',
    ...spec,
  });
  return jobId;
}

type JobDetail = MethodResult<'jobs.get'>;

export async function ended(api: NodeApi, jobId: string, deadlineMs = 60_000): Promise<JobDetail> {
  return eventually(
    `job ${jobId} ends`,
    async () => {
      const job = await api.call('jobs.get', { jobId });
      return job.endedAt === null ? null : job;
    },
    deadlineMs,
  );
}

/** All of a node's log, or the entries of some types. */
export async function logOf<T extends EventType>(
  api: NodeApi,
  ...types: T[]
): Promise<Array<LogEntry & { readonly event: Extract<NodeEvent, { type: T }> }>> {
  return (await readLog(api, types)).flatMap(({ seq, at, event }) =>
    isOneOf(event, types) ? [{ seq, at, event }] : [],
  );
}

function isOneOf<T extends EventType>(event: NodeEvent, types: readonly T[]): event is Extract<NodeEvent, { type: T }> {
  return types.some((type) => type === event.type);
}

/** Resolves at once when events after the cursor were wanted so many times. */
export function nextEvent(
  node: Pick<RunningNode, 'name' | 'api'>,
  what: string,
  isWanted: (event: NodeEvent) => boolean,
  { after = 0, times = 1 } = {},
): Promise<void> {
  return new Promise((resolve, reject) => {
    const late = setTimeout(() => {
      end();
      reject(new Error(`${node.name} did not say within ${waitMsMax} ms that ${what}`));
    }, waitMsMax);
    let left = times;
    const end = node.api.subscribe(after, (item) => {
      if (item.kind !== 'event' || !isWanted(item.event) || --left > 0) return;
      clearTimeout(late);
      end();
      resolve();
    });
  });
}

export interface Book {
  readonly provider: string;
  readonly paidMicro: string;
  readonly receivedMicro: string;
}

/**
 * Waits until nothing is reserved or unpaid on either side and what the client paid is what each provider holds.
 * @returns the books, one line per provider.
 */
export async function settledBooks(
  client: RunningNode,
  providers: readonly RunningNode[],
  deadlineMs = 15_000,
): Promise<Book[]> {
  return eventually(
    'both sides’ books agree and nothing is reserved',
    async () => {
      const own = await client.api.call('wallet.summary', {});
      if (own.reservedMicro !== '0') return null;
      const books: Book[] = [];
      for (const { peerId, api } of providers) {
        const theirs = (await api.call('wallet.summary', {})).peers.find((peer) => peer.peerId === client.peerId);
        const ours = own.peers.find((peer) => peer.peerId === peerId);
        const paidMicro = ours?.paidMicro ?? '0';
        const receivedMicro = theirs?.receivedMicro ?? '0';
        const isSettled = (theirs?.unpaidMicro ?? '0') === '0' && (ours?.paidAckedMicro ?? '0') === paidMicro;
        if (!isSettled || paidMicro !== receivedMicro) return null;
        books.push({ provider: peerId, paidMicro, receivedMicro });
      }
      return books;
    },
    deadlineMs,
  );
}
