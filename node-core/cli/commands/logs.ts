import type { ControlClient } from '../../control/index.ts';
import { type EventType, events, isEventType, type MethodResult, type NodeApi, z } from '../../protocol/index.ts';
import { defineCommand, option, toggle } from '../command.ts';
import { answer, type Context } from '../context.ts';
import type { ExitKind } from '../exit-codes.ts';
import { findJob, jobRef } from '../job/find-job.ts';
import { findPeer, peerRef } from '../job/find-peer.ts';
import { isGone } from '../job/follow.ts';
import { plain } from '../text/terminal.ts';
import { creditsText, peerText, timeText } from '../text/units.ts';
import { data, json, wholeNumber } from '../values.ts';

type Entry = MethodResult<'logs.query'>['entries'][number];
interface Filter {
  readonly jobId?: string;
  readonly peerId?: string;
  readonly types?: EventType[];
}

const pageEntries = 1000;
const reconnectMsMin = 250;
const reconnectMsMax = 5_000;
const eventTypes = Object.keys(events).sort();

export const logs = defineCommand({
  name: 'logs',
  summary: 'What the node decided and learnt, oldest first; --follow goes on.',
  detail:
    'With --follow each entry is one line of JSON under --json; it survives a restart of the node, and misses nothing. The first column is the cursor: --after goes on from one.',
  shape: {
    job: option('--job <job>', 'only of this job: id, its first letters, or last', jobRef().optional()),
    peer: option('--peer <peer>', 'only of this peer: id, or its last letters', peerRef().optional()),
    type: option(
      '--type <type...>',
      'only these events, as job.ended',
      z.array(z.string().refine(isEventType, `expected one of ${eventTypes.join(', ')}`)).optional(),
      eventTypes,
    ),
    after: option('--after <seq>', 'only entries after this one', wholeNumber(0, 1e15).optional()),
    limit: option(
      '-n, --limit <n>',
      'the last n, or the first n with --after; default: 50',
      wholeNumber(1, 100_000).default(50),
    ),
    follow: toggle('-f, --follow', 'go on with what comes, until Ctrl-C'),
    json: json(),
    data: data(),
  },
  examples: [
    { line: 'logs --job last', says: 'the story of the newest job' },
    { line: 'logs --follow --type job.ended payment.received', says: 'as they happen' },
  ],
  async run(context, { job, peer, type, after, limit, follow, json: asJson }) {
    const node = await context.connect();
    const filter: Filter = {
      ...(job !== undefined && { jobId: await findJob(node, job) }),
      ...(peer !== undefined && { peerId: await findPeer(node, peer) }),
      ...(type !== undefined && { types: type.filter(isEventType) }),
    };
    const { entries, next } =
      after === undefined ? await lastEntries(node, filter, limit) : await firstEntries(node, filter, after, limit);
    if (follow) {
      for (const entry of entries) sayEntry(context, entry, asJson);
      return followLog(context, node, filter, next, asJson);
    }
    answer(context, asJson, { entries, next }, () =>
      entries.length === 0 ? ['no entry matches'] : entries.map((entry) => lineOf(context, entry)),
    );
    return 'ok';
  },
});

async function firstEntries(
  node: NodeApi,
  filter: Filter,
  after: number,
  limit: number,
): Promise<{ entries: Entry[]; next: number }> {
  const entries: Entry[] = [];
  let next = after;
  while (entries.length < limit) {
    const page = await node.call('logs.query', {
      ...filter,
      after: next,
      limit: Math.min(pageEntries, limit - entries.length),
    });
    if (page.entries.length === 0) break;
    entries.push(...page.entries);
    next = page.next;
  }
  return { entries, next };
}

/** The log is read forwards: first its end is found, then as much of it as was asked for. */
async function lastEntries(node: NodeApi, filter: Filter, limit: number): Promise<{ entries: Entry[]; next: number }> {
  const last = await lastSeq(node);
  for (let window = limit; ; window *= 4) {
    const after = Math.max(0, last - window);
    const { entries } = await firstEntries(node, filter, after, Number.POSITIVE_INFINITY);
    if (entries.length >= limit || after === 0)
      return { entries: entries.slice(-limit), next: Math.max(last, entries.at(-1)?.seq ?? 0) };
  }
}

/** By doubling and halving: some forty short questions, however long the log is. */
async function lastSeq(node: NodeApi): Promise<number> {
  const isAfter = async (seq: number) => (await node.call('logs.query', { after: seq, limit: 1 })).entries.length > 0;
  let low = 0;
  let high = 1;
  while (await isAfter(high)) {
    low = high;
    high *= 2;
  }
  while (low + 1 < high) {
    const middle = Math.floor((low + high) / 2);
    if (await isAfter(middle)) low = middle;
    else high = middle;
  }
  return (await isAfter(low)) ? high : low;
}

