/** A report as JSON, as one table of comma-separated values, or to be read. */
import { csvLine } from '../text/csv.ts';
import { plain } from '../text/terminal.ts';
import { countText, creditsText, jobIdText, peerText } from '../text/units.ts';
import type { Report } from './report.ts';

export const reportFormats = ['json', 'csv', 'markdown'] as const;
export type ReportFormat = (typeof reportFormats)[number];

export function formatReport(report: Report, format: ReportFormat): string {
  switch (format) {
    case 'json':
      return `${JSON.stringify(report, null, 2)}\n`;
    case 'csv':
      return csvText(report);
    case 'markdown':
      return markdownText(report);
  }
}

const iso = (at: number) => new Date(at).toISOString();

function csvText({ jobs, payments, errors }: Report): string {
  const rows = [
    [
      'kind',
      'at',
      'job',
      'label',
      'what',
      'peer',
      'items',
      'shards',
      'shardsAccepted',
      'amountMicro',
      'code',
      'reason',
    ],
    ...jobs.map((job) => [
      'job',
      iso(job.createdAt),
      job.jobId,
      job.label,
      job.state,
      '',
      job.items,
      job.shardsTotal,
      job.shardsAccepted,
      job.spentMicro,
      job.code,
      job.reason,
    ]),
    ...payments.map((row) => [
      'payment',
      iso(row.at),
      row.replicaId?.slice(0, 32) ?? '',
      '',
      row.direction,
      row.peer,
      '',
      '',
      '',
      row.amountMicro,
      '',
      '',
    ]),
    ...errors.map((error) => [
      'error',
      iso(error.at),
      error.jobId,
      '',
      error.type,
      error.peer,
      '',
      '',
      '',
      '',
      error.code,
      error.reason,
    ]),
  ];
  return rows.map((row) => `${csvLine(row.map(safeCell))}\n`).join('');
}

/** Spreadsheets run what begins so, and labels and reasons are others' words. */
function safeCell<Cell extends string | number | null>(cell: Cell): Cell | string {
  return typeof cell === 'string' && /^[=+\-@\t\r]/.test(cell) ? `'${cell}` : cell;
}

function markdownText({ node, period, totals, jobs, payments, errors }: Report): string {
  const states = Object.entries(totals.byState).map(([state, count]) => `${count} ${state}`);
  const net = new Map<string, { paid: bigint; received: bigint }>();
  for (const { peer, direction, amountMicro } of payments) {
    const sums = net.get(peer) ?? { paid: 0n, received: 0n };
    sums[direction] += BigInt(amountMicro);
    net.set(peer, sums);
  }
  const sections = [
    `# Infernet node ${peerText(node.peerId)}, ${iso(period.since)} to ${iso(period.until)}`,
    [
      `- ${countText(totals.jobs, 'job')}${states.length > 0 ? ` (${states.join(', ')})` : ''}: ${countText(totals.items, 'item')}, ${totals.shardsAccepted} of ${countText(totals.shards, 'shard')} accepted`,
      `- ${creditsText(totals.paidMicro)} paid, ${creditsText(totals.receivedMicro)} received`,
      `- ${countText(totals.errors, 'error')}`,
    ].join('\n'),
    '## Jobs',
    jobs.length === 0
      ? 'None in this period.'
      : table(
          ['job', 'submitted', 'template', 'label', 'state', 'items', 'shards', 'spent', 'reason'],
          jobs.map((job) => [
            jobIdText(job.jobId),
            iso(job.createdAt),
            job.templateName,
            job.label,
            job.state,
            String(job.items),
            `${job.shardsAccepted}/${job.shardsTotal}`,
            creditsText(job.spentMicro),
            job.reason,
          ]),
        ),
    '## Credits by peer',
    net.size === 0
      ? 'No payments in this period.'
      : table(
          ['peer', 'paid', 'received'],
          [...net].map(([peer, { paid, received }]) => [
            peerText(peer),
            creditsText(String(paid)),
            creditsText(String(received)),
          ]),
        ),
    '## Errors',
    errors.length === 0
      ? 'None in this period.'
      : table(
          ['time', 'what', 'job', 'peer', 'code', 'reason'],
          errors.map((error) => [
            iso(error.at),
            error.type,
            error.jobId === null ? '' : jobIdText(error.jobId),
            error.peer === null ? '' : peerText(error.peer),
            error.code ?? '',
            error.reason,
          ]),
        ),
  ];
  return `${sections.join('\n\n')}\n`;
}

function table(head: readonly string[], rows: ReadonlyArray<readonly string[]>): string {
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell) => plain(cell).replaceAll(/[\\|<]/g, '\\$&')).join(' | ')} |`;
  return [line(head), `|${' --- |'.repeat(head.length)}`, ...rows.map(line)].join('\n');
}
