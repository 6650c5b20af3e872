import type { MethodResult } from '../../protocol/index.ts';
import { argument, defineCommand, toggle } from '../command.ts';
import { answer } from '../context.ts';
import { showEvidence } from '../job/evidence.ts';
import { findPeer, peerRef } from '../job/find-peer.ts';
import { offerTexts } from '../text/offers.ts';
import { tableLines } from '../text/table.ts';
import { plain } from '../text/terminal.ts';
import { agoText, bytesText, countText, peerText } from '../text/units.ts';
import { data, json } from '../values.ts';

type Peer = MethodResult<'peers.list'>['peers'][number];

export const peers = defineCommand({
  name: 'peers',
  summary: 'Nodes that this node knows of, with load and reputation.',
  shape: {
    peer: argument('[peer]', 'only this one: its id, or the last letters of it', peerRef().optional()),
    evidence: toggle('--evidence', 'how its reputation comes about: every receipt and note, and what it adds'),
    live: toggle('--live', 'only those that were heard of lately'),
    full: toggle('--full', 'whole peer ids, and addresses'),
    json: json(),
    data: data(),
  },
  examples: [
    { line: 'peers --live', says: 'who is there' },
    { line: 'peers 7Qx2 --evidence', says: 'why the peer whose id ends so has its reputation' },
  ],
  check: ({ peer, evidence }) => (evidence && peer === undefined ? '--evidence goes with a peer' : null),
  async run(context, { peer: ref, evidence, live, full, json: asJson }) {
    const node = await context.connect();
    const only = ref === undefined ? null : await findPeer(node, ref);
    if (only !== null && evidence) return showEvidence(context, node, only, asJson);
    const { peers: all } = await node.call('peers.list', {});
    const found = all.filter((peer) => (!live || peer.live) && (only === null || peer.peerId === only));
    answer(context, asJson, { peers: found }, () => {
      const now = context.now();
      const rows = found.map((peer) => [
        full ? peer.peerId : peerText(peer.peerId),
        stateOf(peer),
        peer.offers.length === 0 ? 'nothing' : offerTexts(peer.offers).join(', '),
        peer.load === null ? '' : `${peer.load.running} running, ${peer.load.queued}/${peer.load.queueMax} queued`,
        peer.self ? '' : `${peer.reputation.score.toFixed(2)} (${countText(peer.reputation.receipts, 'receipt')})`,
        peer.self ? '' : agoText(peer.lastSeenAt, now),
        hardwareOf(peer),
        ...(full ? [peer.addresses.map(plain).join(' ')] : []),
      ]);
      const lines = tableLines(
        context.out,
        [
          { title: 'peer' },
          { title: 'state' },
          { title: 'offers' },
          { title: 'load' },
          { title: 'reputation' },
          { title: 'seen' },
          { title: 'hardware' },
          ...(full ? [{ title: 'addresses' }] : []),
        ],
        rows,
      );
      if (only !== null || found.some((peer) => !peer.self)) return lines;
      return [
        ...lines,
        'no other node is known: join one by its address (network.bootstrap in the configuration, or --bootstrap when you start the node)',
      ];
    });
    return 'ok';
  },
});

function stateOf({ self, connected, live }: Peer): string {
  if (self) return 'this node';
  if (connected) return 'connected';
  return live ? 'live' : 'gone';
}

function hardwareOf({ hardware }: Peer): string {
  if (hardware === null) return '';
  const gpus = hardware.gpus.map(({ model, memoryBytes }) => `${plain(model)} ${bytesText(memoryBytes)}`);
  return [countText(hardware.cpu.cores, 'core'), bytesText(hardware.memoryBytes), ...gpus].join(', ');
}
