/** The options that describe a job, for `submit` and `plan`, and the job spec that comes of them. */
import { readFile, stat } from 'node:fs/promises';
import { type JobSpecInput, Json, type MethodResult, type NodeApi, protocolLimits, z } from '../../protocol/index.ts';
import { argument, option } from '../command.ts';
import type { Context } from '../context.ts';
import { CliError } from '../exit-codes.ts';
import { choice, credits, duration, percent, priority, text, wholeNumber } from '../values.ts';
import { formatOf, type ItemForm, inputFormats, itemsOf, textItem } from './inputs.ts';

const dayMs = 86_400_000;
/** As large as the control server takes a message, with what JSON adds. */
const inputBytesMax = 48 * 1024 * 1024;
/** For a plan before there is a budget. */
const anyBudget = '9'.repeat(24);
/** Where nobody names a price yet. */
const blindBudgetMicro = '1000000';

/** New each time: a schema carries one command's flag. */
export const jobShapeOf = () => ({
  file: argument(
    '[file]',
    'items: JSON lines, CSV with a head, or lines of text; - or none reads the input',
    text().optional(),
    'file',
  ),
  text: option('--text <text...>', 'items, as texts', z.array(text(protocolLimits.inlineBytesMax)).optional()),
  format: option(
    '--format <format>',
    'of the file, where its name does not tell',
    choice(inputFormats).optional(),
    inputFormats,
  ),
  field: option(
    '--field <name>',
    'part of an item that a text goes to; of a CSV, the column with the text',
    text(200).optional(),
  ),
  template: option(
    '-t, --template <name>',
    'what to run (default: text-classification)',
    text(128).default('text-classification'),
  ),
  model: option('-m, --model <name>', 'name or content id (default: the template’s first)', text(128).optional()),
  param: option(
    '-p, --param <name=value...>',
    'parameter of the template; JSON, or else a text',
    z.array(text().regex(/^[^=]+=/, 'expected name=value')).optional(),
  ),
  copies: option('--copies <n>', 'providers that run each shard (default: 2)', wholeNumber(1, 7).optional()),
  quorum: option('--quorum <n>', 'copies that must agree (default: a majority)', wholeNumber(1, 7).optional()),
  check: option(
    '--check <how>',
    'copies: as many as --copies (default); sample, adaptive: one copy, of which some are checked',
    choice(['copies', 'sample', 'adaptive']).optional(),
    ['copies', 'sample', 'adaptive'],
  ),
  rate: option(
    '--rate <percent>',
    'with --check sample: of the shards, as 5 or 0.5 (default: 5)',
    percent().optional(),
  ),
  priority: priority(),
  budget: option(
    '--budget <credits>',
    'the most to spend, as 0.25 (default: what the plan sets aside)',
    credits().optional(),
  ),
  deadline: option(
    '--deadline <time>',
    'ends with what it has after, as 90s, 10m, 2h (default: 10m)',
    duration(1000, 7 * dayMs, 'a time from 1s to 7d, as 90s, 10m or 2h').optional(),
  ),
  itemsPerShard: option(
    '--items-per-shard <n>',
    'default: 10',
    wholeNumber(1, protocolLimits.itemsPerShardMax).optional(),
  ),
  ownNode: option(
    '--own-node <when>',
    'may this node run it: never, if-alone (default) or only',
    choice(['never', 'if-alone', 'only']).optional(),
    ['never', 'if-alone', 'only'],
  ),
  label: option('-l, --label <text>', 'a name for people', text(200).optional()),
});
type JobOptions = z.infer<z.ZodObject<ReturnType<typeof jobShapeOf>>>;

export interface PlannedSubmission {
  readonly spec: JobSpecInput;
  readonly plan: MethodResult<'jobs.plan'>;
  readonly budgetBy: 'owner' | 'plan' | 'guess';
}

export function wrongTogether({ copies: wanted, quorum, check, rate, file, text: texts }: JobOptions): string | null {
  const copies = wanted ?? 2;
  if (rate !== undefined && check !== 'sample') return '--rate goes with --check sample';
  if (check !== undefined && check !== 'copies' && (wanted !== undefined || quorum !== undefined))
    return `--check ${check} makes one copy: leave --copies and --quorum out`;
  if (file !== undefined && texts !== undefined) return 'give either --text or a file, not both';
  if (quorum === undefined) return null;
  if (quorum > copies) return `--quorum: ${quorum} of ${copies} copies cannot agree; expected at most --copies`;
  if (copies > 1 && quorum * 2 <= copies) return `--quorum: ${quorum} is no majority of ${copies} copies`;
  return null;
}

