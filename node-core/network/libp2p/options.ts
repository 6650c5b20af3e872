/** What a libp2p network is told at its creation. */
import type { Logger } from '../../ports/index.ts';

export interface Libp2pNetworkOptions {
  /** The node's Ed25519 seed, 32 bytes. */
  readonly seed: Uint8Array;
  /** Multiaddrs to listen on, as `/ip4/127.0.0.1/tcp/0/ws`. */
  readonly listen: readonly string[];
  /** Multiaddrs to announce instead of those; only what is known to be reachable. Default: the ones listened on. */
  readonly announce: readonly string[];
  /** Multiaddrs to join by. */
  readonly bootstrap: readonly string[];
  /** Look for nodes on the local network. */
  readonly mdns: boolean;
  /** Also use addresses that only mean something on a local network. For such networks and for tests. */
  readonly allowPrivateAddresses: boolean;
  /** Answer queries of the DHT, and not only ask. Not for nodes that cannot be reached from outside. */
  readonly dhtServer: boolean;
  /** New connections taken from one host, a second. libp2p's own default, 5, cuts off nodes that share an address. */
  readonly inboundConnectionsPerSecond: number;
  /** Connections before libp2p closes the least useful ones. */
  readonly maxConnections: number;
  readonly jobProtocol: string;
  readonly log: Logger;
}
