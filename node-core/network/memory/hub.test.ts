import { describe, expect, it } from 'vitest';
import type { Network } from '../../ports/index.ts';
import { capabilityKey, nodeRecordKey, type PeerId } from '../../protocol/index.ts';
import { anyPeerId, JumpingClock, seededRandom, TestHooks, testRecord, until } from '../testing.ts';
import { createMemoryHub, type LinkModel, type MemoryHub } from './hub.ts';

interface Node {
  readonly network: Network;
  readonly hooks: TestHooks;
  readonly id: PeerId;
}

function setUp(link: Partial<LinkModel> = {}, seed = 7) {
  const clock = new JumpingClock();
  const random = seededRandom(seed);
  const hub = createMemoryHub({ clock, random, link });
  const begin = async (network: Network): Promise<Node> => {
    const hooks = new TestHooks();
    await network.start(hooks);
    return { network, hooks, id: network.peerId };
  };
  /** The first node is the bootstrap of the others. */
  const nodes = async (count: number): Promise<Node[]> => {
    const ids = Array.from({ length: count }, () => anyPeerId(random));
    const [first] = ids;
    const bootstrap = first === undefined ? [] : [hub.addressOf(first)];
    const all: Node[] = [];
    for (const id of ids) all.push(await begin(hub.join(id, id === first ? {} : { bootstrap })));
    await pass(clock, 1_000);
    return all;
  };
  return { clock, hub, begin, nodes };
}

const pass = (clock: JumpingClock, ms: number) => new Promise<void>((resolve) => void clock.after(ms, resolve));

function at<T>(items: readonly T[], index: number): T {
  const item = items[index];
  if (item === undefined) throw new Error(`nothing at ${index}`);
  return item;
}

const open = (hub: MemoryHub, from: Node, to: Node) => from.network.open(to.id, [hub.addressOf(to.id)], 10_000);
const topic = 'topic';

describe('channels in memory', () => {
  it('take the link’s latency and speed, and keep their order under jitter', async () => {
    const { clock, hub, nodes } = setUp({ latencyMs: () => 20, jitterMs: 50, bytesPerSecond: () => 100_000 });
    const [a, b] = await nodes(2).then((all) => [at(all, 0), at(all, 1)] as const);
    const near = await open(hub, a, b);
    const received: number[] = [];
    at(b.hooks.channels, 0).onFrame((frame) => received.push(frame.length));
    const startedAt = clock.elapsed();
    const sizes = [50_000, 1, 50_000, 2, 3];
    for (const size of sizes) void near.send(new Uint8Array(size));
    await until(() => received.length === sizes.length);
    expect(received).toEqual(sizes);
    expect(clock.elapsed() - startedAt).toBeGreaterThanOrEqual(1_020);
    expect(clock.elapsed() - startedAt).toBeLessThan(1_100);
  });

  it('go on where they stood when a partition heals in time', async () => {
    const { clock, hub, nodes } = setUp();
    const [a, b] = await nodes(2).then((all) => [at(all, 0), at(all, 1)] as const);
    const near = await open(hub, a, b);
    const received: string[] = [];
    at(b.hooks.channels, 0).onFrame((frame) => received.push(Buffer.from(frame).toString()));
    void near.send(Buffer.from('one'));
    hub.partition([[a.id]]);
    void near.send(Buffer.from('two'));
    await pass(clock, 5_000);
    expect(received).toEqual([]);
    hub.heal();
    await near.send(Buffer.from('three'));
    await until(() => received.length === 3);
    expect(received).toEqual(['one', 'two', 'three']);
    expect(a.hooks.peers.has(b.id)).toBe(true);
  });

  it.each(['stall', 'break'] as const)('break when a partition lasts (%s)', async (onPartition) => {
    const { clock, hub, nodes } = setUp({ onPartition, stallMs: 15_000 });
    const [a, b] = await nodes(2).then((all) => [at(all, 0), at(all, 1)] as const);
    const near = await open(hub, a, b);
    const closed: string[] = [];
    near.onClose((reason) => closed.push(reason));
    at(b.hooks.channels, 0).onClose((reason) => closed.push(reason));
    hub.partition([[a.id]]);
    await pass(clock, onPartition === 'stall' ? 14_000 : 1);
    expect(closed).toHaveLength(onPartition === 'stall' ? 0 : 2);
    await pass(clock, 2_000);
    expect(closed).toEqual(['connection timed out', 'connection timed out']);
    expect(a.hooks.peers.has(b.id)).toBe(false);
    await expect(a.network.open(b.id, [], 1_000)).rejects.toThrow('no answer');
    hub.heal();
    await until(() => a.hooks.peers.has(b.id) && b.hooks.peers.has(a.id));
    await open(hub, a, b);
  });

  it('break when told to, while the peers stay connected', async () => {
    const { hub, nodes } = setUp();
    const [a, b] = await nodes(2).then((all) => [at(all, 0), at(all, 1)] as const);
    const near = await open(hub, a, b);
    const closed = new Promise<string>((resolve) => near.onClose(resolve));
    hub.breakChannels(b.id, a.id);
    expect(await closed).toBe('connection reset');
    await expect(near.send(Buffer.from('x'))).rejects.toThrow('connection reset');
    expect(a.hooks.peers.has(b.id)).toBe(true);
    await open(hub, a, b);
  });
});

