/** A period of the node's log in figures, and as a page to keep or to send: nothing of what was computed is in it. */
import { type LogEntry, micro } from '../../node-core/protocol/index.ts';
import { csvText } from '../batch/csv.ts';
import { t } from '../text/en.ts';
import { detailOf, levelOf, summaryOf } from '../text/events.ts';
import { count, credits, dateTime, number } from '../text/format.ts';

export const summaryFormats = ['html', 'md', 'csv', 'json'] as const;
export type SummaryFormat = (typeof summaryFormats)[number];

export interface Bucket {
  readonly from: number;
  jobs: number;
  work: number;
  receivedMicro: string;
  paidMicro: string;
  errors: number;
}

export interface Summary {
  readonly peerId: string;
  readonly from: number;
  readonly to: number;
  readonly bucketMs: number;
  jobsCreated: number;
  readonly jobsEnded: Record<string, number>;
  workAccepted: number;
  workFailed: number;
  receivedMicro: string;
  paidMicro: string;
  entries: number;
  readonly errors: { readonly at: number; readonly text: string }[];
  readonly buckets: Bucket[];
}

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
/** A summary is to be read: beyond so many the log itself is. */
const errorsMax = 200;

export function newSummary(peerId: string, from: number, to: number): Summary {
  const bucketMs = to - from <= 2 * dayMs ? hourMs : dayMs;
  const buckets: Bucket[] = [];
  for (let at = from; at < to; at += bucketMs) {
    buckets.push({ from: at, jobs: 0, work: 0, receivedMicro: '0', paidMicro: '0', errors: 0 });
  }
  return {
    peerId,
    from,
    to,
    bucketMs,
    jobsCreated: 0,
    jobsEnded: {},
    workAccepted: 0,
    workFailed: 0,
    receivedMicro: '0',
    paidMicro: '0',
    entries: 0,
    errors: [],
    buckets,
  };
}

export function addEntry(summary: Summary, { at, event }: LogEntry): void {
  if (at < summary.from || at >= summary.to) return;
  const bucket = summary.buckets[Math.floor((at - summary.from) / summary.bucketMs)];
  if (bucket === undefined) return;
  summary.entries += 1;
  switch (event.type) {
    case 'job.created':
      summary.jobsCreated += 1;
      bucket.jobs += 1;
      break;
    case 'job.ended':
      summary.jobsEnded[event.state] = (summary.jobsEnded[event.state] ?? 0) + 1;
      break;
    case 'work.judged':
      if (event.verdict === 'accepted') {
        summary.workAccepted += 1;
        bucket.work += 1;
      }
      break;
    case 'work.failed':
      summary.workFailed += 1;
      break;
    case 'payment.received':
      summary.receivedMicro = micro.add(summary.receivedMicro, event.amountMicro);
      bucket.receivedMicro = micro.add(bucket.receivedMicro, event.amountMicro);
      break;
    case 'payment.paid':
      summary.paidMicro = micro.add(summary.paidMicro, event.priceMicro);
      bucket.paidMicro = micro.add(bucket.paidMicro, event.priceMicro);
      break;
  }
  if (levelOf(event) !== 'error') return;
  bucket.errors += 1;
  if (summary.errors.length < errorsMax) summary.errors.push({ at, text: `${summaryOf(event)} ${detailOf(event)}` });
}

export const summaryTypes: Readonly<Record<SummaryFormat, string>> = {
  html: 'text/html',
  md: 'text/markdown',
  csv: 'text/csv',
  json: 'application/json',
};

export function summaryText(summary: Summary, format: SummaryFormat): string {
  return { html: asHtml, md: asMarkdown, csv: asCsv, json: (one: Summary) => `${JSON.stringify(one, null, 2)}\n` }[
    format
  ](summary);
}

function figures(summary: Summary): readonly (readonly [string, string])[] {
  const ended = Object.entries(summary.jobsEnded).map(([state, n]) => `${number(n)} ${state}`);
  return [
    [t.summary.node, summary.peerId],
    [t.summary.period, `${dateTime(summary.from)} – ${dateTime(summary.to)}`],
    [t.summary.jobs, [`${number(summary.jobsCreated)} ${t.summary.created}`, ...ended].join(', ')],
    [
      t.summary.work,
      `${number(summary.workAccepted)} ${t.summary.accepted}, ${number(summary.workFailed)} ${t.summary.failed}`,
    ],
    [t.wallet.received, credits(summary.receivedMicro)],
    [t.wallet.paid, credits(summary.paidMicro)],
    [t.summary.entries, number(summary.entries)],
    [t.summary.errors, count(summary.errors.length, 'entry', 'entries')],
  ];
}

