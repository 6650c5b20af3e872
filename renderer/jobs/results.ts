/** Results as files: one line per input, in the order in which they were submitted. */
import type { Json, MethodResult } from '../../node-core/protocol/index.ts';
import { csvText } from '../batch/csv.ts';
import { isRecord, shortText } from '../batch/items.ts';

type Outputs = MethodResult<'jobs.results'>['outputs'];

export function resultsJsonl(outputs: Outputs, inputs: readonly Json[] | undefined): string {
  return outputs
    .map(({ index, output, how, given, mark }) =>
      JSON.stringify({
        index,
        ...(inputs !== undefined && { input: inputs[index] ?? null }),
        output,
        how,
        ...(given !== undefined && { given }),
        ...(mark !== undefined && { mark }),
      }),
    )
    .map((line) => `${line}\n`)
    .join('');
}

/** One column for each part of the outputs, besides place, input and check. */
export function resultsCsv(outputs: Outputs, inputs: readonly Json[] | undefined): string {
  const parts = [...new Set(outputs.flatMap(({ output }) => (isRecord(output) ? Object.keys(output) : [])))];
  const names = parts.length === 0 ? ['output'] : parts;
  /** What speaks against an answer has its columns where there is any. */
  const doubts = (['given', 'mark'] as const).filter((one) => outputs.some((output) => output[one] !== undefined));
  const head = ['index', ...(inputs === undefined ? [] : ['input']), ...names, 'how', ...doubts];
  return csvText([
    head,
    ...outputs.map(({ index, output, how, given, mark }) => [
      String(index),
      ...(inputs === undefined ? [] : [shortText(inputs[index] ?? '')]),
      ...names.map((name) => cell(parts.length === 0 ? output : isRecord(output) ? output[name] : undefined)),
      how,
      ...doubts.map((one) => String({ given, mark }[one] ?? '')),
    ]),
  ]);
}

function cell(value: Json | undefined): string {
  if (value === undefined || value === null) return '';
  return typeof value === 'string' ? value : JSON.stringify(value);
}
