import { argument, defineCommand, option } from '../command.ts';
import { findJob, jobRef } from '../job/find-job.ts';
import { outputFormats, resultLines, resultText, tellMissing, writeResults } from '../job/outputs.ts';
import { choice, data, json, text } from '../values.ts';

export const results = defineCommand({
  name: 'results',
  summary: 'Answers of a job so far, in the order of its inputs.',
  detail: 'A table on a terminal, JSON lines elsewhere. Items without an answer are there too, marked as missing.',
  shape: {
    job: argument('[job]', 'its id or the first letters of it; `last` where left out', jobRef().default('last')),
    format: option('--format <format>', outputFormats.join(', '), choice(outputFormats).optional(), outputFormats),
    out: option('-o, --out <file>', 'write there instead: .jsonl, .csv or .json', text().optional(), 'file'),
    json: json(),
    data: data(),
  },
  examples: [
    { line: 'results last --out labels.csv', says: 'of the newest job, as a table' },
    { line: 'results 3fa9 | jq -r .output.label', says: 'JSON lines, to a program' },
  ],
  async run(context, { job, format, out, json: asJson }) {
    const node = await context.connect();
    const found = await node.call('jobs.results', { jobId: await findJob(node, job) });
    if (out !== undefined) {
      await writeResults(context, out, found);
      return 'ok';
    }
    const form = asJson ? 'json' : (format ?? (context.out.isTerminal ? 'text' : 'jsonl'));
    if (form === 'text') for (const line of resultLines(context.out, found)) context.out.say(line);
    else context.out.write(resultText(found, form));
    tellMissing(context, found);
    return 'ok';
  },
});
