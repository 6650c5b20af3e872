import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Channel, Network } from '../ports/index.ts';
import { type Cid, capabilityKey, nodeRecordKey, type PeerId, protocolLimits } from '../protocol/index.ts';
import { loopbackNetwork } from './libp2p/testing.ts';
import { createMemoryHub } from './memory/hub.ts';
import { anyPeerId, JumpingClock, seededRandom, TestHooks, testRecord, until } from './testing.ts';

// Real nodes on a computer that is busy with other tests.
vi.setConfig({ testTimeout: 30_000, hookTimeout: 30_000 });

interface Node {
  readonly network: Network;
  readonly hooks: TestHooks;
}

/** One adapter, with what differs between adapters. */
interface World {
  /** A started node. */
  node(bootstrap?: readonly string[]): Promise<Node>;
  /** Where nobody listens. */
  readonly nowhere: { peer: PeerId; address: string };
  stop(): Promise<void>;
}

const deadlineMs = 10_000;
const topic = '/infernet/test/1';
const someKey: Cid = capabilityKey({ kind: 'tier', tier: 'cpu' });

function memoryWorld(): World {
  const random = seededRandom(1);
  const hub = createMemoryHub({ clock: new JumpingClock(), random });
  const started: Network[] = [];
  const dead = anyPeerId(random);
  return {
    async node(bootstrap = []) {
      const network = hub.join(anyPeerId(random), { bootstrap });
      const hooks = new TestHooks();
      started.push(network);
      await network.start(hooks);
      return { network, hooks };
    },
    nowhere: { peer: dead, address: hub.addressOf(dead) },
    async stop() {
      await Promise.all(started.map((network) => network.stop()));
    },
  };
}

function libp2pWorld(): World {
  const started: Network[] = [];
  const create = (bootstrap: readonly string[]): Network => loopbackNetwork({ bootstrap });
  const dead = create([]).peerId;
  return {
    async node(bootstrap = []) {
      const network = create(bootstrap);
      const hooks = new TestHooks();
      started.push(network);
      await network.start(hooks);
      return { network, hooks };
    },
    // Port 1 (tcpmux) is not in use on any machine that runs this.
    nowhere: { peer: dead, address: `/ip4/127.0.0.1/tcp/1/ws/p2p/${dead}` },
    async stop() {
      await Promise.all(started.map((network) => network.stop()));
    },
  };
}

const worlds: ReadonlyArray<[string, () => World]> = [
  ['memory', memoryWorld],
  ['libp2p', libp2pWorld],
];