/** Reads the inputs, and asks the node what the job would take. */
export async function planJob(context: Context, node: NodeApi, options: JobOptions): Promise<PlannedSubmission> {
  const { templates } = await node.call('jobs.templates', {});
  const template = templates.find(({ id, name }) => name === options.template || id === options.template);
  if (template === undefined) {
    const names = [...new Set(templates.map(({ name }) => name))].sort();
    throw new CliError(
      'usage',
      `no template is called ${JSON.stringify(options.template)}; this node knows ${names.join(', ') || 'none'}`,
    );
  }
  const inputs = await readInputs(context, options, { schema: template.input, field: options.field ?? null });
  const { copies = 2, itemsPerShard, priority, deadline, ownNode, label, model } = options;
  const spec = {
    template: template.id,
    model: model ?? null,
    params: paramsOf(options.param ?? []),
    inputs,
    policy: policyOf(options, copies),
    ...(itemsPerShard !== undefined && { itemsPerShard }),
    ...(priority !== undefined && { priority }),
    ...(deadline !== undefined && { deadlineMs: deadline }),
    ...(ownNode !== undefined && { ownNode }),
    ...(label !== undefined && { label }),
  };
  const plan = await node.call('jobs.plan', { ...spec, budgetMicro: options.budget ?? anyBudget });
  if (options.budget !== undefined) return { spec: { ...spec, budgetMicro: options.budget }, plan, budgetBy: 'owner' };
  if (plan.reserveMicro !== '0' || ownNode === 'only') {
    return { spec: { ...spec, budgetMicro: plan.reserveMicro }, plan, budgetBy: 'plan' };
  }
  return { spec: { ...spec, budgetMicro: blindBudgetMicro }, plan, budgetBy: 'guess' };
}

function policyOf({ check, rate, quorum }: JobOptions, copies: number): JobSpecInput['policy'] {
  if (check === 'sample') return { type: check, ...(rate !== undefined && { ratePpm: rate }) };
  if (check === 'adaptive') return { type: check };
  return {
    type: 'replicate',
    copies,
    quorum: quorum ?? Math.floor(copies / 2) + 1,
    ...(copies === 1 && { tieBreakers: 0 }),
  };
}

async function readInputs(context: Context, options: JobOptions, form: ItemForm): Promise<Json[]> {
  const { text: texts, file = '-', format } = options;
  if (texts !== undefined) return texts.map((words) => textItem(words, form));
  if (file !== '-') return itemsOf(await readSource(file), file, format ?? formatOf(file), form);
  if (context.input.isTerminal) {
    throw new CliError('usage', 'nothing to run: give --text "…", a file, or pipe items into the standard input');
  }
  const source = await context.input.readAll(inputBytesMax);
  return itemsOf(source, 'the standard input', format ?? (looksLikeJson(source) ? 'jsonl' : 'txt'), form);
}

async function readSource(path: string): Promise<string> {
  try {
    const { size } = await stat(path);
    if (size > inputBytesMax) {
      throw new CliError('usage', `${path} has ${size} bytes; a job takes at most ${inputBytesMax}: split it`);
    }
    return await readFile(path, 'utf8');
  } catch (error) {
    if (error instanceof CliError) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new CliError('usage', `the inputs cannot be read: ${reason}`, { cause: error });
  }
}

/** Only objects count: a text may begin with a quote or a digit. */
function looksLikeJson(source: string): boolean {
  const [first = ''] = source.trimStart().split(/\r?\n/, 1);
  try {
    const value: unknown = JSON.parse(first);
    return typeof value === 'object' && value !== null;
  } catch {
    return false;
  }
}

/** @param words `name=value` each. */
export function paramsOf(words: readonly string[]): Record<string, Json> {
  return Object.fromEntries(
    words.map((word): [string, Json] => {
      const [name = '', ...rest] = word.split('=');
      return [name, jsonOrText(rest.join('='))];
    }),
  );
}

function jsonOrText(words: string): Json {
  try {
    return Json.parse(JSON.parse(words));
  } catch {
    return words;
  }
}
