import { describe, expect, it } from 'vitest';
import {
  canonicalBytes,
  type LogEntry,
  type NodeEvent,
  nodeRecordKey,
  parseEvent,
  utf8,
} from '../../protocol/index.ts';
import { honest } from '../executor.ts';
import { type SimulatedNode, World } from '../world.ts';
import type { Fault } from './fault.ts';
import { type Caps, SpendingBook } from './spending-book.ts';

/** A world in which a client has had one job done by two providers. */
async function worldWithAJob() {
  const world = new World({ seed: 1 });
  const client = world.add({ name: 'client' });
  for (let i = 0; i < 3; i++) world.add({ name: `provider-${i}`, provider: true, manner: honest });
  for (const node of world.nodes) node.start();
  await world.run(5_000);
  const inputs = [{ n: 1 }, { n: 2 }];
  await world.until(client.node.api.call('jobs.submit', { template: 'colours', inputs, budgetMicro: '100000' }));
  await world.run(5_000);
  return { world, client };
}

/** As if the node itself had written it. */
function inject({ disk }: SimulatedNode, event: NodeEvent): void {
  disk.write([{ seq: disk.length + 1, at: disk.entries().at(-1)?.at ?? 0, event }], 'full');
}

/** The first event of a type in a node's log. */
function firstOf<Type extends NodeEvent['type']>({ disk }: SimulatedNode, type: Type) {
  const isOf = (event: NodeEvent): event is Extract<NodeEvent, { type: Type }> => event.type === type;
  const found = disk
    .entries()
    .map(({ event }: LogEntry) => event)
    .find(isOf);
  if (found === undefined) throw new Error(`there is no ${type}`);
  return found;
}

