/** What is libp2p's alone; the rest is in network.conformance.test.ts. Real nodes over loopback. */
import { createHash, randomBytes } from 'node:crypto';
import { noise } from '@chainsafe/libp2p-noise';
import { tcp } from '@libp2p/tcp';
import { yamux } from '@libp2p/yamux';
import { multiaddr } from '@multiformats/multiaddr';
import { createLibp2p } from 'libp2p';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { Channel, Network } from '../../ports/index.ts';
import { jobProtocol, protocolLimits } from '../../protocol/index.ts';
import { TestHooks, until } from '../testing.ts';
import type { Libp2pNetworkOptions } from './options.ts';
import { loopbackNetwork } from './testing.ts';

// Real nodes on a computer that is busy with other tests.
vi.setConfig({ testTimeout: 30_000, hookTimeout: 30_000 });

const deadlineMs = 10_000;
const stops: Array<() => unknown> = [];

afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});

async function begin(options: Partial<Libp2pNetworkOptions> = {}): Promise<{ network: Network; hooks: TestHooks }> {
  const network = loopbackNetwork(options);
  stops.push(() => network.stop());
  const hooks = new TestHooks();
  await network.start(hooks);
  return { network, hooks };
}

const addressesOf = (network: Network, isWanted: (address: string) => boolean) =>
  network.status().addresses.filter(isWanted);
const isWs = (address: string) => address.includes('/ws');

/** A bare libp2p node that speaks our protocol as it likes. */
async function stranger() {
  const libp2p = await createLibp2p({
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
  });
  stops.push(() => libp2p.stop());
  return libp2p;
}

async function strangersStream(network: Network) {
  const libp2p = await stranger();
  const [address] = addressesOf(network, (text) => !isWs(text));
  if (address === undefined) throw new Error('no TCP address');
  const connection = await libp2p.dial(multiaddr(address));
  return { connection, stream: await connection.newStream(jobProtocol) };
}

const closing = (channel: Channel) => new Promise<string>((resolve) => channel.onClose(resolve));

