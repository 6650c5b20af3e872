/** What `npm run simulate` takes. Usage and parser come from one table. */
import { parseArgs } from 'node:util';
import { z } from '../../node-core/protocol/zod.ts';
import type { Scenario } from '../../node-core/simulation/scenario.ts';

/** Shown with the usage; exit code 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

interface Row {
  /** Of its value, in the usage; none for a switch. */
  readonly value?: string;
  readonly about: string;
}

const table = {
  scenario: { value: 'NAME', about: 'one scenario' },
  all: { about: 'all scenarios, and the seeds that ever failed' },
  seed: { value: 'N', about: 'one seed; alone it also writes a timeline' },
  seeds: { value: 'A..B', about: 'a range of seeds; default 1, with --all 1..200 (1..20 of the hour-long ones)' },
  nodes: { value: 'N', about: 'nodes of the network, default 30; a scenario may need more or use fewer' },
  full: { about: 'as many nodes as --nodes says, also where a scenario uses fewer' },
  without: { value: 'N,N', about: 'leave out faults by their numbers, as a shrunk seed says' },
  report: { about: 'a table per scenario, also of a single run; alone it means --all --report' },
  shrink: { about: 'make a red run smaller: always done, but with --without, which says what to leave out' },
  silent: { about: 'no timeline of a single run: for large ones' },
  soak: { about: 'with --all: the hour-long ones as often as the others, and --containers; writes docs/soak.md' },
  containers: { about: '500 real containers and what they leave behind; writes its part of docs/soak.md' },
  mutants: { about: 'deliberate bugs, each until a seed turns red' },
  bars: { about: 'what the policies must reach, measured over the seeds (200) and judged' },
  only: { value: 'NAME', about: 'with --mutants or --bars: this one' },
  verify: { about: 'with --mutants: say also whether the unit tests see it' },
  workers: { value: 'N', about: 'processes, default 2' },
  help: { about: 'this text' },
} as const satisfies Record<string, Row>;

const count = z.string().regex(/^\d+$/, 'wants a whole number').transform(Number);
const positive = count.refine((number) => number > 0, 'wants a number above 0');
const range = z
  .string()
  .regex(/^\d+(\.\.\d+)?$/, 'wants A..B')
  .transform((text) => {
    const [from = 0, to = from] = text.split('..').map(Number);
    return { from, to };
  })
  .refine(({ from, to }) => from <= to, 'ends before it begins');
const flag = z.boolean().default(false);

const Options = z
  .strictObject({
    scenario: z.string().optional(),
    all: flag,
    seed: count.optional(),
    seeds: range.optional(),
    nodes: positive.default(30),
    without: z
      .string()
      .regex(/^\d+(,\d+)*$/, 'wants numbers with commas between them')
      .transform((text) => text.split(',').map(Number))
      .optional(),
    full: flag,
    report: flag,
    shrink: flag,
    silent: flag,
    soak: flag,
    containers: flag,
    mutants: flag,
    bars: flag,
    only: z.string().optional(),
    verify: flag,
    workers: positive.default(2),
    help: flag,
  } satisfies Record<keyof typeof table, z.ZodType>)
  // A report of nothing in particular is one of everything.
  .transform((options) => {
    const { scenario, report, mutants, bars, containers } = options;
    return report && scenario === undefined && !mutants && !bars && !containers ? { ...options, all: true } : options;
  })
  .superRefine((options, context) => {
    const issue = (message: string): void => context.addIssue({ code: 'custom', message });
    const { scenario, all, mutants, bars, containers, help } = options;
    const chosen = [scenario !== undefined, all, mutants, bars, containers].filter(Boolean).length;
    if (chosen !== 1 && !help) issue('say one of --scenario NAME, --all, --mutants, --bars and --containers');
    if (options.soak && !all) issue('--soak goes with --all');
    if (options.seed !== undefined && options.seeds !== undefined) issue('--seed or --seeds, not both');
    if (options.verify && !mutants) issue('--verify goes with --mutants');
    if (options.only !== undefined && !mutants && !bars) issue('--only goes with --mutants or --bars');
    if (options.without !== undefined && (scenario === undefined || options.seed === undefined))
      issue('--without goes with one --scenario and --seed');
  });
export type Options = z.infer<typeof Options>;

/** @throws UsageError */
export function readOptions(args: readonly string[]): Options {
  let values: unknown;
  try {
    const options = Object.fromEntries(
      Object.entries<Row>(table).map(([name, { value }]) => [
        name,
        { type: value === undefined ? ('boolean' as const) : ('string' as const) },
      ]),
    );
    ({ values } = parseArgs({ args: [...args], options }));
  } catch (error) {
    // The rest of Node's sentence explains how to write positional arguments, which there are none of.
    throw new UsageError(error instanceof Error ? (error.message.split('. ')[0] ?? '') : String(error));
  }
  const parsed = Options.safeParse({ ...(typeof values === 'object' ? values : {}) });
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const [name] = issue?.path ?? [];
  throw new UsageError(`${name === undefined ? '' : `--${String(name)} `}${issue?.message ?? ''}`);
}

export function usage(scenarios: readonly Scenario[]): string {
  const options = Object.entries<Row>(table).map(
    ([name, { value, about }]) => `  ${`--${name}${value === undefined ? '' : ` ${value}`}`.padEnd(20)}${about}`,
  );
  return `usage: npm run simulate -- --scenario NAME [--seed N | --seeds A..B] [--nodes N]
       npm run simulate -- --all [--seeds A..B] [--nodes N] [--report] [--soak]
       npm run simulate -- --report                                  as --all --report
       npm run simulate -- --mutants [--only NAME] [--verify]
       npm run simulate -- --bars [--only NAME] [--seeds A..B] [--nodes N]
       npm run simulate -- --containers

The production node in virtual time: what a run does follows from scenario, seed and nodes. docs/simulation.md

${options.join('\n')}

Scenarios:
${scenarios.map(({ name, about }) => `  ${name.padEnd(20)}${about}`).join('\n')}

Exit codes: 0 all green (every mutant caught, every bar met), 1 a seed is red (a mutant was missed, a bar was not met), 2 the command was not understood.`;
}
