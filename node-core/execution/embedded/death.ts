/** Why did a runner die? */
import { readFileSync } from 'node:fs';
import { type Failure, failureOfEnd } from '../runner/failure.ts';

export interface Death {
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stderrTail: string;
  /** Of {@link oomKills} when the process started and when it had died; null where the system does not count. */
  readonly oomKillsBefore: number | null;
  readonly oomKillsAfter: number | null;
}

export function failureOf(death: Death): Failure {
  const { exitCode, signal, stderrTail, oomKillsBefore, oomKillsAfter } = death;
  const killed =
    signal === 'SIGKILL' && oomKillsBefore !== null && oomKillsAfter !== null && oomKillsAfter > oomKillsBefore;
  const how = signal === null ? `with exit code ${exitCode}` : `by ${signal}`;
  return failureOfEnd(how, killed, stderrTail);
}

/** How often Linux has killed a process for want of memory since boot. */
export function oomKills(): number | null {
  try {
    const found = /^oom_kill (\d+)$/m.exec(readFileSync('/proc/vmstat', 'utf8'))?.[1];
    return found === undefined ? null : Number(found);
  } catch {
    return null;
  }
}
