/**
 * What a command is: data, of which the parser, its help, the shell completions and docs/cli.md are made.
 *
 *     export const cancel = defineCommand({
 *       name: 'cancel',
 *       summary: 'Cancel a job.',
 *       shape: { job: argument('<job>', 'its id', jobId()), reason: option('--reason <text>', 'for the log', text()) },
 *       examples: [{ line: 'cancel 3fa9', says: 'ends the job whose id begins so' }],
 *       run: async (context, { job, reason }) => { … },
 *     });
 *
 * A value is a zod schema that takes the words of the command line; its flag is kept beside it.
 */
import { z } from '../protocol/index.ts';
import type { Context } from './context.ts';
import type { ExitKind } from './exit-codes.ts';

/** What a shell may offer for a value, besides fixed choices. */
export type Completion = 'file' | 'folder' | readonly string[];

export interface Flag {
  /** `--label <text>`, `-n, --limit <n>`, `--json`; of an argument `<job>` or `[file]`. */
  readonly flags: string;
  readonly summary: string;
  readonly kind: 'argument' | 'option';
  readonly completion?: Completion;
}

export interface Example {
  /** Without the program's name. */
  readonly line: string;
  readonly says: string;
}

export interface Command {
  /** One word, or a group and a word: `identity export`. */
  readonly name: string;
  readonly summary: string;
  readonly detail?: string;
  readonly examples: readonly Example[];
  /** By the key of the value. */
  readonly flags: ReadonlyMap<string, Flag>;
  /** @param words by key, as the parser found them. @throws UsageError */
  run(context: Context, words: Readonly<Record<string, unknown>>): Promise<ExitKind>;
}

interface Definition<Shape extends z.ZodRawShape> {
  readonly name: string;
  readonly summary: string;
  readonly detail?: string;
  readonly shape: Shape;
  readonly examples: readonly [Example, ...Example[]];
  /** What goes beyond one value. @returns what is wrong, or null. */
  check?(values: z.infer<z.ZodObject<Shape>>): string | null;
  run(context: Context, values: z.infer<z.ZodObject<Shape>>): Promise<ExitKind>;
}

/** The words do not make sense: shown with a hint at `--help`. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

const flagOf = new WeakMap<z.core.$ZodType, Flag>();

export function defineCommand<Shape extends z.ZodRawShape>(definition: Definition<Shape>): Command {
  const { name, summary, detail, shape, examples, check, run } = definition;
  const flags = new Map<string, Flag>();
  for (const [key, schema] of Object.entries(shape)) {
    const flag = flagOf.get(schema);
    if (flag === undefined) throw new TypeError(`${name}: ${key} has no flag`);
    flags.set(key, flag);
  }
  const schema = z.object(shape);
  return {
    name,
    summary,
    ...(detail !== undefined && { detail }),
    examples,
    flags,
    async run(context, words) {
      const parsed = schema.safeParse(words);
      if (!parsed.success) throw new UsageError(explain(parsed.error.issues, flags, words));
      const wrong = check?.(parsed.data) ?? null;
      if (wrong !== null) throw new UsageError(wrong);
      return run(context, parsed.data);
    },
  };
}

export function option<Schema extends z.ZodType>(
  flags: string,
  summary: string,
  schema: Schema,
  completion?: Completion,
): Schema {
  return withFlag(schema, { flags, summary, kind: 'option', ...(completion !== undefined && { completion }) });
}

export function argument<Schema extends z.ZodType>(
  flags: string,
  summary: string,
  schema: Schema,
  completion?: Completion,
): Schema {
  return withFlag(schema, { flags, summary, kind: 'argument', ...(completion !== undefined && { completion }) });
}

/** Given or not. */
export function toggle(flags: string, summary: string) {
  return option(flags, summary, z.boolean().default(false));
}

function withFlag<Schema extends z.ZodType>(schema: Schema, flag: Flag): Schema {
  if (flagOf.has(schema)) throw new TypeError(`${flag.flags}: its schema has a flag already; make another`);
  flagOf.set(schema, flag);
  return schema;
}

function explain(
  issues: readonly z.core.$ZodIssue[],
  flags: ReadonlyMap<string, Flag>,
  words: Readonly<Record<string, unknown>>,
): string {
  return issues
    .map(({ path: [key = ''], message }) => {
      const flag = flags.get(String(key))?.flags ?? String(key);
      const found = words[String(key)];
      const name = /--[a-z-]+/.exec(flag)?.[0] ?? flag;
      return `${name}: ${message}${found === undefined ? '' : `, found ${JSON.stringify(found)}`}`;
    })
    .join('\n');
}
