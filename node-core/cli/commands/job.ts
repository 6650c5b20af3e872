import { jobMachine, type MethodResult, type NodeApi, shardIdOf, z } from '../../protocol/index.ts';
import { argument, defineCommand, option, toggle } from '../command.ts';
import { answer, type Context } from '../context.ts';
import { findJob, jobRef } from '../job/find-job.ts';
import { followJob, type JobDetail } from '../job/follow.ts';
import { jobWhyLines } from '../job/why-text.ts';
import { pairLines, tableLines } from '../text/table.ts';
import { plain } from '../text/terminal.ts';
import { agoText, creditsText, durationText, jobIdText, peerText, timeText } from '../text/units.ts';
import { data, json, wholeNumber } from '../values.ts';
import { stateStyles } from './jobs.ts';
import { detached, exitOf } from './submit.ts';

type Attempt = MethodResult<'logs.query'>['entries'][number];

const Ending = z.object({ type: z.string(), provider: z.string(), verdict: z.string().optional() });
/** What became of each attempt, for jobs whose shards are no longer in memory. */
const endings = ['replica.judged', 'replica.failed', 'replica.lost', 'replica.declined'] as const;

export const job = defineCommand({
  name: 'job',
  summary: 'Show one job with its shards and who runs them.',
  shape: {
    job: argument('[job]', 'its id or the first letters of it; `last` where left out', jobRef().default('last')),
    wait: toggle('-w, --wait', 'follow it to its end; its failure is exit code 1'),
    why: toggle('--why', 'why these providers, and why not others: in words and numbers'),
    shard: option('--shard <index>', 'with --why: only this shard', wholeNumber(0, 9_999_999).optional()),
    json: json(),
    data: data(),
  },
  examples: [
    { line: 'job 3fa9', says: 'the job whose id begins so' },
    { line: 'job last --wait', says: 'follows the newest one' },
    { line: 'job last --why --shard 3', says: 'why the providers of its fourth shard were chosen' },
  ],
  check: ({ why, shard }) => (shard !== undefined && !why ? '--shard goes with --why' : null),
  async run(context, { job: ref, wait, why, shard, json: asJson }) {
    const node = await context.connect();
    const jobId = await findJob(node, ref);
    let detail: JobDetail = await node.call('jobs.get', { jobId });
    if (wait && !jobMachine.isFinal(detail.state)) {
      const ended = await followJob(context, node, { job: detail, signal: context.interruption() });
      if (ended === null) return detached(context, jobId);
      detail = ended;
    }
    const attempts = jobMachine.isFinal(detail.state) ? await endingsOf(await context.connect(), jobId) : [];
    const reasons = why
      ? await (await context.connect()).call('jobs.why', {
          jobId,
          ...(shard !== undefined && { shardId: shardIdOf(jobId, shard) }),
        })
      : null;
    answer(context, asJson, reasons === null ? detail : { ...detail, why: reasons }, () => [
      ...headLines(context, detail),
      '',
      ...(reasons === null ? bodyLines(context, detail, attempts) : jobWhyLines(context.out, reasons)),
    ]);
    return wait ? exitOf(detail) : 'ok';
  },
});

async function endingsOf(node: NodeApi, jobId: string): Promise<Attempt[]> {
  const all: Attempt[] = [];
  for (let after = 0; ; ) {
    const { entries, next } = await node.call('logs.query', { jobId, after, types: [...endings], limit: 1000 });
    all.push(...entries);
    if (entries.length < 1000) return all;
    after = next;
  }
}

function headLines(context: Context, detail: JobDetail): string[] {
  const { out } = context;
  const now = context.now();
  const ended =
    detail.endedAt === null
      ? []
      : [['ended', `${timeText(detail.endedAt)}, after ${durationText(detail.endedAt - detail.createdAt)}`] as const];
  const left =
    detail.endedAt === null ? [['deadline', `in ${durationText(Math.max(0, detail.deadlineAt - now))}`] as const] : [];
  const code = detail.code === null ? '' : ` (${detail.code})`;
  return pairLines(out, [
    ['job', detail.jobId],
    ...(detail.label === '' ? [] : [['label', plain(detail.label)] as const]),
    ['state', out.paint(stateStyles[detail.state], detail.state)],
    ...(detail.reason === ''
      ? []
      : [[detail.endedAt === null ? 'waits for' : 'because', `${plain(detail.reason)}${code}`] as const]),
    ['template', plain(detail.templateName)],
    ['items', `${detail.items}`],
    ['shards', `${detail.shardsAccepted} of ${detail.shardsTotal} accepted`],
    ['spent', `${creditsText(detail.spentMicro)} of ${creditsText(detail.budgetMicro)}`],
    ['submitted', `${timeText(detail.createdAt)}, ${agoText(detail.createdAt, now)}`],
    ...ended,
    ...left,
  ]);
}

function bodyLines(context: Context, detail: JobDetail, attempts: readonly Attempt[]): string[] {
  if (!jobMachine.isFinal(detail.state)) return shardLines(context, detail);
  return [...providerLines(context, attempts), `answers: ${context.commandLine(`results ${jobIdText(detail.jobId)}`)}`];
}

function shardLines({ out }: Context, { shards }: JobDetail): string[] {
  if (shards.length === 0) return ['it is being cut into shards'];
  return tableLines(
    out,
    [
      { title: 'shard', align: 'right' },
      { title: 'items' },
      { title: 'state' },
      { title: 'provider' },
      { title: 'role' },
      { title: 'attempt' },
      { title: 'done', align: 'right' },
      { title: 'price', align: 'right' },
    ],
    shards.flatMap((shard) => {
      const range = `${shard.start}–${shard.start + shard.count - 1}`;
      const head = [String(shard.index), range, shard.how === null ? shard.state : `${shard.state} (${shard.how})`];
      if (shard.replicas.length === 0) return [[...head, 'nobody yet']];
      return shard.replicas.map((replica, i) => [
        ...(i === 0 ? head : ['', '', '']),
        replica.role === 'own-node' ? 'this node' : peerText(replica.provider),
        replica.role,
        replica.state,
        `${replica.itemsDone}/${shard.count}`,
        creditsText(replica.priceMicro),
      ]);
    }),
  );
}

function providerLines({ out }: Context, attempts: readonly Attempt[]): string[] {
  const rows = new Map<string, Map<string, number>>();
  for (const { event } of attempts) {
    const ending = endingOf(event);
    if (ending === null) continue;
    const [provider, how] = ending;
    const counts = rows.get(provider) ?? new Map<string, number>();
    rows.set(provider, counts.set(how, (counts.get(how) ?? 0) + 1));
  }
  if (rows.size === 0) return [];
  const body = [...rows].map(([provider, counts]) => [
    peerText(provider),
    [...counts].map(([how, count]) => `${count} ${how}`).join(', '),
  ]);
  return [...tableLines(out, [{ title: 'provider' }, { title: 'shards' }], body), ''];
}

/** The API hands out events as they are in the log; parsed where they are looked into. */
function endingOf(value: unknown): readonly [provider: string, how: string] | null {
  const { data: event } = Ending.safeParse(value);
  if (event === undefined) return null;
  return [event.provider, event.verdict ?? event.type.replace('replica.', '')];
}
