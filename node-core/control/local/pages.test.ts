import { mkdtemp, rm } from 'node:fs/promises';
import { type IncomingHttpHeaders, type OutgoingHttpHeaders, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ApiError, type MethodResult } from '../../protocol/index.ts';
import { FakeNode, silent } from '../testing.ts';
import { prometheusText } from './prometheus.ts';
import { type ControlServer, startControlServer } from './server.ts';

const peerId = `12D3KooW${'A'.repeat(44)}`;
let folder: string;
let api: FakeNode;
let server: ControlServer;
let status: MethodResult<'node.status'>;
let wallet: MethodResult<'wallet.summary'>;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'infernet-pages-'));
  api = new FakeNode();
  status = {
    peerId,
    version: '0.1.0',
    state: 'online',
    startedAt: 1_700_000_000_000,
    logSeq: 0,
    addresses: [],
    connectedPeers: 3,
    knownProviders: 2,
    unreachableBootstrap: [],
    provider: { on: true, running: 1, queued: 4, queueMax: 64 },
    jobsActive: 2,
    engine: null,
    faults: [],
  };
  wallet = {
    unit: 'micro-credit',
    notice: '',
    paidMicro: '90071992547409931',
    receivedMicro: '5',
    reservedMicro: '0',
    owedToUsMicro: '0',
    net: { owedByPeersMicro: '0', peersOwing: 0, owedToPeersMicro: '0', peersOwed: 0 },
    caps: { dayMicroMax: null, peerDayMicroMax: null, spentTodayMicro: '0', leftTodayMicro: null, resetsAt: 0 },
    strangers: { capMicro: '0', usedMicro: '0' },
    peers: [],
  };
  api.answer = (method) => {
    if (method === 'node.status') return status;
    if (method === 'wallet.summary') return wallet;
    if (method === 'logs.query') return { entries: [], next: 0 };
    throw new ApiError('not-found', method);
  };
  server = await startControlServer({
    api,
    dataFolder: folder,
    listen: '127.0.0.1:0',
    allowedOrigins: [],
    streamBufferMax: 100,
    log: silent,
  });
});
afterEach(async () => {
  await server.stop('test over');
  await rm(folder, { recursive: true, force: true });
});

function get(path: string, headers: OutgoingHttpHeaders = {}, method = 'GET') {
  return new Promise<{ status: number | undefined; headers: IncomingHttpHeaders; body: string }>((resolve, reject) => {
    const asked = request(`${server.url.replace('ws:', 'http:')}${path}`, { headers, method }, (response) => {
      let body = '';
      response.on('data', (part) => {
        body += part;
      });
      response.on('end', () => resolve({ status: response.statusCode, headers: response.headers, body }));
    });
    asked.once('error', reject);
    asked.end();
  });
}

describe('/healthz', () => {
  it('is well with and without peers, and not while the node drains or cannot answer', async () => {
    expect(await get('healthz')).toMatchObject({ status: 200, body: '{"status":"ok","state":"online"}\n' });
    status = { ...status, state: 'alone' };
    expect((await get('healthz?x=1')).status).toBe(200);
    status = { ...status, state: 'draining' };
    expect(await get('healthz')).toMatchObject({ status: 503, body: '{"status":"unavailable","state":"draining"}\n' });
    api.answer = () => {
      throw new ApiError('unavailable', 'the node is stopped');
    };
    expect((await get('healthz')).status).toBe(503);
  });
});

describe('/metrics', () => {
  it('tells gauges of the API, and counters of the log', async () => {
    const first = await get('metrics');
    expect(first).toMatchObject({
      status: 200,
      headers: { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' },
    });
    for (const line of [
      `infernet_node_info{version="0.1.0",peer_id="${peerId}"} 1`,
      'infernet_node_state{state="online"} 1',
      'infernet_node_state{state="alone"} 0',
      'infernet_jobs_active 2',
      'infernet_peers_connected 3',
      'infernet_provider_replicas{state="queued"} 4',
      // Exact, where a double is not.
      'infernet_credits_micro{direction="paid"} 90071992547409931',
      'infernet_shards_total{state="accepted"} 0',
    ]) {
      expect(first.body).toContain(`\n${line}\n`);
    }
    api.push({
      type: 'shard.cancelled',
      jobId: '1'.repeat(32),
      shardId: `${'1'.repeat(32)}.0`,
    });
    api.append(3);
    expect((await get('metrics')).body).toContain('\ninfernet_shards_total{state="cancelled"} 1\n');
    expect(api.subscribers).toBe(1);
  });

  it('follows no log before somebody looks', () => {
    expect(api.subscribers).toBe(0);
  });

  it('holds by the conventions: each name once, typed, counters end with _total', async () => {
    const { body } = await get('metrics');
    const types = [...body.matchAll(/^# TYPE (?<name>\S+) (?<type>\S+)$/gm)].map(({ groups }) => groups);
    const names = types.map((found) => found?.['name'] ?? '');
    expect(new Set(names).size).toBe(names.length);
    for (const found of types) {
      expect(found?.['name']).toMatch(/^(infernet|process)_[a-z_]+$/);
      expect(found?.['name']?.endsWith('_total')).toBe(found?.['type'] === 'counter');
    }
    expect(body).not.toContain(server.token);
  });
});

describe('who may look', () => {
  it('refuses a foreign Host and a foreign Origin', async () => {
    for (const path of ['metrics', 'healthz']) {
      expect((await get(path, { host: 'evil.example' })).status).toBe(403);
      expect((await get(path, { origin: 'https://evil.example' })).status).toBe(403);
    }
  });

  it('has nothing else, and changes nothing', async () => {
    expect((await get('')).status).toBe(426);
    expect((await get('__proto__')).status).toBe(426);
    expect((await get('metrics', {}, 'POST')).status).toBe(405);
    expect(await get('healthz', {}, 'HEAD')).toMatchObject({ status: 200, body: '' });
  });
});

it('escapes what stands in labels and help', () => {
  const samples = [{ labels: { name: 'a"b\\c\nd' }, value: 1 }];
  expect(prometheusText([{ name: 'x', help: 'one\ntwo', type: 'gauge', samples }])).toBe(
    '# HELP x one\\ntwo\n# TYPE x gauge\nx{name="a\\"b\\\\c\\nd"} 1\n',
  );
});
