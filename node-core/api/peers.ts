/** `peers.*` */

import type { Load } from '../directory/index.ts';
import type { MethodResult, PeerId } from '../protocol/index.ts';
import type { Rooms } from './rooms.ts';

type Peer = MethodResult<'peers.list'>['peers'][number];

export function listPeers(rooms: Rooms): MethodResult<'peers.list'> {
  const { directory, reputation, messenger, ports, provider, inventory } = rooms;
  const self = ports.signer.peerId;
  const scoreOf = (peer: PeerId) => {
    const { score, good, bad, noted, receipts } = reputation.scoreOf(peer);
    return { score, good, bad, noted, receipts };
  };
  const others = directory
    .peers()
    .filter(({ record }) => record.peerId !== self)
    .map(({ record, live, lastSeenAt, load, connected }) => ({
      peerId: record.peerId,
      self: false,
      connected,
      live,
      lastSeenAt,
      addresses: record.addresses,
      agent: record.agent,
      hardware: record.hardware,
      offers: record.offers,
      load: load === null ? null : loadView(load),
      reputation: scoreOf(record.peerId),
      channel: messenger.channelOf(record.peerId),
    }));
  const own = {
    peerId: self,
    self: true,
    connected: true,
    live: true,
    lastSeenAt: ports.clock.now(),
    addresses: [...ports.network.status().addresses],
    agent: `infernet/${rooms.version}`,
    hardware: inventory().hardware,
    offers: provider.on ? [...provider.catalogue.offers] : [],
    load: provider.load,
    reputation: scoreOf(self),
    channel: null,
  };
  return { peers: [own, ...others] };
}

function loadView({ running, queued, queueMax, warm }: Load): Peer['load'] {
  return { running, queued, queueMax, ...(warm === undefined ? {} : { warm: [...warm] }) };
}