describe.each(worlds)('the %s network', (_name, createWorld) => {
  let world: World;
  let a: Node;
  let b: Node;
  let c: Node;

  beforeEach(async () => {
    world = createWorld();
    a = await world.node();
    b = await world.node(a.network.status().addresses);
    c = await world.node(a.network.status().addresses);
    await until(() => b.hooks.peers.has(a.network.peerId) && c.hooks.peers.has(a.network.peerId));
  });

  afterEach(() => world.stop());

  const open = async (from: Node, to: Node): Promise<{ near: Channel; far: Channel }> => {
    const before = to.hooks.channels.length;
    const near = await from.network.open(to.network.peerId, to.network.status().addresses, deadlineMs);
    await until(() => to.hooks.channels.length > before);
    const far = to.hooks.channels[before];
    if (far === undefined) throw new Error('no channel came');
    return { near, far };
  };

  it('says where it listens, with its peer id, and how many peers it has', () => {
    for (const address of b.network.status().addresses) expect(address).toContain(`/p2p/${b.network.peerId}`);
    expect(b.network.status().connectedPeers).toBeGreaterThan(0);
    expect(b.network.status().unreachable).toEqual([]);
  });

  it('carries frames in order, both ways, and says who is at the other end', async () => {
    b.hooks.whenChannel = (channel) => channel.onFrame((frame) => void channel.send(frame));
    const { near, far } = await open(a, b);
    expect([near.peer, far.peer]).toEqual([b.network.peerId, a.network.peerId]);
    expect([near.path, near.maxBytes, near.maxMs]).toEqual(['direct', null, null]);
    const echoes: string[] = [];
    near.onFrame((frame) => echoes.push(Buffer.from(frame).toString()));
    const texts = Array.from({ length: 50 }, (_, i) => `${i}`.repeat(i * 7));
    for (const text of texts) await near.send(Buffer.from(text));
    await until(() => echoes.length === texts.length);
    expect(echoes).toEqual(texts);
  });

  it('keeps frames that come before somebody listens', async () => {
    const { near, far } = await open(a, b);
    for (const text of ['one', 'two']) await near.send(Buffer.from(text));
    const { near: second, far: secondFar } = await open(a, b);
    const passed = new Promise<void>((resolve) => secondFar.onFrame(() => resolve()));
    await second.send(Buffer.from('later'));
    await passed;
    const received: string[] = [];
    far.onFrame((frame) => received.push(Buffer.from(frame).toString()));
    await until(() => received.length === 2);
    expect(received).toEqual(['one', 'two']);
  });

  it('tells both ends once why a channel closed, after the frames before it', async () => {
    const { near, far } = await open(a, b);
    const seen: string[] = [];
    near.onClose((reason) => seen.push(`near: ${reason}`));
    far.onClose((reason) => seen.push(`far: ${reason}`));
    far.onFrame((frame) => seen.push(`frame: ${Buffer.from(frame).toString()}`));
    await near.send(Buffer.from('last'));
    near.close('wrong version');
    near.close('again');
    await until(() => seen.length >= 3);
    expect(seen.toSorted()).toEqual(['far: wrong version', 'frame: last', 'near: wrong version']);
    expect(seen.indexOf('frame: last')).toBeLessThan(seen.indexOf('far: wrong version'));
    await expect(near.send(Buffer.from('x'))).rejects.toThrow('wrong version');
    await expect(far.send(Buffer.from('x'))).rejects.toThrow('wrong version');
  });

  it('refuses an oversize frame before anything of it is sent, and stays open', async () => {
    const { near, far } = await open(a, b);
    const sizes: number[] = [];
    far.onFrame((frame) => sizes.push(frame.length));
    await expect(near.send(new Uint8Array(protocolLimits.frameBytesMax + 1))).rejects.toThrow('at most');
    await near.send(new Uint8Array(protocolLimits.frameBytesMax));
    await until(() => sizes.length === 1);
    expect(sizes).toEqual([protocolLimits.frameBytesMax]);
  });

  it('makes a sender wait while nobody reads, and goes on when somebody does', async () => {
    const { near, far } = await open(a, b);
    const frame = new Uint8Array(256 * 1024);
    const framesMax = 64;
    let sent = 0;
    const sending = (async () => {
      for (; sent < framesMax; sent++) await near.send(frame);
    })();
    // Another channel to the same peer still works, so what stands still is this one.
    const other = await open(a, b);
    const passed = new Promise<void>((resolve) => other.far.onFrame(() => resolve()));
    await other.near.send(Buffer.from('x'));
    await passed;
    expect(sent).toBeLessThan(framesMax);
    let received = 0;
    far.onFrame(() => received++);
    await sending;
    await until(() => received === framesMax);
  });

  it('frees a waiting sender when the channel closes', async () => {
    const { near, far } = await open(a, b);
    const sending = (async () => {
      for (;;) await near.send(new Uint8Array(256 * 1024));
    })();
    far.close('enough');
    await expect(sending).rejects.toThrow('enough');
  });

  it('closes channels when the peer stops, and says that the peer is gone', async () => {
    const { near } = await open(a, b);
    const closed = new Promise<string>((resolve) => near.onClose(resolve));
    await b.network.stop();
    expect(await closed).not.toBe('');
    await until(() => !a.hooks.peers.has(b.network.peerId));
    await expect(near.send(Buffer.from('x'))).rejects.toThrow();
  });

  it('gives a short-circuited channel to the own peer id', async () => {
    const near = await a.network.open(a.network.peerId, [], deadlineMs);
    const far = a.hooks.channels[0];
    expect([near.path, near.transport, near.peer, far?.path]).toEqual(['self', 'self', a.network.peerId, 'self']);
    const received: string[] = [];
    far?.onFrame((frame) => received.push(Buffer.from(frame).toString()));
    const texts = ['one', 'two', 'three'];
    for (const text of texts) void near.send(Buffer.from(text));
    expect(received).toEqual([]);
    await until(() => received.length === 3);
    expect(received).toEqual(texts);
    const closed = new Promise<string>((resolve) => far?.onClose(resolve));
    near.close('done');
    expect(await closed).toBe('done');
  });

  it('closes a channel whose receiver fails: a lost frame breaks it', async () => {
    const { near, far } = await open(a, b);
    far.onFrame(() => {
      throw new Error('no idea');
    });
    const closed = new Promise<string>((resolve) => near.onClose(resolve));
    await near.send(Buffer.from('x'));
    expect(await closed).toContain('no idea');
  });

  it('gives up on a dead peer by the deadline', async () => {
    const { peer, address } = world.nowhere;
    await expect(a.network.open(peer, [address], 2_000)).rejects.toThrow();
    await expect(a.network.open(peer, [], 500)).rejects.toThrow();
  });

  it('finds a peer of the same network without being told its address', async () => {
    const channel = await b.network.open(c.network.peerId, [], deadlineMs);
    expect(channel.peer).toBe(c.network.peerId);
  });

  it('stores records, gives back the one with the highest sequence, and null for none', async () => {
    const key = nodeRecordKey(b.network.peerId);
    expect(await c.network.getRecord(key, deadlineMs)).toBeNull();
    await b.network.putRecord(key, testRecord(1), deadlineMs);
    expect(await c.network.getRecord(key, deadlineMs)).toEqual(testRecord(1));
    await b.network.putRecord(key, testRecord(2), deadlineMs);
    expect(await c.network.getRecord(key, deadlineMs)).toEqual(testRecord(2));
  });

  it('fails to store what every peer refuses: forged or old', async () => {
    const key = nodeRecordKey(b.network.peerId);
    b.hooks.isLax = true;
    await expect(b.network.putRecord(key, testRecord(9, 'forged'), deadlineMs)).rejects.toThrow();
    expect(a.hooks.refused.length + c.hooks.refused.length).toBeGreaterThan(0);
    expect(await c.network.getRecord(key, deadlineMs)).toBeNull();
    await b.network.putRecord(key, testRecord(5), deadlineMs);
    expect(await c.network.getRecord(key, deadlineMs)).toEqual(testRecord(5));
    await expect(b.network.putRecord(key, testRecord(4), deadlineMs)).rejects.toThrow();
    expect(await c.network.getRecord(key, deadlineMs)).toEqual(testRecord(5));
    expect(await a.network.getRecord(key, deadlineMs)).toEqual(testRecord(5));
  });

  it('refuses its own record when it would refuse it of others', async () => {
    const key = nodeRecordKey(b.network.peerId);
    await expect(b.network.putRecord(key, testRecord(1, 'forged'), deadlineMs)).rejects.toThrow('wrong signature');
    expect([...a.hooks.refused, ...c.hooks.refused]).toEqual([]);
  });

  it('fails to store a record when it knows no peer', async () => {
    const alone = await world.node();
    await expect(alone.network.putRecord(nodeRecordKey(alone.network.peerId), testRecord(1), 1_000)).rejects.toThrow();
    expect(await alone.network.getRecord(nodeRecordKey(a.network.peerId), 1_000)).toBeNull();
  });

  const providersOf = async (from: Node, limit: number): Promise<PeerId[]> => {
    const peers: PeerId[] = [];
    for await (const found of from.network.findProviders(someKey, limit, deadlineMs)) peers.push(found.peer);
    return peers.toSorted();
  };

  it('finds providers, each once, without itself, up to the limit', async () => {
    expect(await providersOf(c, 10)).toEqual([]);
    await a.network.provide(someKey, deadlineMs);
    await b.network.provide(someKey, deadlineMs);
    await c.network.provide(someKey, deadlineMs);
    // Announcements are not acknowledged: the last of them may still be under way.
    const both = [a.network.peerId, b.network.peerId].toSorted();
    let found = await providersOf(c, 10);
    while (found.length < both.length) found = await providersOf(c, 10);
    expect(found).toEqual(both);
    expect(await providersOf(c, 1)).toHaveLength(1);
    for await (const found of c.network.findProviders(someKey, 10, deadlineMs)) {
      expect(found.addresses.length).toBeGreaterThan(0);
      break;
    }
  });

  it('tells of keys that it provided while alone, as soon as it knows somebody', async () => {
    const alone = await world.node();
    await alone.network.provide(someKey, 1_000);
    await alone.network.open(c.network.peerId, c.network.status().addresses, deadlineMs);
    const found: PeerId[] = [];
    while (found.length === 0) found.push(...(await providersOf(b, 10)));
    expect(found).toEqual([alone.network.peerId]);
  });

  it('spreads accepted gossip to subscribers, with its author, and not back', async () => {
    for (const node of [a, b, c]) node.network.subscribe(topic);
    // Who subscribed becomes known in time: repeat, as heartbeats do.
    for (let i = 0; a.hooks.gossip.length === 0 || c.hooks.gossip.length === 0; i++) {
      await b.network.publish(topic, Buffer.from(`hello ${i}`));
      const seen = a.hooks.gossip.length + c.hooks.gossip.length;
      const turn = new Promise<void>((resolve) => setTimeout(resolve, 20));
      await Promise.race([turn, until(() => a.hooks.gossip.length + c.hooks.gossip.length > seen)]);
    }
    expect(a.hooks.gossip[0]).toMatchObject({ topic, from: b.network.peerId });
    expect(b.hooks.gossip).toEqual([]);
    const before = c.hooks.gossip.length;
    c.network.unsubscribe(topic);
    await b.network.publish(topic, Buffer.from('accept this'));
    await until(() => a.hooks.gossip.some(({ text }) => text === 'accept this'));
    expect(c.hooks.gossip.slice(before).filter(({ text }) => text === 'accept this')).toEqual([]);
  });

  it('refuses an oversize gossip message', async () => {
    const message = new Uint8Array(protocolLimits.gossipBytesMax + 1);
    await expect(a.network.publish(topic, message)).rejects.toThrow('at most');
  });

  it('publishes to nobody without failing', async () => {
    const alone = await world.node();
    await alone.network.publish(topic, Buffer.from('anybody?'));
  });

  it('starts without its bootstrap, says why, and finds its way once somebody is there', async () => {
    const { address } = world.nowhere;
    const node = await world.node([address]);
    await until(() => node.network.status().unreachable.length === 1);
    expect(node.network.status().unreachable[0]?.address).toBe(address);
    expect(node.network.status().unreachable[0]?.reason).not.toBe('');
    expect(node.network.status().connectedPeers).toBe(0);
    await node.network.open(b.network.peerId, b.network.status().addresses, deadlineMs);
    expect(node.network.status().connectedPeers).toBeGreaterThan(0);
  });
});
