/** `peers.*` */

import type { Load } from '../directory/index.ts';
import { ApiError, type MethodParams, type MethodResult, type PeerId } from '../protocol/index.ts';
import type { Rooms } from './rooms.ts';

type Peer = MethodResult<'peers.list'>['peers'][number];

export function listPeers(rooms: Rooms): MethodResult<'peers.list'> {
  const { directory, reputation, checks, messenger, ports, provider, inventory } = rooms;
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
      mark: markOf(rooms, record.peerId),
      excludedUntil: checks.excludedUntil(record.peerId),
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
    mark: null,
    excludedUntil: null,
  };
  return { peers: [own, ...others] };
}

function loadView({ running, queued, queueMax, warm }: Load): Peer['load'] {
  return { running, queued, queueMax, ...(warm === undefined ? {} : { warm: [...warm] }) };
}

function markOf({ config }: Rooms, peer: PeerId): Peer['mark'] {
  const { blockedProviders, favouredProviders } = config.aggregator;
  if (blockedProviders.includes(peer)) return 'blocked';
  return favouredProviders.includes(peer) ? 'favoured' : null;
}

/** What marking needs of the node. */
export interface Marked extends Pick<Rooms, 'config' | 'saveSettings'> {
  readonly ports: { readonly signer: { readonly peerId: PeerId } };
}

/** One mark after the other: each changes the lists that the one before has left, whenever they were asked for. */
export function peerMarker(rooms: Marked): (params: MethodParams<'peers.mark'>) => Promise<MethodResult<'peers.mark'>> {
  let last: Promise<unknown> = Promise.resolve();
  return (params) => {
    const marked = last.then(() => markPeer(rooms, params));
    last = marked.catch(() => undefined);
    return marked;
  };
}

/** The lists of the configuration are the marks: what is there is changed, and nothing else is kept. */
async function markPeer(
  rooms: Marked,
  { peerId, mark }: MethodParams<'peers.mark'>,
): Promise<MethodResult<'peers.mark'>> {
  if (peerId === rooms.ports.signer.peerId) throw new ApiError('invalid-params', 'this node itself takes no mark');
  const { aggregator, provider } = rooms.config;
  const wanted: Readonly<Record<string, readonly [list: readonly PeerId[], isIn: boolean]>> = {
    'aggregator.blockedProviders': [aggregator.blockedProviders, mark === 'blocked'],
    'aggregator.favouredProviders': [aggregator.favouredProviders, mark === 'favoured'],
    'provider.blockedClients': [provider.blockedClients, mark === 'blocked'],
  };
  const changes = Object.entries(wanted).filter(([, [list, isIn]]) => list.includes(peerId) !== isIn);
  if (changes.length > 0) {
    const values = changes.map(([path, [list, isIn]]): [string, PeerId[]] => [
      path,
      isIn ? [...list, peerId] : list.filter((each) => each !== peerId),
    ]);
    await rooms.saveSettings({ values: Object.fromEntries(values), reset: [] });
  }
  return { mark };
}
