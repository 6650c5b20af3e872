/**
 * A network in memory: the Network port for many nodes in one thread, driven by the given clock and chance alone, so
 * that the same seed gives the same run.
 *
 * ```ts
 * const hub = createMemoryHub({ clock, random, link: { latencyMs: () => 20 } });
 * const bootstrap = hub.join(a);
 * const node = hub.join(b, { bootstrap: [hub.addressOf(a)], region: 'eu' });
 * hub.partition([[a]]); hub.heal(); hub.crash(b); const again = hub.restart(b);
 * ```
 */
import type { Clock, Network, Random } from '../../ports/index.ts';
import type { PeerId } from '../../protocol/index.ts';
import { disconnect } from './connections.ts';
import { unsubscribe } from './gossip.ts';
import { defaultLink, type LinkModel } from './link.ts';
import { Member } from './member.ts';
import { MemoryNetwork } from './network.ts';
import { World } from './world.ts';

export type { LinkModel } from './link.ts';

export interface MemoryHubOptions {
  readonly clock: Clock;
  readonly random: Random;
  /** What differs from the defaults in link.ts. */
  readonly link?: Partial<LinkModel>;
}

export interface JoinOptions {
  /** Addresses to join by, as {@link MemoryHub.addressOf} gives them. Default none: the node waits to be called. */
  readonly bootstrap?: readonly string[];
  /** Default `local`. The link's latency goes by it. */
  readonly region?: string;
}

export interface MemoryHub {
  /** A new process for a peer that has none. It is in the network from `start` on. */
  join(peerId: PeerId, options?: JoinOptions): Network;
  /** Where a peer listens, before and after it joins, and over restarts. */
  addressOf(peerId: PeerId): string;
  /** Changes the link from now on. */
  setLink(change: Partial<LinkModel>): void;
  /** Peers of different groups cannot reach each other. Those in no group are together in one more. */
  partition(groups: ReadonlyArray<readonly PeerId[]>): void;
  heal(): void;
  /** Breaks the open channels between two peers. They stay connected and may open others at once. */
  breakChannels(a: PeerId, b: PeerId): void;
  /**
   * The peer's process is gone: none of its hooks is called again, and what it waits for never comes.
   * @param detectMs until its peers lose the connection. Default the latency: the system closes the sockets of a killed
   *   process; a computer without power is noticed after a timeout.
   */
  crash(peerId: PeerId, detectMs?: number): void;
  /** A new process for a peer whose last one crashed or stopped; what it kept of the DHT is gone. Default: its old options. */
  restart(peerId: PeerId, options?: JoinOptions): Network;
}

export function createMemoryHub({ clock, random, link }: MemoryHubOptions): MemoryHub {
  const world = new World(clock, random, { ...defaultLink, ...link });
  const numbers = new Map<PeerId, number>();
  const optionsOf = new Map<PeerId, JoinOptions>();
  /** Tells a partition that lasted from one that was healed in between. */
  let era = 0;
  let groupOf = new Map<PeerId, number>();

  function numberOf(peerId: PeerId): number {
    const number = numbers.get(peerId) ?? numbers.size + 1;
    numbers.set(peerId, number);
    return number;
  }

  function join(peerId: PeerId, options: JoinOptions = {}): Network {
    const present = world.members.get(peerId);
    if (present !== undefined && (present.isUp || present.state === 'idle')) {
      throw new Error(`${peerId} is in the network already`);
    }
    const member = new Member(peerId, numberOf(peerId), options.region ?? 'local', options.bootstrap ?? []);
    member.group = groupOf.get(peerId) ?? 0;
    optionsOf.set(peerId, options);
    world.members.set(peerId, member);
    world.changed();
    return new MemoryNetwork(world, member);
  }

  function regroup(groups: Map<PeerId, number>): void {
    era++;
    groupOf = groups;
    for (const member of world.members.values()) member.group = groups.get(member.peerId) ?? 0;
    world.changed();
  }

  function dropCut(): void {
    for (const member of world.members.values()) {
      for (const other of [...member.connections]) {
        if (!world.passes(member, other)) disconnect(world, member, other, 'connection timed out');
      }
    }
  }

  return {
    join,
    addressOf: (peerId) => `/memory/${numberOf(peerId)}/p2p/${peerId}`,
    setLink(change) {
      world.link = { ...world.link, ...change };
    },
    partition(groups) {
      regroup(new Map(groups.flatMap((peers, i) => peers.map((peer): [PeerId, number] => [peer, i + 1]))));
      if (world.link.onPartition === 'break') return dropCut();
      const thisEra = era;
      clock.after(world.link.stallMs, () => {
        if (era === thisEra) dropCut();
      });
    },
    heal() {
      regroup(new Map());
      for (const member of world.members.values()) {
        for (const channel of member.channels) if (channel.members[0] === member) channel.resume();
      }
    },
    breakChannels(a, b) {
      for (const channel of [...(world.members.get(a)?.channels ?? [])]) {
        if (channel.members.some((member) => member.peerId === b)) channel.break('connection reset');
      }
    },
    crash(peerId, detectMs) {
      const member = world.members.get(peerId);
      if (member === undefined || member.state === 'crashed' || member.state === 'stopped') return;
      member.state = 'crashed';
      member.hooks = null;
      member.endTimers();
      for (const topic of [...member.topics]) unsubscribe(world, member, topic);
      for (const channel of member.channels) channel.abandon(member);
      world.changed();
      for (const other of member.connections) {
        clock.after(detectMs ?? world.delay(member, other), () =>
          disconnect(world, other, member, 'connection reset: the peer’s process is gone'),
        );
      }
    },
    restart: (peerId, options) => join(peerId, options ?? optionsOf.get(peerId) ?? {}),
  };
}
