import { defineCommand, option } from '../command.ts';
import { writeText } from '../job/outputs.ts';
import { gatherReport } from '../job/report.ts';
import { formatReport, reportFormats } from '../job/report-text.ts';
import { choice, data, text, timeOf, toggleJson, when } from '../values.ts';

export const exportCommand = defineCommand({
  name: 'export',
  summary: 'Sum up a period: jobs, credits and errors.',
  detail: 'CSV is one table: each row is a job, a payment or an error. Amounts are micro-credits there and in JSON.',
  shape: {
    since: option('--since <when>', 'how long ago, as 24h or 7d, or a date (default: 30d)', when().optional()),
    until: option('--until <when>', 'default: now', when().optional()),
    format: option(
      '--format <format>',
      `${reportFormats.join(', ')} (default: markdown)`,
      choice(reportFormats).optional(),
      reportFormats,
    ),
    out: option('-o, --out <file>', 'write there: .json, .csv or .md', text().optional(), 'file'),
    json: toggleJson('as --format json'),
    data: data(),
  },
  examples: [
    { line: 'export --since 7d', says: 'the last week, to read' },
    { line: 'export --since 2026-03-01 --until 2026-04-01 --out march.csv', says: 'for a spreadsheet' },
  ],
  check: ({ json, format }) =>
    json && format !== undefined && format !== 'json' ? '--json and --format contradict each other' : null,
  async run(context, { since, until, format, out, json }) {
    const now = context.now();
    const period = {
      since: timeOf(since ?? { agoMs: 30 * 86_400_000 }, now),
      until: timeOf(until ?? { at: now }, now),
    };
    const report = await gatherReport(await context.connect(), period);
    const byName = reportFormats.find((name) => out?.endsWith({ json: '.json', csv: '.csv', markdown: '.md' }[name]));
    const result = formatReport(report, json ? 'json' : (format ?? byName ?? 'markdown'));
    if (out === undefined) context.out.write(result);
    else {
      await writeText(out, result);
      context.err.say(`wrote ${out}`);
    }
    return 'ok';
  },
});