describe('job channels over libp2p', () => {
  it('take WebSocket where the peer offers it', async () => {
    const a = await begin();
    const b = await begin();
    const channel = await b.network.open(a.network.peerId, a.network.status().addresses, deadlineMs);
    await until(() => a.hooks.channels.length === 1);
    expect([channel.transport, a.hooks.channels[0]?.transport]).toEqual(['ws', 'ws']);
  });

  it('take WebSocket even when a TCP connection is there already', async () => {
    const a = await begin();
    const b = await begin({ bootstrap: addressesOf(a.network, (address) => !isWs(address)) });
    expect(b.hooks.peers.has(a.network.peerId)).toBe(true);
    const channel = await b.network.open(a.network.peerId, a.network.status().addresses, deadlineMs);
    expect(channel.transport).toBe('ws');
    expect(b.network.status().connectedPeers).toBe(1);
  });

  it('take TCP where there is nothing else, or the WebSocket address is dead', async () => {
    const a = await begin({ listen: ['/ip4/127.0.0.1/tcp/0'] });
    const b = await begin();
    const channel = await b.network.open(a.network.peerId, a.network.status().addresses, deadlineMs);
    expect(channel.transport).toBe('tcp');
    const again = await b.network.open(a.network.peerId, ['/ip4/127.0.0.1/tcp/1/ws'], deadlineMs);
    expect(again.transport).toBe('tcp');
  });

  it('carry many megabytes unharmed, both ways at once', async () => {
    const a = await begin();
    const b = await begin();
    const near = await a.network.open(b.network.peerId, b.network.status().addresses, deadlineMs);
    await until(() => b.hooks.channels.length === 1);
    const [far] = b.hooks.channels;
    if (far === undefined) throw new Error('no channel');
    const frames = Array.from({ length: 40 }, (_, i) => randomBytes((i * 26_011) % protocolLimits.frameBytesMax));
    const digest = (list: readonly Uint8Array[]) => list.map((f) => createHash('sha256').update(f).digest('hex'));
    const send = async (channel: Channel) => {
      for (const frame of frames) await channel.send(frame);
    };
    const received: [Uint8Array[], Uint8Array[]] = [[], []];
    near.onFrame((frame) => received[0].push(frame));
    far.onFrame((frame) => received[1].push(frame));
    await Promise.all([send(near), send(far)]);
    await until(() => received.every((list) => list.length === frames.length));
    expect(received.map(digest)).toEqual([digest(frames), digest(frames)]);
  });

  it('are closed with a reason when a peer announces an oversize frame', async () => {
    const a = await begin();
    const reasons: string[] = [];
    a.hooks.whenChannel = (channel) => {
      channel.onFrame(() => {});
      channel.onClose((reason) => reasons.push(reason));
    };
    const { stream } = await strangersStream(a.network);
    const answer: number[] = [];
    stream.addEventListener('message', ({ data }) => void answer.push(...data.subarray()));
    const header = Buffer.alloc(4);
    header.writeUInt32BE(protocolLimits.frameBytesMax + 1);
    stream.send(header);
    await until(() => reasons.length === 1 && answer.length > 4);
    expect(reasons[0]).toContain('at most');
    expect(Buffer.from(answer.slice(4)).toString()).toContain('at most');
  });

  it('are closed once when the connection breaks, or the stream ends without a word', async () => {
    const a = await begin();
    const first = await strangersStream(a.network);
    await until(() => a.hooks.channels.length === 1);
    const second = await strangersStream(a.network);
    await until(() => a.hooks.channels.length === 2);
    const closed = Promise.all(a.hooks.channels.map(closing));
    first.connection.abort(new Error('cable pulled'));
    await second.stream.close();
    for (const reason of await closed) expect(reason).not.toBe('');
  });

  it('let a silent reader hold no more than a window', async () => {
    const a = await begin();
    const { stream } = await strangersStream(a.network);
    await until(() => a.hooks.channels.length === 1);
    const frame = Buffer.alloc(4 + 64 * 1024);
    frame.writeUInt32BE(64 * 1024);
    let sent = 0;
    while (stream.send(frame)) sent += frame.length;
    expect(sent).toBeLessThan(protocolLimits.frameBytesMax);
    expect(a.hooks.channels).toHaveLength(1);
  });
});

describe('joining over libp2p', () => {
  it('finds a bootstrap that comes back', async () => {
    const seed = randomBytes(32);
    const first = await begin({ seed });
    const { addresses } = first.network.status();
    await first.network.stop();
    const node = await begin({ bootstrap: addresses });
    const { unreachable } = node.network.status();
    expect(unreachable.map(({ address }) => address).toSorted()).toEqual(addresses.toSorted());
    expect(unreachable[0]?.reason).toContain('ECONNREFUSED');
    await begin({ seed, listen: addresses.map((address) => address.replace(/\/p2p\/.*$/, '')) });
    await until(() => node.hooks.peers.has(first.network.peerId));
    await until(() => node.network.status().unreachable.length === 0);
  });

  it('names a bootstrap that is no address, and goes on', async () => {
    const node = await begin({ bootstrap: ['example.com:4001'] });
    expect(node.network.status().unreachable).toEqual([{ address: 'example.com:4001', reason: 'not a multiaddr' }]);
  });

  it('announces what it is told to, and refuses to start where it cannot listen', async () => {
    const node = await begin({ announce: ['/dns4/node.example/tcp/443/tls/ws'] });
    expect(node.network.status().addresses).toEqual([`/dns4/node.example/tcp/443/tls/ws/p2p/${node.network.peerId}`]);
    const other = await begin();
    const taken = addressesOf(other.network, (address) => !isWs(address)).map((text) => text.replace(/\/p2p\/.*$/, ''));
    await expect(begin({ listen: taken })).rejects.toThrow('cannot listen');
  });
});
