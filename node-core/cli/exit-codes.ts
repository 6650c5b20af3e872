/** How a command ends. Where headless.ts has a code for the same thing, it is that one. */
export const exitCodes = {
  ok: 0,
  failed: 1,
  usage: 2,
  'no-node': 3,
  'not-allowed': 4,
  'not-found': 5,
  refused: 6,
  declined: 7,
  internal: 70,
  config: 78,
  interrupted: 130,
} as const;
export type ExitKind = keyof typeof exitCodes;

export const exitMeanings: Readonly<Record<ExitKind, string>> = {
  ok: 'done',
  failed: 'the job failed or was cancelled; or `doctor` found a failure',
  usage: 'wrong usage, or an input that cannot be read',
  'no-node': 'no node runs on the data folder, or it went away',
  'not-allowed': 'the node, or the file system, does not allow it',
  'not-found': 'no such job or peer, or its results were deleted',
  refused: 'the node refuses what was asked; the message says why',
  declined: 'nothing was submitted, or fetched: the question was not answered with yes',
  internal: 'a fault of ours',
  config: 'the configuration is wrong',
  interrupted: 'ended by Ctrl-C; a submitted job goes on',
};

/** An end that a person can do something about: its message says what was found, and what to do. */
export class CliError extends Error {
  override readonly name = 'CliError';
  readonly exit: ExitKind;
  constructor(exit: ExitKind, message: string, options?: ErrorOptions) {
    super(message, options);
    this.exit = exit;
  }
}
