import { setImmediate as soon } from 'node:timers';
import { describe, expect, it } from 'vitest';
import { createMemoryHub } from '../network/memory/hub.ts';
import type { Channel, Network } from '../ports/index.ts';
import { type AnyMessage, idOf, type PeerId, protocolLimits, utf8 } from '../protocol/index.ts';
import { Chance } from '../simulation/chance.ts';
import { NodeClock, VirtualTime } from '../simulation/clock.ts';
import { KeyRing } from '../simulation/keys.ts';
import { MessageRefused, PeerUnreachable } from './errors.ts';
import { type MessagingLimits, Messenger } from './messenger.ts';

const limits = {
  requestMs: 1_000,
  connectMs: 500,
  channelsMax: 8,
  messagesPerSecondMax: 100,
  sendQueueBytesMax: 3 * 1024 * 1024,
};

/** Peers on one network in memory, and their virtual time. */
class Wire {
  readonly time = new VirtualTime();
  readonly clock = new NodeClock(this.time);
  readonly #chance = new Chance(7);
  readonly #keys = new KeyRing();
  readonly hub = createMemoryHub({ clock: this.clock, random: this.#chance.fork() });
  readonly #first: PeerId[] = [];

  /** A peer with a messenger. */
  async peer(change: Partial<MessagingLimits> = {}) {
    const { network, peerId } = this.#join();
    const inForce = { ...limits, ...change };
    const messenger = new Messenger({
      network,
      clock: this.clock,
      log: { debug() {}, info() {}, warn() {}, error() {} },
      addressesOf: () => [],
      limits: inForce,
    });
    const up: PeerId[] = [];
    const down: string[] = [];
    messenger.onUp((peer) => up.push(peer));
    messenger.onDown((_, reason) => down.push(reason));
    await this.#start(network, (channel) => messenger.accept(channel));
    return { messenger, peerId, up, down, network, limits: inForce };
  }

  /** A peer that speaks bytes. */
  async raw() {
    const { network, peerId } = this.#join();
    const channels: Channel[] = [];
    await this.#start(network, (channel) => channels.push(channel));
    return { network, peerId, channels, open: (peer: PeerId) => this.done(network.open(peer, [], 500)).then(listenTo) };
  }

  #join() {
    const { peerId } = this.#keys.make(this.#chance);
    const network = this.hub.join(peerId, { bootstrap: this.#first.map((first) => this.hub.addressOf(first)) });
    if (this.#first.length === 0) this.#first.push(peerId);
    return { network, peerId };
  }

  async #start(network: Network, onChannel: (channel: Channel) => void): Promise<void> {
    await this.done(
      network.start({
        onChannel,
        validateRecord() {},
        selectRecord: () => 0,
        onGossip: () => 'accept',
        onPeer() {},
      }),
    );
    await this.pass(100);
  }

  async pass(ms: number): Promise<void> {
    const until = this.time.elapsed + ms;
    do await new Promise((resolve) => soon(resolve));
    while (this.time.step(until));
    this.time.skipTo(until);
  }

  /** Lets time pass until it is settled. */
  async done<T>(promise: Promise<T>): Promise<T> {
    let settled = false;
    promise.then(
      () => {
        settled = true;
      },
      () => {
        settled = true;
      },
    );
    for (let i = 0; i < 10_000 && !settled; i++) {
      await new Promise((resolve) => soon(resolve));
      if (!settled) this.time.step(this.time.elapsed + 60_000);
    }
    return promise;
  }
}

interface Said {
  type: string;
  id: string;
  re?: string;
  body: { code?: string; message?: string };
}

function listenTo(channel: Channel) {
  const frames: Uint8Array[] = [];
  const closed: string[] = [];
  channel.onFrame((frame) => frames.push(frame));
  channel.onClose((reason) => closed.push(reason));
  const said = (): Said[] => frames.flatMap((frame) => JSON.parse(utf8.decode(frame)));
  const send = (value: unknown) => channel.send(utf8.encode(JSON.stringify(value)));
  return { channel, frames, closed, said, send };
}

const replicaId = `${idOf(new Uint8Array(16))}.0.1.11111111`;
const renew: AnyMessage = { type: 'lease.renew', body: { replicaIds: [replicaId] } };
const renewal = (id: string, more: Record<string, unknown> = {}) => ({
  v: 1,
  type: 'lease.renew',
  id,
  at: 0,
  body: renew.body,
  ...more,
});
const acked = (state: 'running' | 'unknown' = 'running'): AnyMessage => ({
  type: 'lease.ack',
  body: { replicas: [{ replicaId, state, itemsDone: 1 }] },
});

async function two(change: Partial<MessagingLimits> = {}) {
  const wire = new Wire();
  const a = await wire.peer(change);
  const b = await wire.peer(change);
  return { wire, a, b };
}

describe('a request', () => {
  it('is answered, over one channel for both directions', async () => {
    const { wire, a, b } = await two();
    const from: PeerId[] = [];
    for (const { messenger } of [a, b]) {
      messenger.handle('lease.renew', async (peer, { replicaIds }) => {
        from.push(peer);
        expect(replicaIds).toEqual([replicaId]);
        return acked();
      });
    }
    const answer = await wire.done(a.messenger.request(b.peerId, renew, ['lease.ack']));
    expect(answer).toEqual(acked());
    await wire.done(b.messenger.request(a.peerId, renew, ['lease.ack']));
    expect(from).toEqual([a.peerId, b.peerId]);
    expect([a.up, b.up]).toEqual([[b.peerId], [a.peerId]]);
    expect(a.messenger.channelOf(b.peerId)).toEqual({ transport: 'memory', path: 'direct' });
  });

  it('fails at its deadline', async () => {
    const { wire, a, b } = await two();
    b.messenger.handle('lease.renew', () => new Promise(() => {}));
    const asked = a.messenger.request(b.peerId, renew, ['lease.ack'], 300);
    await expect(wire.done(asked)).rejects.toThrow(/no answer to lease.renew within 300 ms/);
    expect(wire.time.elapsed).toBeLessThan(800);
  });

  it('fails when nobody can be reached', async () => {
    const { wire, a, b } = await two();
    wire.hub.crash(b.peerId);
    await expect(wire.done(a.messenger.request(b.peerId, renew, ['lease.ack']))).rejects.toThrow(PeerUnreachable);
    await expect(wire.done(a.messenger.send(b.peerId, renew))).rejects.toThrow(PeerUnreachable);
  });

  it('fails at once when its channel is lost', async () => {
    const { wire, a, b } = await two();
    b.messenger.handle('lease.renew', () => new Promise(() => {}));
    const asked = a.messenger.request(b.peerId, renew, ['lease.ack']);
    asked.catch(() => undefined);
    await wire.pass(50);
    wire.hub.breakChannels(a.peerId, b.peerId);
    await wire.pass(10);
    await expect(asked).rejects.toThrow(/the channel closed: connection reset/);
    expect([a.down.length, b.down.length, a.messenger.channelOf(b.peerId)]).toEqual([1, 1, null]);
  });

  it('tells refusals, schema errors, handlers that throw and answers of another type apart', async () => {
    const { wire, a, b } = await two();
    b.messenger.handle('lease.renew', async () => {
      throw new MessageRefused('unknown-replica', 'not yours');
    });
    b.messenger.handle('shard.cancel', async () => {
      throw new Error('a secret');
    });
    b.messenger.handle('shard.reveal.request', async () => acked());
    const refusal = (message: AnyMessage) =>
      wire.done(a.messenger.request(b.peerId, message, ['shard.cancelled'])).catch((error: unknown) => error);
    expect(await refusal(renew)).toMatchObject({ code: 'unknown-replica', message: 'not yours' });
    const cancel: AnyMessage = { type: 'shard.cancel', body: { replicaId, reason: '' } };
    expect(await refusal(cancel)).toMatchObject({ code: 'internal', message: 'shard.cancel could not be handled' });
    const malformed: AnyMessage = { type: 'shard.cancel', body: { replicaId: 'x', reason: '' } };
    expect(await refusal(malformed)).toMatchObject({ code: 'bad-message' });
    expect(await refusal({ type: 'shard.reveal.request', body: { replicaId } })).toBeInstanceOf(PeerUnreachable);
    expect(await refusal({ type: 'shard.verdict.ack', body: { replicaId } })).toMatchObject({ code: 'unsupported' });
  });

  it('to the own peer takes the same way and leaves no channel to the outside', async () => {
    const { wire, a } = await two();
    a.messenger.handle('lease.renew', async (from) => acked(from === a.peerId ? 'running' : 'unknown'));
    expect(await wire.done(a.messenger.request(a.peerId, renew, ['lease.ack']))).toEqual(acked());
    expect(a.messenger.channelOf(a.peerId)).toEqual({ transport: 'self', path: 'self' });
  });

  it('whose answer breaks its schema, fails', async () => {
    const wire = new Wire();
    const a = await wire.peer();
    const raw = await wire.raw();
    const asked = a.messenger.request(raw.peerId, renew, ['lease.ack']);
    asked.catch(() => undefined);
    await wire.pass(50);
    const channel = raw.channels[0];
    if (channel === undefined) throw new Error('no channel');
    const { said, send } = listenTo(channel);
    await wire.pass(50);
    await send([{ v: 1, type: 'lease.ack', id: 'x', re: said()[0]?.id, at: 0, body: { replicas: 7 } }]);
    await wire.pass(50);
    await expect(asked).rejects.toThrow(/malformed lease.ack/);
  });
});

describe('frames', () => {
  it('carry the messages of one moment together', async () => {
    const wire = new Wire();
    const a = await wire.peer();
    const raw = await wire.raw();
    await wire.done(a.messenger.send(raw.peerId, renew));
    await wire.pass(50);
    const [channel] = raw.channels;
    if (channel === undefined) throw new Error('no channel');
    const { frames, said } = listenTo(channel);
    await wire.pass(50);
    for (let i = 0; i < 1500; i++) void a.messenger.send(raw.peerId, renew);
    await wire.pass(50);
    expect(said()).toHaveLength(1501);
    expect(frames.slice(1).map((frame) => JSON.parse(utf8.decode(frame)).length)).toEqual([1000, 500]);
  });

  it('stay within the limit, to the byte', async () => {
    const wire = new Wire();
    const a = await wire.peer();
    const raw = await wire.raw();
    const { frames } = await raw.open(a.peerId);
    await wire.pass(10);
    const of = (bytes: number): AnyMessage => ({
      type: 'error',
      body: { code: 'internal', message: 'x'.repeat(bytes) },
    });
    const overhead = JSON.stringify({ v: 1, type: 'error', id: '1', at: wire.clock.now(), body: of(0).body }).length;
    const most = protocolLimits.frameBytesMax - 2 - overhead;
    await expect(a.messenger.send(raw.peerId, of(most + 1))).rejects.toThrow(/over the frame limit/);
    for (const bytes of [most, most - 1, 10]) await a.messenger.send(raw.peerId, of(bytes));
    await wire.pass(1000);
    expect(frames.map((frame) => frame.length)).toEqual([
      protocolLimits.frameBytesMax,
      protocolLimits.frameBytesMax - 1,
      2 + overhead + 10,
    ]);
  });

  it.each([
    ['no JSON', 'bad-message', utf8.encode('hello')],
    ['no array', 'bad-message', utf8.encode('{}')],
    ['no UTF-8', 'bad-message', Uint8Array.from([0xff, 0xfe])],
    [
      'an envelope without an id',
      'bad-message',
      utf8.encode(JSON.stringify([{ v: 1, type: 'error', at: 0, body: {} }])),
    ],
    ['too many messages', 'bad-message', utf8.encode(JSON.stringify(Array.from({ length: 1001 }, () => renewal('1'))))],
    ['another major version', 'version', utf8.encode(JSON.stringify([renewal('1', { v: 2 })]))],
  ])('with %s close the channel, with a reason', async (_, code, frame) => {
    const wire = new Wire();
    const a = await wire.peer();
    const raw = await wire.raw();
    const end = await raw.open(a.peerId);
    await end.channel.send(frame);
    await wire.pass(100);
    expect(end.said()).toMatchObject([{ type: 'error', body: { code } }]);
    expect(end.closed).toHaveLength(1);
    expect(end.closed[0]).toBe(end.said()[0]?.body.message);
    if (code === 'version') expect(end.closed[0]).toBe('this node speaks version 1 of the job protocol, not 2');
  });

  it('may hold what this version does not know: types are answered, fields ignored, late answers dropped', async () => {
    const wire = new Wire();
    const a = await wire.peer();
    a.messenger.handle('lease.renew', async () => acked());
    const raw = await wire.raw();
    const end = await raw.open(a.peerId);
    await end.send([
      renewal('1', { type: 'dream.share' }),
      renewal('2', { hint: 1, body: { ...renew.body, urgency: 9 } }),
      renewal('3', { type: 'lease.ack', re: 'long ago', body: {} }),
      renewal('4', { type: 'error', body: { code: 'dream' } }),
    ]);
    await wire.pass(100);
    expect(end.said()).toMatchObject([
      { type: 'error', re: '1', body: { code: 'unsupported' } },
      { type: 'lease.ack', re: '2' },
    ]);
    expect(end.closed).toEqual([]);
  });

  it('that come too fast close the channel, empty ones too', async () => {
    for (const frame of [[renewal('1')], []]) {
      const wire = new Wire();
      const a = await wire.peer();
      a.messenger.handle('lease.renew', async () => null);
      const raw = await wire.raw();
      const end = await raw.open(a.peerId);
      for (let i = 0; i < 100; i++) await end.send(frame);
      await wire.pass(2000);
      expect(end.closed).toEqual([]);
      for (let i = 0; i < 101; i++) void end.send(frame).catch(() => undefined);
      await wire.pass(100);
      expect(end.said().at(-1)).toMatchObject({ type: 'error', body: { code: 'rate-limit' } });
      expect(end.closed).toHaveLength(1);
    }
  });

  it('that come too fast for a limit that was set since close the channel', async () => {
    const wire = new Wire();
    const a = await wire.peer();
    a.messenger.handle('lease.renew', async () => null);
    const raw = await wire.raw();
    const end = await raw.open(a.peerId);
    a.limits.messagesPerSecondMax = 5;
    for (let i = 0; i < 5; i++) await end.send([renewal(String(i))]);
    await wire.pass(100);
    expect(end.closed).toEqual([]);
    for (let i = 0; i < 5; i++) void end.send([renewal(String(i))]).catch(() => undefined);
    await wire.pass(100);
    expect(end.said().at(-1)).toMatchObject({ body: { message: 'more than 5 messages a second' } });
    expect(end.closed).toHaveLength(1);
  });
});

describe('channels', () => {
  it('that two peers open at the same time serve both', async () => {
    const { wire, a, b } = await two();
    for (const { messenger } of [a, b]) messenger.handle('lease.renew', async () => acked());
    const asked = [a, b].flatMap((one) => {
      const other = one === a ? b : a;
      return [1, 2, 3].map(() => one.messenger.request(other.peerId, renew, ['lease.ack']));
    });
    expect(await wire.done(Promise.all(asked))).toHaveLength(6);
    await wire.pass(2000);
    expect([a.down, b.down]).toEqual([[], []]);
    expect(await wire.done(a.messenger.request(b.peerId, renew, ['lease.ack']))).toEqual(acked());
  });

  it('of a peer that was restarted replace those that still look alive', async () => {
    const wire = new Wire();
    const a = await wire.peer();
    const b = await wire.raw();
    const first = await b.open(a.peerId);
    await wire.pass(10);
    const asked = a.messenger.request(b.peerId, renew, ['lease.ack'], 5000);
    const second = await b.open(a.peerId);
    await wire.pass(10);
    const again = a.messenger.request(b.peerId, renew, ['lease.ack'], 5000);
    again.catch(() => undefined);
    await wire.pass(10);
    expect([first.said().length, second.said().length]).toEqual([1, 1]);
    expect(a.up).toEqual([b.peerId, b.peerId]);
    first.channel.close('gone');
    await expect(wire.done(asked)).rejects.toThrow('gone');
    expect([a.down, second.closed]).toEqual([[], []]);
    // A third one is no simultaneous opening any more.
    await b.open(a.peerId);
    await b.open(a.peerId);
    await wire.pass(10);
    expect(second.closed).toEqual(['replaced by a newer channel']);
  });

  it('of a peer that does not read are closed once too much waits', async () => {
    const wire = new Wire();
    const a = await wire.peer();
    const raw = await wire.raw();
    const payload = { type: 'error', body: { code: 'internal', message: 'x'.repeat(500_000) } } as const;
    await wire.done(a.messenger.send(raw.peerId, payload));
    let sent = 0;
    while (a.down.length === 0 && sent++ < 20) {
      await a.messenger.send(raw.peerId, payload).catch(() => undefined);
      await wire.pass(1);
    }
    expect(sent).toBeLessThan(12);
    expect(a.down[0]).toMatch(/reads too slowly/);
    const asked = a.messenger.request(raw.peerId, renew, ['lease.ack'], 200);
    await expect(wire.done(asked)).rejects.toThrow(PeerUnreachable);
  });

  it('of a peer that does not read are closed at once where less may wait since', async () => {
    const wire = new Wire();
    const a = await wire.peer();
    const raw = await wire.raw();
    const payload = { type: 'error', body: { code: 'internal', message: 'x'.repeat(500) } } as const;
    await wire.done(a.messenger.send(raw.peerId, payload));
    expect(a.down).toEqual([]);
    a.limits.sendQueueBytesMax = 100;
    await a.messenger.send(raw.peerId, payload).catch(() => undefined);
    await wire.pass(1);
    expect(a.down).toEqual(['more than 100 bytes wait to be sent: the peer reads too slowly']);
  });

  it('are at most so many: idle ones make room, busy ones do not', async () => {
    const wire = new Wire();
    const a = await wire.peer({ channelsMax: 2 });
    const peers = [];
    for (let i = 0; i < 4; i++) peers.push(await wire.raw());
    const ends = [];
    for (const peer of peers.slice(0, 3)) {
      ends.push(await peer.open(a.peerId));
      await wire.pass(10);
    }
    expect(ends.map(({ closed }) => closed.length)).toEqual([1, 0, 0]);
    for (const peer of peers.slice(1, 3)) a.messenger.request(peer.peerId, renew, ['lease.ack']).catch(() => undefined);
    await wire.pass(10);
    const last = await peers[3]?.open(a.peerId);
    await wire.pass(10);
    expect(last?.closed).toEqual(['too many channels']);
    const asked = a.messenger.request(peers[0]?.peerId ?? '', renew, ['lease.ack']);
    await expect(wire.done(asked)).rejects.toThrow(/messaging.channelsMax/);
  });

  it('are closed and refused after stop', async () => {
    const { wire, a, b } = await two();
    b.messenger.handle('lease.renew', () => new Promise(() => {}));
    const asked = a.messenger.request(b.peerId, renew, ['lease.ack']);
    asked.catch(() => undefined);
    await wire.pass(50);
    a.messenger.stop('done');
    await expect(asked).rejects.toThrow(PeerUnreachable);
    await expect(a.messenger.request(b.peerId, renew, ['lease.ack'])).rejects.toThrow(/stopping/);
    await wire.pass(50);
    expect(b.down).toEqual(['done']);
  });
});

it('has one handler per type', async () => {
  const { a } = await two();
  a.messenger.handle('lease.renew', async () => null);
  expect(() => a.messenger.handle('lease.renew', async () => null)).toThrow('two handlers');
});
