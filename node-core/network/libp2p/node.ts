/** The libp2p node: which modules it is made of, and how they are set. */
import { noise } from '@chainsafe/libp2p-noise';
import type { GossipSub } from '@libp2p/gossipsub';
import { type Identify, identify } from '@libp2p/identify';
import type { Libp2p, PrivateKey } from '@libp2p/interface';
import type { KadDHT } from '@libp2p/kad-dht';
import { mdns } from '@libp2p/mdns';
import { type Ping, ping } from '@libp2p/ping';
import { tcp } from '@libp2p/tcp';
import { webSockets } from '@libp2p/websockets';
import { yamux } from '@libp2p/yamux';
import { createLibp2p } from 'libp2p';
import type { NetworkHooks } from '../../ports/index.ts';
import { byPreference } from './addresses.ts';
import { BoundedDatastore } from './datastore.ts';
import { dhtService } from './dht.ts';
import { gossipService, type Standings } from './gossip.ts';
import type { Libp2pNetworkOptions } from './options.ts';

export interface Services extends Record<string, unknown> {
  readonly identify: Identify;
  readonly ping: Ping;
  readonly dht: KadDHT;
  readonly gossip: GossipSub;
}

/** What a stream may hold on our side before its sender waits. Allows 40 MB/s at 100 ms round trip. */
const streamWindowBytesMax = 4 * 1024 * 1024;
/** A connection whose ping does not come back in this time is cut. A starved computer is not a dead one. */
const pingMsMin = 20_000;

export function createNode(
  privateKey: PrivateKey,
  options: Libp2pNetworkOptions,
  hooks: NetworkHooks,
  standings: Standings,
): Promise<Libp2p<Services>> {
  return createLibp2p<Services>({
    start: false,
    privateKey,
    nodeInfo: { name: 'infernet', version: '1' },
    addresses: {
      listen: [...options.listen],
      ...(options.announce.length > 0 ? { announce: [...options.announce] } : {}),
    },
    datastore: new BoundedDatastore(),
    transports: [webSockets(), tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [
      yamux({
        streamOptions: { maxStreamWindowSize: streamWindowBytesMax, maxReadBufferLength: 2 * streamWindowBytesMax },
      }),
    ],
    connectionManager: {
      addressSorter: byPreference,
      maxConnections: options.maxConnections,
      inboundConnectionThreshold: options.inboundConnectionsPerSecond,
      maxIncomingPendingConnections: Math.max(10, options.inboundConnectionsPerSecond),
    },
    connectionMonitor: { pingTimeout: { minTimeout: pingMsMin } },
    peerDiscovery: options.mdns ? [mdns({ serviceTag: '_infernet._udp.local' })] : [],
    services: {
      identify: identify(),
      ping: ping(),
      dht: dhtService(hooks, options),
      gossip: gossipService(standings),
    },
  });
}
