/** What is wrong in a configuration, each with its place. */

export interface ConfigProblem {
  /** Where it was written: a file, or the option of the command line. */
  readonly source: string;
  /** From 1; null where there is no text to point into. */
  readonly line: number | null;
  readonly column: number | null;
  /** As `network.listen[0]`; empty for the whole. */
  readonly path: string;
  /** What was expected, what was found, and what may have been meant. */
  readonly message: string;
}

export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly problems: readonly ConfigProblem[];
  constructor(problems: readonly ConfigProblem[], options?: ErrorOptions) {
    super(problems.map(problemText).join('\n'), options);
    this.problems = problems;
  }
}

/** In the form that terminals and editors make a link of: `file:line:column: message`. */
function problemText({ source, line, column, message }: ConfigProblem): string {
  return `${[source, line, column].filter((part) => part !== null).join(':')}: ${message}`;
}
