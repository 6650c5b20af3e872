/** What a command has of the world: tests put other things in its place. */
import type { ControlClient } from '../control/index.ts';
import type { Json } from '../protocol/index.ts';
import type { Terminal } from './text/terminal.ts';

export interface Input {
  readonly isTerminal: boolean;
  /** Until its end. @throws CliError when it is larger than `bytesMax`. */
  readAll(bytesMax: number): Promise<string>;
  /** One line; null when the input ends instead. */
  ask(question: string): Promise<string | null>;
}

export interface Context {
  /** What the command is for: answers. */
  readonly out: Terminal;
  /** What goes on meanwhile: progress, warnings, questions. */
  readonly err: Terminal;
  readonly input: Input;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Of the node that is meant. */
  dataFolder(): Promise<string>;
  /** The configuration file that was named, or the usual one where it exists. */
  configFile(): string | null;
  /** The node's API. Connections are closed when the command ends. @throws CliError `no-node` */
  connect(): Promise<ControlClient>;
  /** How to call a command of ours on the same node, to be read and copied. */
  commandLine(words: string): string;
  now(): number;
  /** Ends early when interrupted. */
  sleep(ms: number): Promise<void>;
  /** From the first call on, Ctrl-C no longer ends the process: the command does. */
  interruption(): AbortSignal;
  /** From now on the first Ctrl-C calls `run`; the next one ends the process. @returns a function that gives it up again. */
  onInterrupt(run: () => void): () => void;
}

/** An answer for programs, or for people. */
export function answer(context: Context, asJson: boolean, document: unknown, lines: () => readonly string[]): void {
  if (asJson) context.out.write(`${JSON.stringify(document, null, 2)}\n`);
  else for (const line of lines()) context.out.say(line);
}

/** The value in few letters: what a label or an answer says, without the form around it. */
export function outputText(output: Json): string {
  if (typeof output === 'string') return output;
  if (output !== null && typeof output === 'object' && !Array.isArray(output)) {
    for (const key of ['label', 'text']) {
      const value = output[key];
      if (typeof value === 'string') return value;
    }
  }
  return JSON.stringify(output);
}
