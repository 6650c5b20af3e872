/** A world without terminal and process, for the tests of the commands. */
import type { ControlClient } from '../control/index.ts';
import { FakeNode } from '../control/testing.ts';
import type { MethodName } from '../protocol/index.ts';
import type { Context } from './context.ts';
import { CliError, type ExitKind } from './exit-codes.ts';
import { runProgram } from './program.ts';
import { Terminal } from './text/terminal.ts';

export class FakeClient extends FakeNode implements ControlClient {
  readonly closed: Promise<string>;
  /** As if the node were gone. */
  readonly breakOff: (reason: string) => void;

  constructor() {
    super();
    const { promise, resolve } = Promise.withResolvers<string>();
    this.closed = promise;
    this.breakOff = resolve;
  }

  async close(): Promise<void> {
    this.breakOff('closed');
  }
}

export type Answers = { readonly [M in MethodName]?: (params: unknown) => unknown };

export interface FakeWorld {
  /** Both outputs are one, and somebody looks and types. */
  readonly terminal?: boolean;
  readonly stdin?: string;
  readonly dataFolder?: string;
  readonly configFile?: string | null;
  readonly env?: Readonly<Record<string, string>>;
  /** Null = no node runs; asked at each connection. */
  connect?(): FakeClient | null;
  /** Instead of `stdin`: what is typed next. */
  ask?(): string | null;
  /** Given what a Ctrl-C would do. @returns called when it would not any more. */
  onInterrupt?(interrupt: () => void): () => void;
  /** Called at each wait. */
  onSleep?(interrupt: () => void): void;
}

export interface Run {
  readonly exit: ExitKind;
  readonly out: string;
  readonly err: string;
}

export function clientOf(answers: Answers): FakeClient {
  const client = new FakeClient();
  client.answer = (method, params) => {
    const answer = answers[method];
    if (answer === undefined) throw new Error(`the test has no answer to ${method}`);
    return answer(params);
  };
  return client;
}

export const noon = Date.UTC(2026, 2, 1, 12);

export async function runCli(words: readonly string[], world: FakeWorld = {}): Promise<Run> {
  let out = '';
  let err = '';
  let now = noon;
  const writeOut = (text: string) => {
    out += text;
  };
  const writeErr = (text: string) => {
    err += text;
  };
  const stream = (write: (text: string) => void) => ({ isTTY: world.terminal === true, columns: 120, write });
  const env = { NO_COLOR: '1', ...world.env };
  const abort = new AbortController();
  const stdin = world.stdin ?? '';
  const context: Context = {
    out: new Terminal(stream(writeOut), env),
    err: new Terminal(stream(writeErr), env),
    env,
    input: {
      isTerminal: world.terminal === true,
      readAll: async () => stdin,
      ask: async (question) => {
        writeErr(question);
        if (world.ask !== undefined) return world.ask();
        return stdin === '' ? null : stdin;
      },
    },
    dataFolder: async () => world.dataFolder ?? '/nowhere',
    configFile: () => world.configFile ?? null,
    connect: async () => {
      const client = world.connect?.() ?? null;
      if (client === null) throw new CliError('no-node', 'no node runs on /nowhere');
      return client;
    },
    commandLine: (line) => `infernet-desktop ${line}`,
    now: () => now,
    sleep: async (ms) => {
      now += ms;
      world.onSleep?.(() => abort.abort());
      // Others get their turn.
      await new Promise(setImmediate);
    },
    interruption: () => abort.signal,
    onInterrupt: (run) => {
      const release = world.onInterrupt?.(run);
      return () => release?.();
    },
  };
  const exit = await runProgram(words, { context: () => context, out: writeOut, err: writeErr });
  return { exit, out, err };
}
