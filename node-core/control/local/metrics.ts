/**
 * What `/metrics` tells: how the node is and how much it does. No secrets, and no peer but its own: labels are few and known.
 *
 * Gauges are asked of the API when somebody looks. Counters are made of the log since the node's start, from the first look
 * on, so that a node at which nobody looks does nothing for them.
 */
import { ApiError, type NodeApi, type NodeEvent } from '../../protocol/index.ts';
import type { Metric, Sample } from './prometheus.ts';

export interface Metrics {
  /** @throws ApiError when the node cannot answer. */
  collect(): Promise<Metric[]>;
  stop(): void;
}

const counters = {
  infernet_jobs_ended_total: [
    'Own jobs that ended, since the start of the node.',
    'state',
    ['done', 'failed', 'cancelled'],
  ],
  infernet_shards_total: ['Shards of own jobs that ended.', 'state', ['accepted', 'exhausted', 'cancelled']],
  infernet_replicas_total: [
    'Attempts of providers at shards of own jobs that ended.',
    'state',
    ['accepted', 'rejected', 'undecided', 'superseded', 'declined', 'failed', 'cancelled', 'lost'],
  ],
  infernet_work_total: [
    'Replicas that this provider took for clients and that ended.',
    'state',
    ['accepted', 'rejected', 'undecided', 'superseded', 'failed', 'cancelled', 'lost'],
  ],
  infernet_peers_penalised_total: ['Answers of peers that were rejected with evidence.', null, []],
} as const;
type CounterName = keyof typeof counters;

/** Which counter an event raises, and under which label. */
function countOf(event: NodeEvent): readonly [CounterName, string] | null {
  switch (event.type) {
    case 'job.ended':
      return ['infernet_jobs_ended_total', event.state];
    case 'shard.accepted':
      return ['infernet_shards_total', 'accepted'];
    case 'shard.exhausted':
      return ['infernet_shards_total', 'exhausted'];
    case 'shard.cancelled':
      return ['infernet_shards_total', 'cancelled'];
    case 'replica.judged':
      return ['infernet_replicas_total', event.verdict];
    case 'replica.declined':
    case 'replica.failed':
    case 'replica.cancelled':
    case 'replica.lost':
      return ['infernet_replicas_total', event.type.replace('replica.', '')];
    case 'work.judged':
      return ['infernet_work_total', event.verdict];
    case 'work.failed':
    case 'work.cancelled':
    case 'work.lost':
      return ['infernet_work_total', event.type.replace('work.', '')];
    case 'peer.penalised':
      return ['infernet_peers_penalised_total', ''];
    default:
      return null;
  }
}

export function createMetrics(api: NodeApi): Metrics {
  const counts = new Map<string, number>();
  let following: Promise<() => void> | null = null;
  let stopped = false;

  function count(event: NodeEvent): void {
    const found = countOf(event);
    if (found === null) return;
    const key = found.join(' ');
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }

  async function follow(): Promise<() => void> {
    const from = await startSeq(api);
    const end = api.subscribe(from, (item) => item.kind === 'event' && count(item.event));
    if (stopped) end();
    return end;
  }

  return {
    async collect() {
      if (stopped) throw new ApiError('unavailable', 'the node stops');
      following ??= follow().catch((error: unknown) => {
        following = null;
        throw error;
      });
      await following;
      return [...(await gauges(api)), ...counterMetrics(counts), ...processMetrics()];
    },
    stop() {
      stopped = true;
      void following?.then((end) => end()).catch(() => {});
    },
  };
}

/** Where this run of the node begins in the log. */
async function startSeq(api: NodeApi): Promise<number> {
  let seq = 0;
  for (;;) {
    const { entries, next } = await api.call('logs.query', { after: seq, types: ['node.started'], limit: 1000 });
    if (entries.length === 0) return seq;
    seq = next;
  }
}

async function gauges(api: NodeApi): Promise<Metric[]> {
  const [status, wallet] = await Promise.all([api.call('node.status', {}), api.call('wallet.summary', {})]);
  const states = ['starting', 'online', 'alone', 'draining', 'stopped'] as const;
  return [
    gauge('infernet_node_info', 'The node, as labels; always 1.', [
      { labels: { version: status.version, peer_id: status.peerId }, value: 1 },
    ]),
    gauge(
      'infernet_node_state',
      '1 for the state that the node is in; alone is without a connected peer.',
      states.map((state) => ({ labels: { state }, value: status.state === state ? 1 : 0 })),
    ),
    gauge('infernet_start_time_seconds', 'When the node started, since the Unix epoch.', [
      { value: status.startedAt / 1000 },
    ]),
    gauge('infernet_peers_connected', 'Connected peers.', [{ value: status.connectedPeers }]),
    gauge('infernet_providers_known', 'Live providers other than this node.', [{ value: status.knownProviders }]),
    gauge('infernet_bootstrap_unreachable', 'Bootstrap addresses that did not answer.', [
      { value: status.unreachableBootstrap.length },
    ]),
    gauge('infernet_faults', 'What is wrong on this computer; `status` says what.', [{ value: status.faults.length }]),
    gauge('infernet_jobs_active', 'Own jobs under way.', [{ value: status.jobsActive }]),
    gauge('infernet_provider_enabled', '1 while it runs jobs of others.', [{ value: status.provider.on ? 1 : 0 }]),
    gauge('infernet_provider_replicas', 'Work of clients, by where it is.', [
      { labels: { state: 'running' }, value: status.provider.running },
      { labels: { state: 'queued' }, value: status.provider.queued },
    ]),
    gauge('infernet_provider_queue_limit', 'Work that may wait.', [{ value: status.provider.queueMax }]),
    gauge('infernet_credits_micro', 'Credits in millionths, over all time and peers; they are not money.', [
      { labels: { direction: 'paid' }, value: wallet.paidMicro },
      { labels: { direction: 'received' }, value: wallet.receivedMicro },
      { labels: { direction: 'reserved' }, value: wallet.reservedMicro },
      { labels: { direction: 'owed' }, value: wallet.owedToUsMicro },
    ]),
  ];
}

function counterMetrics(counts: ReadonlyMap<string, number>): Metric[] {
  return Object.entries(counters).map(([name, [help, label, values]]) => {
    const samples: Sample[] =
      label === null
        ? [{ value: counts.get(`${name} `) ?? 0 }]
        : // Also those at 0: what appears only at its first failure cannot be seen to rise.
          values.map((value) => ({ labels: { [label]: value }, value: counts.get(`${name} ${value}`) ?? 0 }));
    return { name, help, type: 'counter', samples };
  });
}

/** By the names that Prometheus' own clients use. */
function processMetrics(): Metric[] {
  const { user, system } = process.cpuUsage();
  return [
    {
      name: 'process_cpu_seconds_total',
      help: 'CPU time of the node, without its runners.',
      type: 'counter',
      samples: [{ value: (user + system) / 1e6 }],
    },
    gauge('process_resident_memory_bytes', 'Memory of the node, without its runners.', [
      { value: process.memoryUsage.rss() },
    ]),
  ];
}

function gauge(name: string, help: string, samples: readonly Sample[]): Metric {
  return { name, help, type: 'gauge', samples };
}
