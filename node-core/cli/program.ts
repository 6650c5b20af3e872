/** The command table, as a program: words → command → exit code, with one place for all that can go wrong. */
import { CommanderError, Command as Parser } from 'commander';
import packageJson from '../../package.json' with { type: 'json' };
import { ConfigError } from '../config/index.ts';
import { ApiError, type ApiErrorKind } from '../protocol/index.ts';
import { type Command, UsageError } from './command.ts';
import type { Context } from './context.ts';
import { CliError, type ExitKind, exitCodes, exitMeanings } from './exit-codes.ts';
import { commands, groups, programName } from './table.ts';
import { plain } from './text/terminal.ts';

/** What of the words decides where a command looks. */
export interface Place {
  readonly data: string | null;
  readonly config: string | null;
}

export interface World {
  context(place: Place): Context;
  out(text: string): void;
  err(text: string): void;
}

/** @param words without program and script. @returns how it ended. */
export async function runProgram(words: readonly string[], world: World): Promise<ExitKind> {
  let exit: ExitKind = 'usage';
  const program = parserOf(world, async (command, values) => {
    try {
      const place = { data: textOf(values['data']), config: textOf(values['config']) };
      exit = await command.run(world.context(place), values);
    } catch (error) {
      if (!(error instanceof UsageError)) throw error;
      world.err(`infernet: ${error.message}\nHow it is used: ${programName} ${command.name} --help\n`);
    }
  });
  try {
    await program.parseAsync([...words], { from: 'user' });
    return exit;
  } catch (error) {
    // Commander has said what is wrong, or printed what was asked for.
    if (error instanceof CommanderError) return error.exitCode === 0 ? 'ok' : 'usage';
    const { kind, message } = explain(error);
    world.err(`infernet: ${message}\n`);
    return kind;
  }
}

type Run = (command: Command, values: Readonly<Record<string, unknown>>) => Promise<void>;

function parserOf(world: World, run: Run): Parser {
  const program = new Parser(programName)
    .description('Talks to a node of the Infernet on this computer, or is one (--headless).')
    .version(packageJson.version)
    .option('--headless', 'run a node without a window; `--headless --help` has its options')
    .configureOutput({ writeOut: (text) => world.out(text), writeErr: (text) => world.err(text) })
    .configureHelp({ showGlobalOptions: false })
    .enablePositionalOptions()
    .showHelpAfterError('(--help says how it is used)')
    .exitOverride()
    .addHelpText('after', `\n${exitText()}`);
  const parents = new Map<string, Parser>();
  for (const command of commands) {
    const [first = '', member] = command.name.split(' ');
    if (member === undefined) {
      addCommand(program, first, command, run);
      continue;
    }
    const parent = parents.get(first) ?? program.command(first).description(groups[first] ?? '');
    parents.set(first, parent);
    addCommand(parent, member, command, run);
  }
  return program;
}

function addCommand(parent: Parser, word: string, command: Command, run: Run): void {
  const { summary, detail, flags, examples } = command;
  const parser = parent
    .command(word)
    .summary(summary)
    .description(detail === undefined ? summary : `${summary}\n${detail}`)
    .allowExcessArguments(false);
  const argumentKeys: string[] = [];
  for (const [key, flag] of flags) {
    if (flag.kind === 'option') parser.option(flag.flags, flag.summary);
    else {
      parser.argument(flag.flags, flag.summary);
      argumentKeys.push(key);
    }
  }
  const lines = examples.map(({ line, says }) => `  ${programName} ${line}\n      ${says}`);
  parser.addHelpText('after', `\nExamples:\n${lines.join('\n')}\n\n${exitText()}`);
  parser.action(async () => {
    const given = argumentKeys.map((key, i): [string, unknown] => [key, parser.args[i]]);
    await run(command, { ...Object.fromEntries(given), ...parser.opts() });
  });
}

function exitText(): string {
  const rows = Object.entries(exitCodes).map(([kind, code]) => {
    const meaning = Object.entries(exitMeanings).find(([name]) => name === kind)?.[1] ?? '';
    return `  ${String(code).padStart(3)}  ${meaning}`;
  });
  return `Exit codes:\n${rows.join('\n')}`;
}

const apiExits: Readonly<Record<ApiErrorKind, ExitKind>> = {
  'invalid-params': 'refused',
  'insufficient-funds': 'refused',
  'not-found': 'not-found',
  'not-allowed': 'not-allowed',
  unavailable: 'no-node',
  'method-not-found': 'refused',
  internal: 'internal',
};

function explain(error: unknown): { kind: ExitKind; message: string } {
  if (error instanceof CliError) return { kind: error.exit, message: error.message };
  if (error instanceof ApiError) {
    const older = error.kind === 'method-not-found' ? ' (the node is of another version than this program)' : '';
    return { kind: apiExits[error.kind], message: `${error.message.split('\n').map(plain).join('\n')}${older}` };
  }
  if (error instanceof ConfigError) return { kind: 'config', message: error.message };
  return { kind: 'internal', message: error instanceof Error ? (error.stack ?? error.message) : String(error) };
}

const textOf = (value: unknown) => (typeof value === 'string' ? value : null);
