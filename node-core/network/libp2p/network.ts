/**
 * The Network port by libp2p: WebSocket and TCP, noise, yamux, identify, ping, kad-dht, gossipsub, and mDNS where asked.
 *
 * ```ts
 * const network = createLibp2pNetwork({
 *   seed, listen: ['/ip4/0.0.0.0/tcp/4001/ws', '/ip4/0.0.0.0/tcp/4002'], bootstrap: [invite], jobProtocol, log,
 * });
 * await network.start(hooks);
 * ```
 */
import { privateKeyFromRaw } from '@libp2p/crypto/keys';
import type { Libp2p, PrivateKey } from '@libp2p/interface';
import { privateKeyOf, publicBytesOf } from '../../identity/ed25519.ts';
import type { Channel, FoundPeer, Network, NetworkHooks, NetworkStatus } from '../../ports/index.ts';
import { type Cid, type PeerId, peerIdOf } from '../../protocol/index.ts';
import type { ChannelEnd } from '../channel-end.ts';
import { loopbackPair } from '../loopback.ts';
import { describeError } from './addresses.ts';
import { within } from './bounded.ts';
import { farther } from './called-from.ts';
import { channelOver } from './channel.ts';
import { Dht } from './dht.ts';
import { type OpenedChannel, openChannel } from './dialer.ts';
import { Gossip, Standings } from './gossip.ts';
import { Joining } from './joining.ts';
import { createNode, type Services } from './node.ts';
import type { Libp2pNetworkOptions } from './options.ts';

export type { Libp2pNetworkOptions } from './options.ts';

/** Job channels that one connection may open to us. A pair of nodes needs one, and one more while it is replaced. */
const channelsPerConnectionMax = 16;
/** How long closing channels may take to say goodbye before the connections are closed. */
const goodbyeMsMax = 500;
const stopMsMax = 10_000;

/** @throws TypeError when the seed has not 32 bytes. */
export function createLibp2pNetwork(options: Libp2pNetworkOptions): Network {
  return new Libp2pNetwork(options);
}

interface Running {
  readonly libp2p: Libp2p<Services>;
  readonly hooks: NetworkHooks;
  readonly dht: Dht;
  readonly gossip: Gossip;
  readonly joining: Joining;
}

class Libp2pNetwork implements Network {
  readonly peerId: PeerId;
  readonly #options: Libp2pNetworkOptions;
  readonly #privateKey: PrivateKey;
  readonly #channels = new Set<OpenedChannel>();
  readonly #loopbacks = new Set<ChannelEnd>();
  #running: Running | null = null;
  #wasStarted = false;

  #calledFrom: NonNullable<NetworkStatus['calledFrom']> | null = null;

  constructor(options: Libp2pNetworkOptions) {
    const publicKey = publicBytesOf(privateKeyOf(options.seed));
    this.#options = options;
    this.#privateKey = privateKeyFromRaw(Buffer.concat([options.seed, publicKey]));
    this.peerId = peerIdOf(publicKey);
  }

  async start(hooks: NetworkHooks): Promise<void> {
    if (this.#wasStarted) throw new Error('this network was started before');
    this.#wasStarted = true;
    const { log, bootstrap, maxConnections, jobProtocol } = this.#options;
    const standings = new Standings();
    const libp2p = await createNode(this.#privateKey, this.#options, hooks, standings);
    const dht = new Dht(libp2p, libp2p.services.dht, hooks, log);
    const gossip = new Gossip(libp2p.services.gossip, hooks, standings);
    const joining = new Joining(libp2p, bootstrap, maxConnections, log);

    libp2p.addEventListener('connection:open', ({ detail: { direction, remoteAddr } }) => {
      if (direction === 'inbound') this.#calledFrom = farther(this.#calledFrom, remoteAddr.toString());
    });
    libp2p.addEventListener('peer:connect', ({ detail }) => hooks.onPeer(detail.toString(), true));
    libp2p.addEventListener('peer:disconnect', ({ detail }) => hooks.onPeer(detail.toString(), false));
    await libp2p.handle(
      jobProtocol,
      (stream, connection) => hooks.onChannel(this.#keep(channelOver(stream, connection))),
      { maxInboundStreams: channelsPerConnectionMax, runOnLimitedConnection: true },
    );
    try {
      await libp2p.start();
    } catch (error) {
      await libp2p.stop();
      throw new Error(`cannot listen: ${describeError(error)}`, { cause: error });
    }
    this.#running = { libp2p, hooks, dht, gossip, joining };
    dht.start();
    await joining.start();
  }

  async stop(): Promise<void> {
    const running = this.#running;
    this.#running = null;
    if (running === null) return;
    running.joining.stop();
    running.dht.stop();
    for (const near of [...this.#loopbacks]) near.close('the node stopped');
    const channels = [...this.#channels];
    for (const { end } of channels) end.close('the node stopped');
    const goodbyes = Promise.all(channels.map(({ gone }) => gone));
    await within(goodbyes, AbortSignal.timeout(goodbyeMsMax)).catch(() => {});
    try {
      await within(Promise.resolve(running.libp2p.stop()), AbortSignal.timeout(stopMsMax));
    } catch (error) {
      this.#options.log.warn({ reason: describeError(error) }, 'the network did not stop cleanly');
    }
  }

  status(): NetworkStatus {
    const running = this.#running;
    return {
      addresses: running?.libp2p.getMultiaddrs().map((address) => address.toString()) ?? [],
      connectedPeers: running?.libp2p.getPeers().length ?? 0,
      unreachable: running?.joining.unreachable ?? [],
      calledFrom: this.#calledFrom,
    };
  }

  async open(peer: PeerId, addresses: readonly string[], deadlineMs: number): Promise<Channel> {
    const { libp2p, hooks } = this.#up();
    if (peer === this.peerId) {
      const [near, far] = loopbackPair(peer);
      this.#loopbacks.add(near);
      near.atEnd(() => this.#loopbacks.delete(near));
      hooks.onChannel(far);
      return near;
    }
    return this.#keep(await openChannel(libp2p, peer, addresses, this.#options.jobProtocol, deadlineMs));
  }

  async putRecord(key: string, value: Uint8Array, deadlineMs: number): Promise<void> {
    await this.#up().dht.put(key, value, deadlineMs);
  }

  async getRecord(key: string, deadlineMs: number): Promise<Uint8Array | null> {
    return await this.#up().dht.get(key, deadlineMs);
  }

  async provide(key: Cid, deadlineMs: number): Promise<void> {
    await this.#up().dht.provide(key, deadlineMs);
  }

  async unprovide(key: Cid): Promise<void> {
    await this.#up().dht.unprovide(key);
  }

  async *findProviders(key: Cid, limit: number, deadlineMs: number): AsyncGenerator<FoundPeer> {
    yield* this.#up().dht.findProviders(key, limit, deadlineMs);
  }

  subscribe(topic: string): void {
    this.#up().gossip.subscribe(topic);
  }

  unsubscribe(topic: string): void {
    this.#running?.gossip.unsubscribe(topic);
  }

  async publish(topic: string, message: Uint8Array): Promise<void> {
    await this.#up().gossip.publish(topic, message);
  }

  #keep(channel: OpenedChannel): Channel {
    this.#channels.add(channel);
    void channel.gone.then(() => this.#channels.delete(channel));
    return channel.end;
  }

  #up(): Running {
    if (this.#running === null) throw new Error('the network is not running');
    return this.#running;
  }
}
