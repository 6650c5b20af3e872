/** The last lines of the node's log, for the page that says what happened; the whole goes to the standard error output. */
import type { Logger } from '../node-core/ports/index.ts';

const linesMax = 200;

export function logTail(inner: Logger): { readonly log: Logger; readonly lines: () => string[] } {
  const lines: string[] = [];
  const level = (name: keyof Logger): Logger[keyof Logger] => {
    return (fields, message) => {
      inner[name](fields, message);
      if (name === 'debug') return;
      lines.push(`${new Date().toISOString()} ${name} ${message} ${JSON.stringify(fields)}`);
      if (lines.length > linesMax) lines.shift();
    };
  };
  return {
    log: { debug: level('debug'), info: level('info'), warn: level('warn'), error: level('error') },
    lines: () => [...lines],
  };
}