const columns = ['from', 'jobs', 'work', 'received_micro', 'paid_micro', 'errors'];
const rowsOf = (summary: Summary): string[][] =>
  summary.buckets.map((bucket) => [
    new Date(bucket.from).toISOString(),
    String(bucket.jobs),
    String(bucket.work),
    bucket.receivedMicro,
    bucket.paidMicro,
    String(bucket.errors),
  ]);

const asCsv = (summary: Summary): string => csvText([columns, ...rowsOf(summary)]);

function asMarkdown(summary: Summary): string {
  const cell = (text: string) => text.replaceAll('|', '\\|').replaceAll('\n', ' ');
  const table = (head: readonly string[], rows: readonly (readonly string[])[]) =>
    [head, head.map(() => '---'), ...rows].map((row) => `| ${row.map(cell).join(' | ')} |`).join('\n');
  const errors = summary.errors.map(({ at, text }) => [dateTime(at), text]);
  return [
    `# ${t.summary.title}`,
    table(['', ''], figures(summary)),
    `## ${summary.bucketMs === hourMs ? t.summary.perHour : t.summary.perDay}`,
    table(columns, rowsOf(summary)),
    `## ${t.summary.errors}`,
    errors.length === 0 ? t.summary.noErrors : table(['', ''], errors),
    '',
  ].join('\n\n');
}

/** One file without anything from elsewhere: it opens from a mail as well. */
function asHtml(summary: Summary): string {
  const safe = (text: string) =>
    text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
  const row = (cells: readonly string[], tag = 'td') =>
    `<tr>${cells.map((cell) => `<${tag}>${safe(cell)}</${tag}>`).join('')}</tr>`;
  const chart = (title: string, values: readonly number[]) => {
    const most = Math.max(1, ...values);
    const width = 640 / Math.max(1, values.length);
    const bars = values.map(
      (value, i) =>
        `<rect x="${(i * width).toFixed(1)}" y="${(100 - (value / most) * 100).toFixed(1)}" width="${Math.max(1, width - 1).toFixed(1)}" height="${((value / most) * 100).toFixed(1)}"/>`,
    );
    return `<h3>${safe(title)}</h3><svg viewBox="0 0 640 100" role="img" aria-label="${safe(title)}, at most ${most}">${bars.join('')}</svg>`;
  };
  const credit = (amount: string) => Number(BigInt(amount) / 1000n) / 1000;
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>${safe(t.summary.title)}</title>
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<style>body{font:15px/1.5 system-ui,sans-serif;max-width:44rem;margin:3rem auto;padding:0 1rem;color-scheme:light dark}table{border-collapse:collapse;width:100%}td,th{padding:.3rem .6rem;border-bottom:1px solid #8884;text-align:left;overflow-wrap:anywhere}svg{width:100%;height:7rem;border-bottom:1px solid #8888}rect{fill:#5b5bd6}</style></head>
<body><h1>${safe(t.summary.title)}</h1>
<table>${figures(summary)
    .map(([name, value]) => row([name, value]))
    .join('')}</table>
<h2>${safe(summary.bucketMs === hourMs ? t.summary.perHour : t.summary.perDay)}</h2>
${chart(
  t.summary.jobs,
  summary.buckets.map(({ jobs }) => jobs),
)}
${chart(
  `${t.wallet.received}, ${t.summary.credits}`,
  summary.buckets.map(({ receivedMicro }) => credit(receivedMicro)),
)}
${chart(
  `${t.wallet.paid}, ${t.summary.credits}`,
  summary.buckets.map(({ paidMicro }) => credit(paidMicro)),
)}
${chart(
  t.summary.errors,
  summary.buckets.map(({ errors }) => errors),
)}
<h2>${safe(t.summary.errors)}</h2>
${
  summary.errors.length === 0
    ? `<p>${safe(t.summary.noErrors)}</p>`
    : `<table>${summary.errors.map(({ at, text }) => row([dateTime(at), text])).join('')}</table>`
}
</body></html>
`;
}
