import type { MethodResult, NodeApi } from '../../protocol/index.ts';
import { defineCommand, option, toggle } from '../command.ts';
import { answer, type Context } from '../context.ts';
import { findPeer, peerRef } from '../job/find-peer.ts';
import { pairLines, tableLines } from '../text/table.ts';
import { creditsText, jobIdText, peerText, timeText } from '../text/units.ts';
import { data, json, wholeNumber } from '../values.ts';

export const wallet = defineCommand({
  name: 'wallet',
  summary: 'Credits paid, received, reserved and owed, by peer.',
  shape: {
    ledger: toggle('--ledger', 'the single payments, newest first'),
    peer: option('--peer <peer>', 'with --ledger, only this one', peerRef().optional()),
    limit: option('-n, --limit <n>', 'with --ledger; default: 20', wholeNumber(1, 1000).default(20)),
    json: json(),
    data: data(),
  },
  examples: [
    { line: 'wallet', says: 'how we stand with each peer' },
    { line: 'wallet --ledger -n 100', says: 'the last 100 payments' },
  ],
  check: ({ peer, ledger }) => (peer !== undefined && !ledger ? '--peer goes with --ledger' : null),
  async run(context, { ledger, peer, limit, json: asJson }) {
    const node = await context.connect();
    return ledger ? showLedger(context, node, peer, limit, asJson) : showSummary(context, node, asJson);
  },
});

async function showSummary(context: Context, node: NodeApi, asJson: boolean): Promise<'ok'> {
  const summary = await node.call('wallet.summary', {});
  answer(context, asJson, summary, () => [
    ...pairLines(context.out, [
      ['paid', creditsText(summary.paidMicro)],
      ['received', creditsText(summary.receivedMicro)],
      ['reserved', `${creditsText(summary.reservedMicro)} for work that is out`],
      ['owed to us', `${creditsText(summary.owedToUsMicro)} for accepted work that no voucher covers yet`],
    ]),
    ...peerLines(context, summary),
    context.out.paint('dim', summary.notice),
  ]);
  return 'ok';
}

function peerLines(context: Context, { peers }: MethodResult<'wallet.summary'>): string[] {
  if (peers.length === 0) {
    return [
      '',
      `no dealings with anybody yet: submit a job (${context.commandLine('submit --help')}), or start the node with --provider`,
      '',
    ];
  }
  const titles = ['paid', 'acknowledged', 'reserved', 'received', 'earned', 'unpaid', 'credit limit'];
  return [
    '',
    ...tableLines(
      context.out,
      [{ title: 'peer' }, ...titles.map((title) => ({ title, align: 'right' as const }))],
      peers.map((peer) => [
        peerText(peer.peerId),
        ...[
          peer.paidMicro,
          peer.paidAckedMicro,
          peer.reservedMicro,
          peer.receivedMicro,
          peer.earnedMicro,
          peer.unpaidMicro,
          peer.creditLimitMicro,
        ].map(creditsText),
      ]),
    ),
    '',
  ];
}

async function showLedger(
  context: Context,
  node: NodeApi,
  ref: string | undefined,
  limit: number,
  asJson: boolean,
): Promise<'ok'> {
  const peer = ref === undefined ? undefined : await findPeer(node, ref);
  const { rows } = await node.call('wallet.ledger', { limit, ...(peer !== undefined && { peer }) });
  answer(context, asJson, { rows }, () =>
    rows.length === 0
      ? ['no payments yet']
      : tableLines(
          context.out,
          [
            { title: 'time' },
            { title: 'direction' },
            { title: 'peer' },
            { title: 'amount', align: 'right' },
            { title: 'in all', align: 'right' },
            { title: 'job' },
          ],
          rows.map((row) => [
            timeText(row.at),
            row.direction,
            peerText(row.peer),
            creditsText(row.amountMicro),
            creditsText(row.cumulativeMicro),
            row.replicaId === null ? '' : jobIdText(row.replicaId),
          ]),
        ),
  );
  return 'ok';
}
