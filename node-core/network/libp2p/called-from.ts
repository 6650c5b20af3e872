/** How far away the callers were: who was called from the internet can be reached from there. */
import { BlockList, isIP } from 'node:net';
import type { NetworkStatus } from '../../ports/index.ts';

type CalledFrom = NonNullable<NetworkStatus['calledFrom']>;

const own = new BlockList();
own.addSubnet('127.0.0.0', 8);
own.addAddress('::1', 'ipv6');
/** RFC 1918, 3927 and 6598 (carriers' own NAT); RFC 4193 and 4291. */
const near = new BlockList();
near.addSubnet('10.0.0.0', 8);
near.addSubnet('172.16.0.0', 12);
near.addSubnet('192.168.0.0', 16);
near.addSubnet('169.254.0.0', 16);
near.addSubnet('100.64.0.0', 10);
near.addSubnet('fc00::', 7, 'ipv6');
near.addSubnet('fe80::', 10, 'ipv6');

const order: readonly CalledFrom[] = ['computer', 'local-network', 'internet'];

/** @param address a multiaddr of a caller; one through a relay says nothing of being reached. @returns the farthest so far. */
export function farther(before: CalledFrom | null, address: string): CalledFrom | null {
  const host = /^\/ip[46]\/(?<host>[^/]+)\//.exec(address)?.groups?.['host'] ?? '';
  const version = isIP(host);
  if (version === 0 || address.includes('/p2p-circuit')) return before;
  const family = version === 6 ? 'ipv6' : 'ipv4';
  const from = own.check(host, family) ? 'computer' : near.check(host, family) ? 'local-network' : 'internet';
  return before === null || order.indexOf(from) > order.indexOf(before) ? from : before;
}
