/** What happened in a period, gathered page by page from the node's history. */
import { type MethodResult, type Micro, micro, type NodeApi, z } from '../../protocol/index.ts';

export interface Period {
  readonly since: number;
  readonly until: number;
}

type Job = MethodResult<'jobs.list'>['jobs'][number];
type Payment = MethodResult<'wallet.ledger'>['rows'][number];

export interface ReportedError {
  readonly seq: number;
  readonly at: number;
  readonly type: string;
  readonly jobId: string | null;
  readonly peer: string | null;
  readonly code: string | null;
  readonly reason: string;
}

export interface Report {
  readonly node: { readonly peerId: string; readonly version: string };
  readonly period: Period;
  readonly totals: {
    readonly jobs: number;
    readonly byState: Readonly<Record<string, number>>;
    readonly items: number;
    readonly shards: number;
    readonly shardsAccepted: number;
    readonly paidMicro: Micro;
    readonly receivedMicro: Micro;
    readonly errors: number;
  };
  readonly jobs: readonly Job[];
  readonly payments: readonly Payment[];
  readonly errors: readonly ReportedError[];
}

const pageRows = 1000;
const errorTypes = [
  'job.ended',
  'shard.exhausted',
  'replica.failed',
  'replica.lost',
  'peer.penalised',
  'work.failed',
  'node.started',
] as const;

export async function gatherReport(node: NodeApi, period: Period): Promise<Report> {
  const { peerId, version } = await node.call('node.status', {});
  const jobs = await newestFirst(
    (page) => node.call('jobs.list', page).then((found) => found.jobs),
    ({ createdAt }) => createdAt,
    period,
  );
  const payments = await newestFirst(
    (page) => node.call('wallet.ledger', page).then((found) => found.rows),
    ({ at }) => at,
    period,
  );
  const errors = await errorsOf(node, period);
  const amounts = (direction: Payment['direction']) =>
    micro.sum(payments.filter((row) => row.direction === direction).map((row) => row.amountMicro));
  const byState: Record<string, number> = {};
  for (const { state } of jobs) byState[state] = (byState[state] ?? 0) + 1;
  const sum = (of: (job: Job) => number) => jobs.reduce((total, job) => total + of(job), 0);
  return {
    node: { peerId, version },
    period,
    totals: {
      jobs: jobs.length,
      byState,
      items: sum((job) => job.items),
      shards: sum((job) => job.shardsTotal),
      shardsAccepted: sum((job) => job.shardsAccepted),
      paidMicro: amounts('paid'),
      receivedMicro: amounts('received'),
      errors: errors.length,
    },
    jobs,
    payments,
    errors,
  };
}

async function newestFirst<Row extends { readonly seq: number }>(
  ask: (page: { limit: number; before?: number }) => Promise<readonly Row[]>,
  at: (row: Row) => number,
  { since, until }: Period,
): Promise<Row[]> {
  const found: Row[] = [];
  for (let before: number | undefined; ; ) {
    const page = await ask({ limit: pageRows, ...(before !== undefined && { before }) });
    found.push(...page.filter((row) => at(row) >= since && at(row) < until));
    const last = page.at(-1);
    if (last === undefined || page.length < pageRows || at(last) < since) return found;
    before = last.seq;
  }
}

const Failure = z.object({
  type: z.string(),
  jobId: z.string().nullish(),
  provider: z.string().nullish(),
  client: z.string().nullish(),
  peerId: z.string().nullish(),
  code: z.string().nullish(),
  reason: z.string().nullish(),
  state: z.string().nullish(),
  unclean: z.boolean().nullish(),
});

async function errorsOf(node: NodeApi, { since, until }: Period): Promise<ReportedError[]> {
  const found: ReportedError[] = [];
  for (let after = 0; ; ) {
    const { entries, next } = await node.call('logs.query', { after, types: [...errorTypes], limit: pageRows });
    for (const { seq, at, event } of entries) {
      if (at < since || at >= until) continue;
      const error = errorOf(seq, at, event);
      if (error !== null) found.push(error);
    }
    if (entries.length < pageRows) return found;
    after = next;
  }
}

function errorOf(seq: number, at: number, event: unknown): ReportedError | null {
  const { data } = Failure.safeParse(event);
  if (data === undefined) return null;
  const { type, jobId, provider, client, peerId, code, reason, state, unclean } = data;
  if (type === 'job.ended' && state !== 'failed') return null;
  if (type === 'node.started') {
    return unclean === true
      ? { seq, at, type, jobId: null, peer: null, code: null, reason: 'the run before did not end in order' }
      : null;
  }
  return {
    seq,
    at,
    type,
    jobId: jobId ?? null,
    peer: provider ?? client ?? peerId ?? null,
    code: code ?? null,
    reason: reason ?? '',
  };
}
