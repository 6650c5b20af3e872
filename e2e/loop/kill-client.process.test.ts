/** The client's node is killed again and again in the middle of a batch, and each time goes on from its log. */
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { NodeEvent } from '../../node-core/protocol/index.ts';
import {
  brisk,
  directLabels,
  ended,
  eventually,
  labelsOf,
  logOf,
  NodeGroup,
  nextEvent,
  type RunningNode,
  reviews,
  type SmallNetwork,
  settledBooks,
  startNetwork,
  submit,
} from './nodes.ts';

vi.setConfig({ testTimeout: 120_000 });

const items = 200;
let group: NodeGroup;
let network: SmallNetwork;

beforeAll(async () => {
  group = await NodeGroup.make('infernet-e2e-');
  network = await startNetwork(group, { providers: 3 });
});
afterAll(() => group?.stop());

/** When to kill: between two steps that must not come apart. */
const killPoints: ReadonlyArray<{ name: string; isWanted: (event: NodeEvent) => boolean; times: number }> = [
  { name: 'work is out and nothing has come back', isWanted: ({ type }) => type === 'replica.started', times: 1 },
  { name: 'copies have committed', isWanted: ({ type }) => type === 'replica.committed', times: 1 },
  { name: 'shards are accepted and others under way', isWanted: ({ type }) => type === 'shard.accepted', times: 4 },
  {
    name: 'a payment is in the log, and its voucher perhaps not sent',
    isWanted: ({ type }) => type === 'payment.paid',
    times: 1,
  },
];

test('a client that is killed four times ends its job complete, and pays no replica twice', async () => {
  const { providers, bootstrap } = network;
  let { client } = network;
  const inputs = await reviews(items);
  const jobId = await submit(client.api, { inputs, deadlineMs: 100_000 });
  let cursor = 0;
  for (const { name, isWanted, times } of killPoints) {
    await nextEvent(client, name, isWanted, { after: cursor, times });
    const { shardsAccepted, state } = await client.api.call('jobs.get', { jobId });
    expect(state, name).toBe('running');
    expect(shardsAccepted, name).toBeLessThan(items / 10);
    await client.kill();
    client = await group.start({ name: 'client', provider: false, bootstrap, config: brisk });
    cursor = (await logOf(client.api, 'node.started')).at(-1)?.seq ?? 0;
  }
  const job = await ended(client.api, jobId, 90_000);
  expect(job).toMatchObject({ state: 'done', shardsAccepted: items / 10, shardsTotal: items / 10 });
  expect(await labelsOf(client.api, jobId)).toEqual(await directLabels(items));

  const starts = await logOf(client.api, 'node.started');
  expect(starts.map(({ event }) => event.unclean)).toEqual([false, true, true, true, true]);
  await expectFairBooks(client, providers, jobId);
});

async function expectFairBooks(client: RunningNode, providers: readonly RunningNode[], jobId: string): Promise<void> {
  const books = await settledBooks(client, providers);
  const paid = (await logOf(client.api, 'payment.paid')).map(({ event }) => event);
  const ids = paid.map(({ replicaId }) => replicaId);
  expect(new Set(ids).size).toBe(ids.length);
  const accepted = (await logOf(client.api, 'replica.judged')).flatMap(({ event }) =>
    event.verdict === 'accepted' ? [event.replicaId] : [],
  );
  expect(ids.toSorted()).toEqual(accepted.toSorted());

  const { rows } = await client.api.call('wallet.ledger', { limit: 1000 });
  expect(rows.map(({ replicaId }) => replicaId).toSorted()).toEqual(ids.toSorted());
  const total = paid.reduce((sum, { priceMicro }) => sum + BigInt(priceMicro), 0n);
  expect(books.reduce((sum, { receivedMicro }) => sum + BigInt(receivedMicro), 0n)).toBe(total);
  expect((await client.api.call('jobs.get', { jobId })).spentMicro).toBe(String(total));

  for (const provider of providers) {
    const received = (await logOf(provider.api, 'payment.received')).flatMap(({ event }) => event.replicas);
    expect(new Set(received.map(({ replicaId }) => replicaId)).size, provider.name).toBe(received.length);
    // Whatever the client gave up meanwhile is not waited for any more.
    await eventually(`${provider.name} has no work left`, async () => {
      const { work } = await provider.api.call('provider.status', {});
      return work.length === 0;
    });
  }
}
