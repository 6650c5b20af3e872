/**
 * Follows a job to its end: bars on a terminal, a line now and then elsewhere. It asks for the job's state again and again
 * instead of collecting events, so it may begin at any time, and goes on after the node was started again.
 */
import { ApiError, jobMachine, type MethodResult, type NodeApi } from '../../protocol/index.ts';
import type { Context } from '../context.ts';
import { CliError } from '../exit-codes.ts';
import { bar } from '../text/bar.ts';
import { plain } from '../text/terminal.ts';
import { countText, durationText, peerText } from '../text/units.ts';

export type JobDetail = MethodResult<'jobs.get'>;

export interface FollowOptions {
  /** What is known of the job already. */
  readonly job: JobDetail;
  readonly signal: AbortSignal;
}

const askEveryMsMin = 250;
/** A large job's answer is large: the node is not to be busy with it for more than this share of its time. */
const busyShare = 0.05;
const plainEveryMs = 2_000;
const reconnectMsMin = 250;
const reconnectMsMax = 5_000;
const rowsMax = 12;

/** @returns the ended job, or null when interrupted. */
export async function followJob(
  context: Context,
  first: NodeApi,
  { job, signal }: FollowOptions,
): Promise<JobDetail | null> {
  const { jobId } = job;
  const show = progressView(context);
  let node: NodeApi | null = first;
  let retryMs = reconnectMsMin;
  let latest = job;
  show(latest);
  while (!jobMachine.isFinal(latest.state)) {
    if (signal.aborted) return null;
    const askedAt = context.now();
    try {
      node ??= await context.connect();
      const now = await node.call('jobs.get', { jobId });
      // An ended job has no shards any more; its last picture stays.
      latest = now.shards.length > 0 ? now : { ...now, shards: latest.shards };
      retryMs = reconnectMsMin;
    } catch (error) {
      if (!isGone(error)) throw error;
      if (node !== null) context.err.say('the node is gone; waiting for it to come back (the job is in its log)');
      node = null;
      await context.sleep(retryMs);
      retryMs = Math.min(2 * retryMs, reconnectMsMax);
      continue;
    }
    show(latest);
    if (jobMachine.isFinal(latest.state)) break;
    await context.sleep(Math.max(askEveryMsMin, (context.now() - askedAt) / busyShare));
  }
  context.err.keep();
  return latest;
}

export function isGone(error: unknown): boolean {
  return (
    (error instanceof ApiError && error.kind === 'unavailable') ||
    (error instanceof CliError && error.exit === 'no-node')
  );
}

function progressView(context: Context): (job: JobDetail) => void {
  const { err } = context;
  const startedAt = context.now();
  let saidAt = Number.NEGATIVE_INFINITY;
  let said = '';
  return (job) => {
    const now = context.now();
    if (err.live) return err.draw(liveLines(context, job, now - startedAt));
    const line = plainLine(job);
    if (line === said || now - saidAt < plainEveryMs) return;
    said = line;
    saidAt = now;
    err.say(line);
  };
}

function plainLine(job: JobDetail): string {
  const parts = rowsOf(job).map(
    ({ name, shards, items }) => `${name} ${countText(shards, 'shard')} ${countText(items, 'item')}`,
  );
  const waits = job.reason === '' ? '' : `; waits: ${plain(job.reason)}`;
  return `${job.shardsAccepted} of ${countText(job.shardsTotal, 'shard')} accepted${parts.length > 0 ? ` (${parts.join(', ')})` : ''}${waits}`;
}

function liveLines({ err }: Context, job: JobDetail, elapsedMs: number): string[] {
  const rows = rowsOf(job);
  const most = Math.max(1, ...rows.map(({ items }) => items));
  const width = Math.max(3, ...rows.map(({ name }) => name.length));
  const total = Math.max(1, job.shardsTotal);
  return [
    `${'job'.padEnd(width)}  ${bar(err, job.shardsAccepted / total, 'green')}  ${job.shardsAccepted}/${job.shardsTotal} shards accepted, ${durationText(elapsedMs)}`,
    ...rows
      .slice(0, rowsMax)
      .map(
        ({ name, items, shards, running }) =>
          `${name.padEnd(width)}  ${bar(err, items / most, 'cyan')}  ${countText(items, 'item')}, ${countText(shards, 'shard')}${running > 0 ? `, ${running} running` : ''}`,
      ),
    ...(rows.length > rowsMax ? [`and ${countText(rows.length - rowsMax, 'more provider')}`] : []),
    ...(job.reason === '' ? [] : [err.paint('yellow', `waits: ${plain(job.reason)}`)]),
  ];
}

interface Row {
  readonly name: string;
  items: number;
  shards: number;
  running: number;
}

/** By provider, the busiest first. */
export function rowsOf({ shards }: JobDetail): readonly Row[] {
  const rows = new Map<string, Row>();
  for (const { replicas } of shards) {
    for (const { provider, role, state, itemsDone } of replicas) {
      const row = rows.get(provider) ?? {
        name: role === 'own-node' ? 'this node' : peerText(provider),
        items: 0,
        shards: 0,
        running: 0,
      };
      row.items += itemsDone;
      row.shards += 1;
      if (['assigned', 'running'].includes(state)) row.running += 1;
      rows.set(provider, row);
    }
  }
  return [...rows.values()].sort((a, b) => b.items - a.items || a.name.localeCompare(b.name));
}
