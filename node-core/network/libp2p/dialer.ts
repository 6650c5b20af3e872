/**
 * Opens job channels. A WebSocket connection is preferred: where a peer offers one and only a TCP connection is there,
 * another one is made. What is there serves when that fails.
 */
import type { Connection, Libp2p, PeerId } from '@libp2p/interface';
import { peerIdFromString } from '@libp2p/peer-id';
import type { Multiaddr } from '@multiformats/multiaddr';
import type { ChannelEnd } from '../channel-end.ts';
import { byPreference, describeError, isWebSocket, parseAddress, peerOf, transportOf } from './addresses.ts';
import { channelOver } from './channel.ts';

export interface OpenedChannel {
  readonly end: ChannelEnd;
  readonly gone: Promise<void>;
}

/** @throws Error when the peer does not answer within `deadlineMs`. */
export async function openChannel(
  libp2p: Libp2p,
  peer: string,
  addresses: readonly string[],
  protocol: string,
  deadlineMs: number,
): Promise<OpenedChannel> {
  const signal = AbortSignal.timeout(deadlineMs);
  try {
    const peerId = peerIdFromString(peer);
    const known = await addressesOf(libp2p, peerId, addresses, signal);
    const old = openConnections(libp2p, peerId);
    const connection = await reach(libp2p, peerId, known, deadlineMs, signal);
    // A connection from before may be dead without anybody knowing: it gets half of the time, then a new one is made.
    const isOld = old.includes(connection);
    try {
      return await openOn(connection, protocol, isOld ? AbortSignal.timeout(deadlineMs / 2) : signal);
    } catch (error) {
      if (!isOld || isUnsupported(error)) throw error;
    }
    return await openOn(
      await libp2p.dial(known.length > 0 ? known : peerId, { signal, force: true }),
      protocol,
      signal,
    );
  } catch (error) {
    const reason = signal.aborted
      ? `no answer within ${deadlineMs} ms`
      : ((await versionReason(libp2p, peer, protocol, error)) ?? describeError(error));
    throw new Error(`no channel to ${peer}: ${reason}`, { cause: error });
  }
}

function isUnsupported(error: unknown): boolean {
  return error instanceof Error && error.name === 'UnsupportedProtocolError';
}

/** The peer is there and speaks no version of ours: which it has told at the beginning (identify). Null when that is not why. */
async function versionReason(libp2p: Libp2p, peer: string, protocol: string, error: unknown): Promise<string | null> {
  if (!isUnsupported(error)) return null;
  const family = protocol.slice(0, protocol.lastIndexOf('/') + 1);
  const known = await libp2p.peerStore.get(peerIdFromString(peer)).catch(() => null);
  const theirs = known?.protocols.filter((name) => name.startsWith(family)) ?? [];
  return `this node speaks ${protocol}, and the peer ${theirs.length > 0 ? theirs.join(', ') : 'does not'}: one of the two has to be updated`;
}

async function openOn(connection: Connection, protocol: string, signal: AbortSignal): Promise<OpenedChannel> {
  return channelOver(await connection.newStream(protocol, { signal, runOnLimitedConnection: true }), connection);
}

function openConnections(libp2p: Libp2p, peer: PeerId): Connection[] {
  return libp2p.getConnections(peer).filter(({ status }) => status === 'open');
}

/** Those given and those known, with the peer's id, best first. Only a peer of which none is known is looked up. */
async function addressesOf(
  libp2p: Libp2p,
  peer: PeerId,
  given: readonly string[],
  signal: AbortSignal,
): Promise<Multiaddr[]> {
  const found: Multiaddr[] = given.map(parseAddress).filter((address) => address !== null);
  if (await libp2p.peerStore.has(peer)) {
    found.push(...(await libp2p.peerStore.get(peer)).addresses.map(({ multiaddr }) => multiaddr));
  }
  if (found.length === 0 && openConnections(libp2p, peer).length === 0) {
    found.push(...(await libp2p.peerRouting.findPeer(peer, { signal })).multiaddrs);
  }
  const id = peer.toString();
  const unique = new Map<string, Multiaddr>();
  for (const address of found) {
    const last = peerOf(address);
    if (last !== null && last !== id) continue;
    const full = last === null ? address.encapsulate(`/p2p/${id}`) : address;
    unique.set(full.toString(), full);
  }
  return [...unique.values()].sort((a, b) => byPreference({ multiaddr: a }, { multiaddr: b }));
}

async function reach(
  libp2p: Libp2p,
  peer: PeerId,
  known: Multiaddr[],
  deadlineMs: number,
  signal: AbortSignal,
): Promise<Connection> {
  const present = openConnections(libp2p, peer);
  const best = present.find((connection) => connection.direct && transportOf(connection) === 'ws');
  if (best !== undefined) return best;

  const webSockets = known.filter(isWebSocket);
  const fallback = present.find(({ direct }) => direct) ?? present[0];
  // A dial that joins one that is under way may come back over TCP; the second then makes its own.
  for (let attempt = 0; attempt < 2 && webSockets.length > 0; attempt++) {
    try {
      const hurry = AbortSignal.any([signal, AbortSignal.timeout(deadlineMs / 2)]);
      const connection = await libp2p.dial(webSockets, { signal: hurry, force: present.length > 0 || attempt > 0 });
      if (transportOf(connection) === 'ws') return connection;
    } catch (error) {
      if (fallback === undefined && webSockets.length === known.length) throw error;
      break;
    }
  }
  return openConnections(libp2p, peer)[0] ?? fallback ?? libp2p.dial(known.length > 0 ? known : peer, { signal });
}