describe('a crash in memory', () => {
  it('is silent on its own side and told on the other, and a restart is a new process', async () => {
    const { clock, hub, begin, nodes } = setUp();
    const [a, b] = await nodes(2).then((all) => [at(all, 0), at(all, 1)] as const);
    const near = await open(hub, a, b);
    const far = at(b.hooks.channels, 0);
    const events: string[] = [];
    near.onClose((reason) => events.push(`a: ${reason}`));
    far.onFrame(() => events.push('b got a frame'));
    far.onClose((reason) => events.push(`b: ${reason}`));
    void near.send(Buffer.from('under way'));
    const waited = [
      b.network.getRecord(nodeRecordKey(a.id), 500),
      b.network.open(a.id, [], 500),
      far.send(Buffer.from('x')),
    ];
    for (const wait of waited) {
      wait.then(
        () => events.push('b went on'),
        () => events.push('b failed'),
      );
    }
    await waited[2];
    events.length = 0;
    hub.crash(b.id, 3_000);
    void far.send(Buffer.from('x')).then(() => events.push('b sent'));
    await pass(clock, 2_000);
    expect(events).toEqual([]);
    await pass(clock, 2_000);
    expect(events).toEqual(['a: connection reset: the peer’s process is gone']);
    expect(a.hooks.peers.has(b.id)).toBe(false);
    await expect(a.network.open(b.id, [], 500)).rejects.toThrow('refused');

    const again = await begin(hub.restart(b.id));
    expect(again.network.status().addresses).toEqual([hub.addressOf(b.id)]);
    await until(() => a.hooks.peers.has(b.id));
    await open(hub, a, again);
    expect(events).toHaveLength(1);
  });

  it('of a bootstrap does not cut those off that know each other', async () => {
    const { clock, hub, nodes } = setUp();
    const all = await nodes(10);
    hub.crash(at(all, 0).id);
    await pass(clock, 1_000);
    const key = nodeRecordKey(at(all, 1).id);
    await at(all, 1).network.putRecord(key, testRecord(1), 1_000);
    expect(await at(all, 9).network.getRecord(key, 1_000)).toEqual(testRecord(1));
    expect(at(all, 9).network.status().unreachable).toHaveLength(1);
    const again = hub.restart(at(all, 0).id);
    await again.start(new TestHooks());
    await until(() => at(all, 9).network.status().unreachable.length === 0);
  });

  it('leaves provider keys behind, as a real DHT does', async () => {
    const { hub, nodes } = setUp();
    const all = await nodes(5);
    const key = capabilityKey({ kind: 'tier', tier: 'cpu' });
    await at(all, 1).network.provide(key, 1_000);
    hub.crash(at(all, 1).id);
    const found: PeerId[] = [];
    for await (const { peer } of at(all, 2).network.findProviders(key, 10, 1_000)) found.push(peer);
    expect(found).toEqual([at(all, 1).id]);
  });
});

