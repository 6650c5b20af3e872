/** A real libp2p node on loopback, for tests: found by the addresses that it is given, and by nothing else. */
import { randomBytes } from 'node:crypto';
import type { Network } from '../../ports/index.ts';
import { jobProtocol } from '../../protocol/index.ts';
import { silent } from '../testing.ts';
import { createLibp2pNetwork } from './network.ts';
import type { Libp2pNetworkOptions } from './options.ts';

export function loopbackNetwork(changes: Partial<Libp2pNetworkOptions> = {}): Network {
  return createLibp2pNetwork({
    seed: randomBytes(32),
    listen: ['/ip4/127.0.0.1/tcp/0/ws', '/ip4/127.0.0.1/tcp/0'],
    announce: [],
    bootstrap: [],
    mdns: false,
    allowPrivateAddresses: true,
    dhtServer: true,
    inboundConnectionsPerSecond: 100,
    maxConnections: 100,
    jobProtocol,
    log: silent,
    ...changes,
  });
}
