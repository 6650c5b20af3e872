import type { MethodResult, NodeApi } from '../../protocol/index.ts';
import { defineCommand, option, toggle } from '../command.ts';
import { answer, type Context } from '../context.ts';
import { findPeer, peerRef } from '../job/find-peer.ts';
import { pairLines, tableLines } from '../text/table.ts';
import { countText, creditsText, jobIdText, peerText, timeText } from '../text/units.ts';
import { data, json, wholeNumber } from '../values.ts';

type Summary = MethodResult<'wallet.summary'>;

export const wallet = defineCommand({
  name: 'wallet',
  summary: 'Credits owed, paid, received and reserved, limits and caps, by peer.',
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
      ['net', netText(summary)],
      ['paid', creditsText(summary.paidMicro)],
      ['received', creditsText(summary.receivedMicro)],
      ['reserved', `${creditsText(summary.reservedMicro)} for work that is out`],
      ['owed to us', `${creditsText(summary.owedToUsMicro)} for accepted work that no voucher covers yet`],
      ['today', todayText(summary)],
      [
        'newcomers',
        `${creditsText(summary.strangers.usedMicro)} of ${creditsText(summary.strangers.capMicro)} granted in the last hour to clients beyond what they ever settled`,
      ],
    ]),
    ...peerLines(context, summary),
    context.out.paint('dim', summary.notice),
  ]);
  return 'ok';
}

function netText({ net }: Summary): string {
  const owed = `${creditsText(net.owedByPeersMicro)} owed by ${countText(net.peersOwing, 'peer')}`;
  return `${owed}, ${creditsText(net.owedToPeersMicro)} owed to ${countText(net.peersOwed, 'peer')}`;
}

function todayText({ caps }: Summary): string {
  const spent = `${creditsText(caps.spentTodayMicro)} spent`;
  const ofDay =
    caps.dayMicroMax === null || caps.leftTodayMicro === null
      ? 'no cap for a day (spending.dayMicroMax)'
      : `${creditsText(caps.leftTodayMicro)} of ${creditsText(caps.dayMicroMax)} left until midnight UTC`;
  const ofPeer = caps.peerDayMicroMax === null ? '' : `; at most ${creditsText(caps.peerDayMicroMax)} at one peer`;
  return `${spent}; ${ofDay}${ofPeer}`;
}

/** How it came about: “0.016 = 0.016 + 0 earned”. */
function limitText({ creditLimitMicro, creditLimit: { baseMicro, earnedMicro, lostMicro } }: Summary['peers'][number]) {
  const parts = [
    creditsText(baseMicro),
    ...(earnedMicro === '0' ? [] : [`+ ${creditsText(earnedMicro)} earned`]),
    ...(lostMicro === '0' ? [] : [`− ${creditsText(lostMicro)} never paid`]),
  ];
  return parts.length === 1 ? creditsText(creditLimitMicro) : `${creditsText(creditLimitMicro)} = ${parts.join(' ')}`;
}

function balanceText({ owesUsMicro, weOweMicro }: Summary['peers'][number]): string {
  if (owesUsMicro !== '0') return `owes us ${creditsText(owesUsMicro)}`;
  return weOweMicro === '0' ? 'even' : `we owe ${creditsText(weOweMicro)}`;
}

function peerLines(context: Context, { peers }: Summary): string[] {
  if (peers.length === 0) {
    return [
      '',
      `no dealings with anybody yet: submit a job (${context.commandLine('submit --help')}), or start the node with --provider`,
      '',
    ];
  }
  const titles = [
    'net',
    'paid',
    'acknowledged',
    'reserved',
    'received',
    'earned',
    'unpaid',
    'spent today',
    'credit limit',
  ];
  return [
    '',
    ...tableLines(
      context.out,
      [{ title: 'peer' }, ...titles.map((title) => ({ title, align: 'right' as const }))],
      peers.map((peer) => [
        peerText(peer.peerId),
        balanceText(peer),
        ...[
          peer.paidMicro,
          peer.paidAckedMicro,
          peer.reservedMicro,
          peer.receivedMicro,
          peer.earnedMicro,
          peer.unpaidMicro,
          peer.spentTodayMicro,
        ].map(creditsText),
        limitText(peer),
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