describe('the observers', () => {
  it('see a payment that is written twice, and say what, where and when', async () => {
    const { world, client } = await worldWithAJob();
    const paid = client.disk.entries().find(({ event }) => event.type === 'payment.paid');
    if (paid === undefined) throw new Error('nothing was paid');
    client.disk.write([{ ...paid, seq: client.disk.length + 1 }], 'full');
    await expect(world.run(10)).rejects.toThrow(/^I2 broke in client at 10\.\d+ s: .* was paid twice$/);
  });

  it('see more set aside than the owner allows at a peer and in a day', async () => {
    const { client } = await worldWithAJob();
    const entries = client.disk.entries();
    const see = (caps: Caps) => () => {
      const fault: Fault = (invariant, what) => {
        throw new Error(`${invariant} ${what}`);
      };
      const book = new SpendingBook(fault, caps);
      for (const entry of entries) book.take(entry);
    };
    // At 1200 each, of different providers.
    expect(see({ dayMicroMax: '2400', peerDayMicroMax: '1200' })).not.toThrow();
    expect(see({ dayMicroMax: '2399', peerDayMicroMax: null })).toThrow(
      /^I5 .*, all peers: 2400 are spent and set aside/,
    );
    expect(see({ dayMicroMax: null, peerDayMicroMax: '1199' })).toThrow(/^I5 .*: 1200 are spent/);
  });

  it('see an illegal transition', async () => {
    const { world, client } = await worldWithAJob();
    const started = client.disk.entries().find(({ event }) => event.type === 'replica.started');
    if (started === undefined) throw new Error('nothing was started');
    client.disk.write([{ ...started, seq: client.disk.length + 1 }], 'full');
    await expect(world.run(10)).rejects.toThrow(/^I1 broke in client .*start while it is accepted$/);
  });

  it('see that memory and log differ', async () => {
    const { world, client } = await worldWithAJob();
    const state = client.stateText;
    if (state === null) throw new Error('the disk is busy');
    await client.replay(state);
    await expect(client.replay(state.replace('"running":true', '"running":false'))).rejects.toThrow(
      /^I9 broke in client/,
    );
    expect(world.observers.broken).toBeNull();
  });

  it('see a voucher that was not earned (I3)', async () => {
    const { world, client } = await worldWithAJob();
    const { peer } = firstOf(client, 'payment.paid');
    const voucher = { body: { cumulativeMicro: '999999999' } };
    const envelope = { type: 'payment.voucher', id: '1', body: { voucher, replicas: [] } };
    world.watch.sent(client.peerId, peer, utf8.encode(JSON.stringify([envelope])));
    await expect(world.run(10)).rejects.toThrow(/^I3 broke in client .*a voucher of 999999999 left/);
  });

  it('see a job that ends without what it has (I6)', async () => {
    const { world, client } = await worldWithAJob();
    const { jobId: _, ...job } = firstOf(client, 'job.created');
    const jobId = 'f'.repeat(32);
    inject(client, { ...job, jobId });
    inject(client, { ...firstOf(client, 'job.ended'), jobId, state: 'failed', code: 'internal', reason: '' });
    await expect(world.run(10)).rejects.toThrow(/^I6 broke in client .*but 0 were accepted$/);
  });

  it('see a job that outlives its deadline, at the moment at which it does (I6)', async () => {
    const { world, client } = await worldWithAJob();
    const [job] = client.subject.client.jobs.values();
    if (job === undefined) throw new Error('no job');
    Object.assign(job, { endedElapsedMs: null, deadlineElapsedMs: world.time.elapsed + 1_000 });
    const startedMs = world.time.elapsed;
    await expect(world.run(200_000)).rejects.toThrow(/^I6 broke in client .*after its deadline/);
    const { leaseMs, graceMs, revealMs, suspectMs } = client.config.aggregator;
    const overdueMs = startedMs + 1_000 + leaseMs + graceMs + revealMs + suspectMs + 30_000;
    const late = (world.observers.broken?.elapsedMs ?? 0) - overdueMs;
    expect(late).toBeGreaterThan(0);
    // The next step of anybody, not the next time that everybody is gone through.
    expect(late).toBeLessThan(2_000);
  });

  it('see more in a queue than it may hold (I7)', async () => {
    const { world } = await worldWithAJob();
    const provider = world.nodes.find(({ disk }) => disk.entries().some(({ event }) => event.type === 'work.admitted'));
    if (provider === undefined) throw new Error('nobody worked');
    const admitted = firstOf(provider, 'work.admitted');
    for (let i = 0; i <= provider.config.provider.inFlightPerClientMax; i++)
      inject(provider, { ...admitted, replicaId: `${admitted.shardId}.${100 + i}.AAAAAAAA` });
    await expect(world.run(10)).rejects.toThrow(/^I7 broke in provider-\d .*shards of .* are here, at most/);
  });

  it('see a rejection whose evidence convinces nobody (I8)', async () => {
    const { world, client } = await worldWithAJob();
    const { commitment } = firstOf(client, 'replica.committed');
    const { replicaId } = firstOf(client, 'replica.revealed');
    const judged = firstOf(client, 'replica.judged');
    // An honest copy whose verdict is still open is called wrong, by its own commitment and nobody's opening.
    const replica = client.subject.client.replicas.get(replicaId);
    if (replica === undefined) throw new Error('no such replica');
    replica.state = 'revealed';
    const signature = 'A'.repeat(86);
    const reveal = {
      v: 1,
      replicaId,
      digest: commitment.body.digest,
      outputsHash: 'a'.repeat(64),
      salt: 'A'.repeat(22),
    };
    const opening = { reveal: { body: reveal, by: commitment.by, signature }, itemHashes: ['a'.repeat(64)] };
    const evidence = { accused: { commitment, opening }, quorum: [] };
    const event = { ...judged, replicaId, provider: replica.provider, verdict: 'rejected', evidence };
    const said: unknown = JSON.parse(JSON.stringify(event));
    inject(client, parseEvent(said));
    await expect(world.run(10)).rejects.toThrow(/^I8 broke in client .*the evidence convinces nobody/);
  });

  it('see an answer that nobody revealed (I10)', async () => {
    const { world, client } = await worldWithAJob();
    const { outputsHash } = firstOf(client, 'shard.accepted');
    const shard = [...client.subject.client.jobs.values()][0]?.shards[0];
    if (shard === undefined) throw new Error('no shard');
    shard.state = 'open';
    const bytes = utf8.encode(JSON.stringify({ outputs: [{ label: 'mauve' }, { label: 'mauve' }] }));
    client.disk.blobs.set(outputsHash, bytes);
    inject(client, firstOf(client, 'shard.accepted'));
    await expect(world.run(10)).rejects.toThrow(/^(I10|I6) broke in client/);
  });

  it('see a record that its peer did not sign, and one that is older than what was known (discovery)', async () => {
    const { world, client } = await worldWithAJob();
    const [, provider] = world.nodes;
    if (provider === undefined) throw new Error('no provider');
    const { peerId } = provider;
    const record = (by: string, sequence: number) => canonicalBytes({ body: { peerId, sequence }, by, signature: '' });
    const key = nodeRecordKey(peerId);
    world.watch.believed(client.peerId, key, record(peerId, 1_900_000_000_000));
    expect(world.observers.broken).toBeNull();
    world.watch.believed(client.peerId, key, record(peerId, 1));
    expect(world.observers.broken?.message).toMatch(/^discovery broke in client .*record 1 of .* was believed after/);
    const another = await worldWithAJob();
    another.world.watch.believed(another.client.peerId, key, record(another.client.peerId, 2));
    expect(another.world.observers.broken?.message).toMatch(/^discovery broke in client .*signed by/);
  });

  it('see books that do not agree', async () => {
    const { world, client } = await worldWithAJob();
    expect(world.observers.booksDiffer()).toBeNull();
    const [book] = [...client.subject.client.payers.values()];
    book?.points.push({ seq: 1, cumulativeMicro: 1_000_000n });
    expect(world.observers.booksDiffer()?.what).toContain('1000000');
  });
});