async function followLog(
  context: Context,
  first: ControlClient,
  filter: Filter,
  from: number,
  asJson: boolean,
): Promise<ExitKind> {
  const signal = context.interruption();
  let node: ControlClient | null = first;
  let cursor = from;
  let retryMs = reconnectMsMin;
  while (!signal.aborted) {
    try {
      node ??= await context.connect();
      const reason = await untilGone(node, signal, cursor, async (until) => {
        cursor = await sayNew(context, node ?? first, filter, cursor, until, asJson);
        retryMs = reconnectMsMin;
      });
      if (signal.aborted) break;
      context.err.say(`the node is gone (${reason}); waiting for it to come back`);
    } catch (error) {
      if (!isGone(error)) throw error;
    }
    node = null;
    await context.sleep(retryMs);
    retryMs = Math.min(2 * retryMs, reconnectMsMax);
  }
  return 'ok';
}

/**
 * Tells of each new part of the log, one after the other. The stream says that there is something, and up to where; the
 * query says what of it is wanted, by the same rules as without --follow.
 */
async function untilGone(
  node: ControlClient,
  signal: AbortSignal,
  after: number,
  tell: (until: number) => Promise<void>,
): Promise<string> {
  let newest = after;
  let told = after;
  let wake = () => {};
  const end = node.subscribe(after, (item) => {
    if (item.kind !== 'event') return;
    newest = item.seq;
    wake();
  });
  let gone: string | null = null;
  void node.closed.then((reason) => {
    gone = reason;
    wake();
  });
  const interrupted = () => wake();
  signal.addEventListener('abort', interrupted, { once: true });
  try {
    while (gone === null && !signal.aborted) {
      if (newest > told) {
        const until = newest;
        await tell(until);
        told = until;
        continue;
      }
      await new Promise<void>((resolve) => {
        wake = resolve;
        if (newest > told || gone !== null || signal.aborted) resolve();
      });
    }
    return gone ?? '';
  } finally {
    signal.removeEventListener('abort', interrupted);
    end();
  }
}

async function sayNew(
  context: Context,
  node: NodeApi,
  filter: Filter,
  after: number,
  until: number,
  asJson: boolean,
): Promise<number> {
  let cursor = after;
  for (;;) {
    const { entries } = await node.call('logs.query', { ...filter, after: cursor, limit: pageEntries });
    for (const entry of entries) sayEntry(context, entry, asJson);
    cursor = entries.at(-1)?.seq ?? cursor;
    if (entries.length < pageEntries) return Math.max(cursor, until);
  }
}

function sayEntry(context: Context, entry: Entry, asJson: boolean): void {
  if (asJson) context.out.write(`${JSON.stringify(entry)}\n`);
  else context.out.say(lineOf(context, entry));
}

/** The parts of events that a line has room for. */
const Telling = z.object({
  type: z.string().catch('?'),
  jobId: z.string().optional().catch(undefined),
  replicaId: z.string().optional().catch(undefined),
  shardId: z.string().optional().catch(undefined),
  peerId: z.string().optional().catch(undefined),
  provider: z.string().optional().catch(undefined),
  client: z.string().optional().catch(undefined),
  peer: z.string().optional().catch(undefined),
  state: z.string().optional().catch(undefined),
  verdict: z.string().optional().catch(undefined),
  code: z.string().nullish().catch(undefined),
  reason: z.string().optional().catch(undefined),
  priceMicro: z.string().optional().catch(undefined),
  amountMicro: z.string().optional().catch(undefined),
  version: z.string().optional().catch(undefined),
  on: z.boolean().optional().catch(undefined),
  record: z.object({ peerId: z.string() }).optional().catch(undefined),
});

function lineOf({ out }: Context, { seq, at, event }: Entry): string {
  const { data: it } = Telling.safeParse(event);
  if (it === undefined) return `${seq}`;
  const amount = it.amountMicro ?? it.priceMicro;
  const peer = it.provider ?? it.client ?? it.peer ?? it.peerId ?? it.record?.peerId;
  // job.shard.attempt, without the provider that a replica's id ends with
  const work = (it.replicaId?.split('.').slice(0, 3).join('.') ?? it.shardId ?? it.jobId)?.replace(
    /^(?<id>[0-9a-f]{8})[0-9a-f]{24}/,
    '$<id>',
  );
  const details = [
    work,
    peer === undefined ? undefined : peerText(peer),
    it.state ?? it.verdict ?? (it.on === undefined ? undefined : it.on ? 'on' : 'off'),
    amount === undefined ? undefined : creditsText(amount),
    it.version === undefined ? undefined : `version ${it.version}`,
    it.code ?? undefined,
    it.reason === undefined || it.reason === '' ? undefined : plain(it.reason),
  ].filter((part) => part !== undefined);
  const failed =
    /failed|lost|declined|exhausted|penalised|disagreed/.test(it.type) ||
    ['failed', 'rejected'].includes(it.state ?? it.verdict ?? '');
  return `${out.paint('dim', `${String(seq).padStart(6)}  ${timeText(at)}`)}  ${out.paint(failed ? 'red' : 'cyan', it.type.padEnd(18))}  ${details.join('  ')}`;
}
