/** `node.*`, `provider.*` and `settings.*`. */
import { configJsonSchema } from '../config/json-schema.ts';
import { liveSettings } from '../config/live.ts';
import type { MethodParams, MethodResult } from '../protocol/index.ts';
import { Json, z } from '../protocol/index.ts';
import type { Rooms } from './rooms.ts';

export function nodeStatus(rooms: Rooms): MethodResult<'node.status'> {
  const { ports, provider, directory, aggregator, version } = rooms;
  const network = ports.network.status();
  const live = directory.peers().filter((peer) => peer.live && peer.record.offers.length > 0);
  return {
    peerId: ports.signer.peerId,
    version,
    state: rooms.state(),
    startedAt: rooms.startedAt(),
    logSeq: rooms.journal.durableSeq,
    addresses: [...network.addresses],
    connectedPeers: network.connectedPeers,
    knownProviders: live.filter((peer) => peer.record.peerId !== ports.signer.peerId).length,
    unreachableBootstrap: network.unreachable.map(({ address, reason }) => ({ address, reason })),
    provider: { on: provider.on, ...provider.load },
    jobsActive: aggregator.activeJobs,
    engine: rooms.engine.latest,
    faults: [...rooms.inventory().faults, ...directory.faults()],
  };
}

export async function computer({ config, ports, engine: watched }: Rooms): Promise<MethodResult<'node.computer'>> {
  const { host, network } = ports;
  const [conditions, engine] = await Promise.all([host?.conditions?.() ?? null, watched.look()]);
  return {
    dataFolder: config.dataFolder,
    diskFreeBytes: conditions?.diskFreeBytes ?? null,
    diskFreeBytesMin: config.host.diskFreeBytesMin,
    engine,
    calledFrom: network.status().calledFrom ?? null,
  };
}

export function providerStatus({ provider, pauses, inventory, ports }: Rooms): MethodResult<'provider.status'> {
  const { offers, notOffered, served } = provider.catalogue;
  return {
    on: provider.on,
    pauses: [...pauses.all],
    fullScreenUnseen: pauses.fullScreenUnseen,
    hardware: inventory().hardware,
    offers: [...offers],
    notOffered: [...notOffered],
    warm: (ports.executor.warm?.() ?? []).map(({ template, model }) => ({ template, model })),
    work: provider.work().map(({ replicaId, client, template, state, items, itemsDone }) => ({
      replicaId,
      client,
      templateName: served.get(template)?.installed.template.name ?? template,
      state,
      items,
      itemsDone,
    })),
  };
}

export async function switchProvider(rooms: Rooms, on: boolean): Promise<MethodResult<'provider.switch'>> {
  await rooms.provider.switch(on);
  await rooms.announce();
  return providerStatus(rooms);
}

export async function pauseProvider(rooms: Rooms, paused: boolean): Promise<MethodResult<'provider.pause'>> {
  await rooms.pauses.byHand(paused);
  return providerStatus(rooms);
}

export function settingsSchema(): MethodResult<'settings.schema'> {
  return {
    schema: z.record(z.string(), Json).parse(JSON.parse(JSON.stringify(configJsonSchema()))),
    live: [...liveSettings],
  };
}

/** The config holds no secret: keys and tokens lie in files of the data folder. */
export function settings({ config, waiting }: Rooms): MethodResult<'settings.get'> {
  const plain = (from: object) => z.record(z.string(), Json).parse(JSON.parse(JSON.stringify(from)));
  return { config: plain(config), waiting: plain(waiting()) };
}

export async function setSettings(
  rooms: Rooms,
  change: MethodParams<'settings.set'>,
): Promise<MethodResult<'settings.set'>> {
  const { changed, restart, file } = await rooms.saveSettings(change);
  return { changed: [...changed], restart: [...restart], file };
}
