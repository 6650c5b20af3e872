/**
 * Who is connected to whom: joining by bootstrap addresses, finding neighbours in the network that was joined, and
 * coming back to lost peers. A node that reached nobody is alone until somebody learns an address.
 */
import type { PeerId } from '../../protocol/index.ts';
import { type Member, peerOfAddress } from './member.ts';
import type { World } from './world.ts';

/** The self-lookup of a node that just came into a network takes a few round trips. */
const discoverMs = 200;
/** A lost peer is given up after this many tries; a bootstrap peer never. */
const redialsMax = 12;
/** A dial into a partition gets no answer at all; that into a dead process is refused. */
const dialTimeoutMs = 5_000;

/** Tries each bootstrap address once; the others are retried in the background. */
export async function joinByBootstrap(world: World, member: Member): Promise<void> {
  await Promise.all(
    member.bootstrap.map(async (address) => {
      const peer = peerOfAddress(address);
      if (peer === null) member.unreachable.set(address, 'not an address of the in-memory network');
      if (peer === null || peer === member.peerId) return;
      member.known.add(peer);
      try {
        await dial(world, member, peer, dialTimeoutMs);
      } catch (error) {
        lose(world, member, peer, error instanceof Error ? error.message : String(error));
      }
    }),
  );
}

/** Connects to a peer whose address is known. @throws Error with the reason, by the deadline. */
export function dial(world: World, member: Member, peer: PeerId, deadlineMs: number): Promise<Member> {
  const start = world.members.get(peer);
  if (start === undefined) return Promise.reject(new Error(`connection to ${peer} refused: nobody listens there`));
  // Handshakes of transport, noise and yamux together.
  const handshakeMs = world.delay(member, start) + world.delay(start, member) + world.delay(member, start);
  return world.wait<Member>(
    member,
    deadlineMs,
    (resolve, reject) => {
      if (!world.passes(member, start)) return;
      world.after(member, handshakeMs, () => {
        const target = world.members.get(peer);
        if (target === undefined || !target.isUp) {
          reject(new Error(`connection to ${peer} refused: nobody listens there`));
        } else if (world.passes(member, target)) {
          connect(world, member, target);
          resolve(target);
        }
      });
    },
    (_resolve, reject) => reject(new Error(`no answer from ${peer} within ${deadlineMs} ms`)),
  );
}

export function connect(world: World, a: Member, b: Member): void {
  if (a === b || a.connections.has(b)) return;
  for (const [own, other] of [
    [a, b],
    [b, a],
  ] as const) {
    // A life before this one, whose end was not noticed yet.
    for (const old of own.connections) {
      if (old.peerId === other.peerId) disconnect(world, own, old, 'the peer restarted');
    }
  }
  const wasAlone = [a, b].filter((member) => member.connections.size === 0);
  a.connections.add(b);
  b.connections.add(a);
  world.changed();
  for (const [own, other] of [
    [a, b],
    [b, a],
  ] as const) {
    own.known.add(other.peerId);
    own.lost.delete(other.peerId);
    own.repairRound = 0;
    for (const address of own.bootstrap) {
      if (peerOfAddress(address) === other.peerId) own.unreachable.delete(address);
    }
    own.hooks?.onPeer(other.peerId, true);
  }
  for (const member of wasAlone) discover(world, member);
}

/** Both sides that still live lose the connection, and the channels over it. */
export function disconnect(world: World, a: Member, b: Member, reason: string): void {
  if (!a.connections.delete(b)) return;
  b.connections.delete(a);
  world.changed();
  for (const channel of [...a.channels]) {
    if (channel.members.includes(b)) channel.break(reason);
  }
  for (const [own, other] of [
    [a, b],
    [b, a],
  ] as const) {
    if (!own.isUp) continue;
    own.hooks?.onPeer(other.peerId, false);
    // A peer that said goodbye is not looked for, unless it is the way into the network.
    if (other.state !== 'stopped' || isBootstrap(own, other.peerId)) lose(world, own, other.peerId, reason);
    if (own.connections.size < world.link.nearConnections) discover(world, own);
  }
}

function isBootstrap(member: Member, peer: PeerId): boolean {
  return member.bootstrap.some((address) => peerOfAddress(address) === peer);
}

function lose(world: World, member: Member, peer: PeerId, reason: string): void {
  for (const address of member.bootstrap) {
    if (peerOfAddress(address) === peer) member.unreachable.set(address, reason);
  }
  member.lost.set(peer, 0);
  member.repairRound = 0;
  repair(world, member);
}

/** Tries the lost peers again with back-off, one timer for all of a member's. */
function repair(world: World, member: Member): void {
  if (member.isRepairing || member.lost.size === 0 || !member.isUp) return;
  member.isRepairing = true;
  const { retryMs, retryMsMax } = world.link;
  const backOffMs = Math.min(retryMsMax, retryMs * 2 ** member.repairRound++);
  world.after(member, backOffMs * (0.5 + world.random.fraction() / 2), () => {
    member.isRepairing = false;
    for (const [peer, tries] of [...member.lost]) {
      const target = world.members.get(peer);
      if (target?.isUp && world.passes(member, target)) connect(world, member, target);
      else if (tries + 1 >= redialsMax && !isBootstrap(member, peer)) member.lost.delete(peer);
      else member.lost.set(peer, tries + 1);
    }
    repair(world, member);
  });
}

/** Connects to neighbours in the network that the member is in: those near its id in the DHT, and random ones. */
export function discover(world: World, member: Member): void {
  if (member.isDiscovering || !member.isUp) return;
  member.isDiscovering = true;
  world.after(member, discoverMs * (0.5 + world.random.fraction()), () => {
    member.isDiscovering = false;
    for (const near of world.closest(member, member.position, world.link.nearConnections)) connect(world, member, near);
    const all = [...world.members.values()];
    for (let i = 0; i < world.link.randomConnections; i++) {
      const other = all[Math.floor(world.random.fraction() * all.length)];
      if (other !== undefined && other !== member && world.joined(member, other)) connect(world, member, other);
    }
  });
}