describe('gossip and DHT in memory', () => {
  it('reach only one side of a partition, and both after it', async () => {
    const { clock, hub, nodes } = setUp({ stallMs: 1_000 });
    const all = await nodes(6);
    for (const node of all) node.network.subscribe(topic);
    hub.partition([all.slice(0, 3).map(({ id }) => id)]);
    await at(all, 0).network.publish(topic, Buffer.from('here'));
    await at(all, 0).network.putRecord(nodeRecordKey(at(all, 0).id), testRecord(1), 1_000);
    expect(await at(all, 4).network.getRecord(nodeRecordKey(at(all, 0).id), 1_000)).toBeNull();
    await pass(clock, 5_000);
    expect(all.map(({ hooks }) => hooks.gossip.length)).toEqual([0, 1, 1, 0, 0, 0]);
    hub.heal();
    await until(() => all.every((node) => node.network.status().connectedPeers === 5));
    await at(all, 0).network.publish(topic, Buffer.from('everywhere'));
    await until(() => all.slice(1).every(({ hooks }) => hooks.gossip.at(-1)?.text === 'everywhere'));
    expect(await at(all, 4).network.getRecord(nodeRecordKey(at(all, 0).id), 1_000)).toEqual(testRecord(1));
  });

  it('do not spread what the neighbours reject', async () => {
    const { clock, nodes } = setUp({ nearConnections: 2, randomConnections: 0 });
    const all = await nodes(40);
    for (const node of all) node.network.subscribe(topic);
    await at(all, 7).network.publish(topic, Buffer.from('reject'));
    await pass(clock, 5_000);
    const reached = all.filter(({ hooks }) => hooks.gossip.length > 0).length;
    expect(reached).toBeGreaterThan(0);
    expect(reached).toBeLessThanOrEqual(8);
    await at(all, 7).network.publish(topic, Buffer.from('fine'));
    await until(() => all.filter(({ hooks }) => hooks.gossip.at(-1)?.text === 'fine').length === 39);
  });

  it('lose, repeat and delay gossip as the link says', async () => {
    const { clock, hub, nodes } = setUp();
    const [a, b] = await nodes(2).then((all) => [at(all, 0), at(all, 1)] as const);
    b.network.subscribe(topic);
    hub.setLink({ gossip: { loss: 0.3, duplicate: 0.3, reorder: 0.5 } });
    for (let i = 0; i < 100; i++) await a.network.publish(topic, Buffer.from(`${i}`));
    await pass(clock, 5_000);
    const texts = b.hooks.gossip.map(({ text }) => Number(text));
    expect(new Set(texts).size).toBeLessThan(90);
    expect(texts.length).toBeGreaterThan(new Set(texts).size);
    expect(texts).not.toEqual(texts.toSorted((x, y) => x - y));
  });

  it('answer with old records when the link says so', async () => {
    const { hub, nodes } = setUp();
    const all = await nodes(3);
    const key = nodeRecordKey(at(all, 0).id);
    for (const sequence of [1, 2]) await at(all, 0).network.putRecord(key, testRecord(sequence), 1_000);
    hub.setLink({ staleAnswer: 1 });
    // A newcomer has nothing of its own, and no memory of sequences.
    at(all, 2).hooks.isLax = true;
    hub.crash(at(all, 0).id);
    const fresh = hub.join(anyPeerId(seededRandom(99)), { bootstrap: [hub.addressOf(at(all, 1).id)] });
    await fresh.start(new TestHooks());
    expect(await fresh.getRecord(key, 1_000)).toEqual(testRecord(1));
  });
});

describe('a run in memory', () => {
  const story = async (seed: number): Promise<string> => {
    const { clock, hub, nodes } = setUp({ jitterMs: 30, gossip: { loss: 0.1, duplicate: 0.1, reorder: 0.1 } }, seed);
    const all = await nodes(12);
    for (const node of all) node.network.subscribe(topic);
    for (const node of all) await node.network.publish(topic, Buffer.from(node.id));
    hub.crash(at(all, 3).id);
    hub.partition([all.slice(0, 4).map(({ id }) => id)]);
    await pass(clock, 30_000);
    hub.heal();
    await pass(clock, 60_000);
    return JSON.stringify(all.map(({ hooks }) => [hooks.gossip, [...hooks.peers]]));
  };

  it('is the same for the same seed, and another for another', async () => {
    const first = await story(1);
    expect(await story(1)).toBe(first);
    expect(await story(2)).not.toBe(first);
  });
});
