/** Answers of a job: as lines for people, or in a file. */
import { writeFile } from 'node:fs/promises';
import { extname } from 'node:path';
import type { MethodResult } from '../../protocol/index.ts';
import { type Context, outputText } from '../context.ts';
import { CliError } from '../exit-codes.ts';
import { csvLine } from '../text/csv.ts';
import { tableLines } from '../text/table.ts';
import { plain, type Terminal } from '../text/terminal.ts';
import { countText } from '../text/units.ts';

export const outputFormats = ['jsonl', 'csv', 'text', 'json'] as const;
export type OutputFormat = (typeof outputFormats)[number];
type Results = MethodResult<'jobs.results'>;

const hows: Readonly<Record<Results['outputs'][number]['how'], string>> = {
  checked: 'checked',
  'unchecked-by-policy': 'unchecked',
  'own-node': 'own node',
  missing: 'missing',
};

export function resultLines(terminal: Terminal, { outputs }: Results, shownMax = Number.POSITIVE_INFINITY): string[] {
  const rows = outputs
    .slice(0, shownMax)
    .map(({ index, output, how }) => [String(index), hows[how], how === 'missing' ? '' : plain(outputText(output))]);
  return tableLines(terminal, [{ title: 'item', align: 'right' }, { title: 'how' }, { title: 'answer' }], rows);
}

export function resultText(results: Results, format: Exclude<OutputFormat, 'text'>): string {
  switch (format) {
    case 'json':
      return `${JSON.stringify(results, null, 2)}\n`;
    case 'jsonl':
      return results.outputs.map((item) => `${JSON.stringify(item)}\n`).join('');
    case 'csv':
      return [
        csvLine(['index', 'how', 'output']),
        ...results.outputs.map(({ index, how, output }) =>
          csvLine([index, how, how === 'missing' ? '' : outputText(output)]),
        ),
      ]
        .map((line) => `${line}\n`)
        .join('');
  }
}

/** By the file's ending. */
export async function writeResults(context: Context, path: string, results: Results): Promise<void> {
  const formats: Readonly<Record<string, 'csv' | 'json'>> = { '.csv': 'csv', '.json': 'json' };
  const extension = extname(path).toLowerCase();
  const format = Object.hasOwn(formats, extension) ? formats[extension] : undefined;
  await writeText(path, resultText(results, format ?? 'jsonl'));
  context.err.say(`wrote ${countText(results.outputs.length, 'answer')} to ${path}`);
  tellMissing(context, results);
}

export async function writeText(path: string, text: string): Promise<void> {
  try {
    await writeFile(path, text);
  } catch (error) {
    throw new CliError(
      'not-allowed',
      `${path} cannot be written: ${error instanceof Error ? error.message : String(error)}`,
      {
        cause: error,
      },
    );
  }
}

export function tellMissing(context: Context, { outputs, state }: Results): void {
  const missing = outputs.filter(({ how }) => how === 'missing').length;
  if (missing === 0) return;
  const why = state === 'running' || state === 'planning' ? 'the job is still running' : `the job is ${state}`;
  context.err.say(
    `${missing} of ${countText(outputs.length, 'item')} ${missing === 1 ? 'has' : 'have'} no answer: ${why}`,
  );
}
