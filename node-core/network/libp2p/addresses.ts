/** What an address says about the way to a peer. */
import type { Connection } from '@libp2p/interface';
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr';

/** Over WebSocket, plain or with TLS. */
export function isWebSocket(address: Multiaddr): boolean {
  return address.getComponents().some(({ name }) => name === 'ws' || name === 'wss');
}

export function isRelayed(address: Multiaddr): boolean {
  return address.getComponents().some(({ name }) => name === 'p2p-circuit');
}

/** `ws` or `tcp`, as {@link Channel.transport} names them. */
export function transportOf(connection: Connection): string {
  return isWebSocket(connection.remoteAddr) ? 'ws' : 'tcp';
}

/** Direct before relayed, WebSocket before TCP; else as they came. */
export function byPreference(a: { multiaddr: Multiaddr }, b: { multiaddr: Multiaddr }): -1 | 0 | 1 {
  const rank = (address: Multiaddr) => (isRelayed(address) ? 2 : 0) + (isWebSocket(address) ? 0 : 1);
  const difference = rank(a.multiaddr) - rank(b.multiaddr);
  return difference < 0 ? -1 : difference > 0 ? 1 : 0;
}

/** The address, or null for a text that is none: addresses come from other peers' records. */
export function parseAddress(text: string): Multiaddr | null {
  try {
    return multiaddr(text);
  } catch {
    return null;
  }
}

/** The peer id at the end of an address, or null. */
export function peerOf(address: Multiaddr): string | null {
  return address.getComponents().findLast(({ name }) => name === 'p2p')?.value ?? null;
}

/** The reasons of a failed dial in one line: libp2p hides them in an AggregateError. */
export function describeError(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) {
    return [...new Set(error.errors.map(describeError))].join('; ');
  }
  if (!(error instanceof Error)) return String(error);
  return error.message === '' ? error.name : error.message;
}
