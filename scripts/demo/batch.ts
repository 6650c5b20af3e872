/** One batch job, followed on the screen until it ends. */
import type { JobSpecInput, NodeEvent, StreamItem } from '../../node-core/protocol/index.ts';
import type { Network } from './network.ts';
import type { ProviderRow, Screen } from './screen.ts';
import { within } from './within.ts';

/** On a busy computer; an idle one takes seconds. */
const jobMsMax = 150_000;

export interface BatchResult {
  readonly jobId: string;
  /** One per input; null where there is none. */
  readonly outputs: readonly unknown[];
  readonly shardsTotal: number;
  readonly shardsAccepted: number;
  readonly firstResultMs: number;
  readonly totalMs: number;
}

export interface BatchOptions {
  readonly spec: Omit<JobSpecInput, 'budgetMicro' | 'deadlineMs' | 'ownNode'> & {
    readonly itemsPerShard: number;
    /** Of no other job of this client. */
    readonly label: string;
  };
  /** Called as shards are accepted. */
  onAccepted?(accepted: number, total: number): void;
}

/** @throws Error when the job does not end in time. */
export async function runBatch(network: Network, screen: Screen, options: BatchOptions): Promise<BatchResult> {
  const { client, providers } = network;
  const { spec, onAccepted } = options;
  const total = Math.ceil(spec.inputs.length / spec.itemsPerShard);
  const rows = new Map(
    providers.map((node): [string, ProviderRow] => [node.peerId, { name: node.name, items: 0, shards: 0 }]),
  );
  const itemsDone = new Map<string, number>();
  const submittedAt = performance.now();
  let firstResultMs = 0;
  let accepted = 0;
  let jobId = '';
  let ended = false;
  const done = Promise.withResolvers<void>();

  const happened = (event: NodeEvent, now: number): void => {
    if (event.type === 'replica.committed') {
      const row = rows.get(event.provider);
      if (row !== undefined) {
        row.items += spec.itemsPerShard - (itemsDone.get(event.replicaId) ?? 0);
        row.shards++;
      }
      itemsDone.set(event.replicaId, spec.itemsPerShard);
    }
    if (event.type === 'shard.accepted') {
      accepted++;
      if (firstResultMs === 0) firstResultMs = Math.round(now - submittedAt);
      onAccepted?.(accepted, total);
    }
    if (event.type === 'job.ended') {
      ended = true;
      done.resolve();
    }
  };
  const unsubscribe = client.api.subscribe(0, (item: StreamItem) => {
    const now = performance.now();
    if (item.kind === 'progress') {
      const row = rows.get(item.provider);
      if (row !== undefined) row.items += item.itemsDone - (itemsDone.get(item.replicaId) ?? 0);
      itemsDone.set(item.replicaId, item.itemsDone);
    } else if (item.kind === 'event') {
      const { event } = item;
      // Known by its label: events may come before the answer to the submission.
      if (event.type === 'job.created' && event.job.label === spec.label) ({ jobId } = event);
      if ('jobId' in event && event.jobId === jobId) happened(event, now);
    }
    screen.progress(Math.min(accepted, total), total, [...rows.values()], now);
    if (ended) screen.keep();
  });
  try {
    await client.api.call('jobs.submit', {
      ...spec,
      budgetMicro: '10000000',
      ownNode: 'never',
      deadlineMs: jobMsMax,
    });
    await within(jobMsMax + 5_000, done.promise, 'the job did not end in time');
  } finally {
    unsubscribe();
  }
  const { outputs } = await client.api.call('jobs.results', { jobId });
  return {
    jobId,
    outputs: outputs.map(({ output }) => output),
    shardsTotal: total,
    shardsAccepted: Math.min(accepted, total),
    firstResultMs,
    totalMs: Math.round(performance.now() - submittedAt),
  };
}
