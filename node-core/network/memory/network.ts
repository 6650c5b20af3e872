/** The Network port of one member. */
import type { Channel, FoundPeer, Network, NetworkHooks, NetworkStatus } from '../../ports/index.ts';
import type { Cid, PeerId } from '../../protocol/index.ts';
import type { ChannelEnd } from '../channel-end.ts';
import { assertGossipSize } from '../gossip-size.ts';
import { loopbackPair } from '../loopback.ts';
import { MemoryChannel } from './channel.ts';
import { dial, disconnect, joinByBootstrap } from './connections.ts';
import * as dht from './dht.ts';
import * as gossip from './gossip.ts';
import { type Member, peerOfAddress } from './member.ts';
import type { World } from './world.ts';

export class MemoryNetwork implements Network {
  readonly peerId: PeerId;
  readonly #world: World;
  readonly #member: Member;
  readonly #loopbacks = new Set<ChannelEnd>();

  constructor(world: World, member: Member) {
    this.peerId = member.peerId;
    this.#world = world;
    this.#member = member;
  }

  async start(hooks: NetworkHooks): Promise<void> {
    const member = this.#member;
    if (member.state === 'crashed') return never();
    if (member.state !== 'idle') throw new Error('this network was started before');
    member.state = 'up';
    // Keys that were provided while alone are told as soon as there is somebody to tell.
    member.hooks = {
      ...bound(hooks),
      onPeer: (peer, connected) => {
        if (connected && member.connections.size === 1) dht.announceAll(this.#world, member);
        hooks.onPeer(peer, connected);
      },
    };
    this.#world.changed();
    await joinByBootstrap(this.#world, member);
  }

  async stop(): Promise<void> {
    const member = this.#member;
    if (member.state === 'crashed') return never();
    if (member.state !== 'up') {
      if (member.state === 'idle') member.state = 'stopped';
      return;
    }
    for (const channel of [...member.channels]) {
      channel.ends[channel.members[0] === member ? 0 : 1].close('the node stopped');
    }
    for (const near of [...this.#loopbacks]) near.close('the node stopped');
    member.state = 'stopped';
    member.endTimers();
    for (const end of [...member.waits]) end();
    for (const topic of [...member.topics]) gossip.unsubscribe(this.#world, member, topic);
    this.#world.changed();
    for (const other of [...member.connections]) {
      this.#world.clock.after(this.#world.delay(member, other), () =>
        disconnect(this.#world, other, member, 'the peer stopped'),
      );
    }
  }

  status(): NetworkStatus {
    const { address, connections, unreachable } = this.#member;
    return {
      addresses: [address],
      connectedPeers: connections.size,
      unreachable: [...unreachable].map(([address, reason]) => ({ address, reason })),
    };
  }

  async open(peer: PeerId, addresses: readonly string[], deadlineMs: number): Promise<Channel> {
    const member = this.#up();
    if (member === null) return never();
    if (peer === this.peerId) {
      const [near, far] = loopbackPair(peer, () => member.isUp);
      this.#loopbacks.add(near);
      near.atEnd(() => this.#loopbacks.delete(near));
      member.hooks?.onChannel(far);
      return near;
    }
    for (const address of addresses) {
      const at = peerOfAddress(address);
      if (at !== null) member.known.add(at);
    }
    const startedAt = this.#world.clock.elapsed();
    const target = this.#world.members.get(peer);
    // The DHT of the network that this node is in knows the addresses of its members.
    if (!member.known.has(peer) && !(target !== undefined && this.#world.joined(member, target))) {
      throw new Error(`no address of ${peer} is known`);
    }
    const connected = [...member.connections].find((other) => other.peerId === peer);
    const reached =
      connected?.isUp && this.#world.passes(member, connected)
        ? connected
        : await dial(this.#world, member, peer, deadlineMs);
    const leftMs = Math.max(0, deadlineMs - (this.#world.clock.elapsed() - startedAt));
    return this.#world.wait<Channel>(
      member,
      leftMs,
      (resolve) => {
        this.#world.after(member, this.#world.delay(member, reached), () => {
          if (!reached.isUp || !this.#world.passes(member, reached)) return;
          const channel = new MemoryChannel(this.#world, member, reached);
          reached.hooks?.onChannel(channel.ends[1]);
          resolve(channel.ends[0]);
        });
      },
      (_resolve, reject) => reject(new Error(`no channel to ${peer} within ${deadlineMs} ms`)),
    );
  }

  async putRecord(key: string, value: Uint8Array, deadlineMs: number): Promise<void> {
    const member = this.#up();
    return member === null ? never() : dht.putRecord(this.#world, member, key, value, deadlineMs);
  }

  async getRecord(key: string, deadlineMs: number): Promise<Uint8Array | null> {
    const member = this.#up();
    return member === null ? never() : dht.getRecord(this.#world, member, key, deadlineMs);
  }

  async provide(key: Cid, deadlineMs: number): Promise<void> {
    const member = this.#up();
    return member === null ? never() : dht.provide(this.#world, member, key, deadlineMs);
  }

  async unprovide(key: Cid): Promise<void> {
    const member = this.#up();
    if (member === null) return never();
    dht.unprovide(member, key);
  }

  async *findProviders(key: Cid, limit: number, deadlineMs: number): AsyncGenerator<FoundPeer> {
    const member = this.#up();
    if (member === null) return never();
    yield* dht.findProviders(this.#world, member, key, limit, deadlineMs);
  }

  subscribe(topic: string): void {
    const member = this.#up();
    if (member !== null) gossip.subscribe(this.#world, member, topic);
  }

  unsubscribe(topic: string): void {
    gossip.unsubscribe(this.#world, this.#member, topic);
  }

  async publish(topic: string, message: Uint8Array): Promise<void> {
    const member = this.#up();
    if (member === null) return never();
    assertGossipSize(message);
    gossip.publish(this.#world, member, topic, message);
  }

  /** The member, or null when its process crashed. @throws Error when it is not running. */
  #up(): Member | null {
    const { state } = this.#member;
    if (state === 'crashed') return null;
    if (state !== 'up') throw new Error('the network is not running');
    return this.#member;
  }
}

/** What a crashed process waits for never comes: its code must not run on. */
function never(): Promise<never> {
  return new Promise(() => {});
}

function bound(hooks: NetworkHooks): NetworkHooks {
  return {
    onChannel: (channel) => hooks.onChannel(channel),
    validateRecord: (key, value) => hooks.validateRecord(key, value),
    selectRecord: (key, values) => hooks.selectRecord(key, values),
    onGossip: (topic, message, from) => hooks.onGossip(topic, message, from),
    onPeer: (peer, connected) => hooks.onPeer(peer, connected),
  };
}
