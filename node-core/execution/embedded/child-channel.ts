/** A runner as a child process, in a process group of its own. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { getPriority, setPriority } from 'node:os';
import type { Failure } from '../runner/failure.ts';
import type { Exit, RunnerChannel } from '../runner/host.ts';
import { failureOf, oomKills } from './death.ts';
import type { Launch } from './sandbox.ts';

/** A dead process may leave its pipes open in a child of its own; do not wait for them for longer. */
const pipesMsMax = 200;

export async function openChild(
  launch: Launch,
  modelPath: string | null,
  niceness: number,
): Promise<RunnerChannel | Failure> {
  const oomKillsBefore = oomKills();
  const child = spawn(launch.nodeBinary, [...launch.args], {
    cwd: launch.cwd,
    env: { ...launch.env },
    stdio: ['pipe', 'pipe', 'pipe'],
    // A group of its own: it can be ended as a whole, and Ctrl-C in a terminal leaves it to us to drain first.
    detached: process.platform !== 'win32',
    windowsHide: true,
  });
  const kill = (): void => {
    const { pid } = child;
    if (pid === undefined) return;
    try {
      if (process.platform === 'win32') child.kill('SIGKILL');
      else process.kill(-pid, 'SIGKILL');
    } catch {
      child.kill('SIGKILL');
    }
  };
  const toGroup = async (name: 'SIGSTOP' | 'SIGCONT'): Promise<void> => {
    const { pid, exitCode, signalCode } = child;
    if (process.platform === 'win32') throw new Error('Windows cannot stop a process and let it go on');
    if (pid !== undefined && exitCode === null && signalCode === null) process.kill(-pid, name);
  };
  const exited = new Promise<Exit>((resolve) => {
    child.once('exit', (exitCode, signal) => {
      // What it may have started dies with it, also when it ended by itself.
      kill();
      const settle = (): void => {
        clearTimeout(timer);
        child.stdout.destroy();
        child.stderr.destroy();
        const oomKillsAfter = oomKills();
        resolve((stderrTail) => failureOf({ exitCode, signal, stderrTail, oomKillsBefore, oomKillsAfter }));
      };
      const timer = setTimeout(settle, pipesMsMax);
      child.once('close', settle);
    });
  });
  // A runner that dies while we write is noticed by its exit.
  child.stdin.on('error', () => undefined);
  try {
    await once(child, 'spawn');
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return { code: 'container', message: `the runner could not be started: ${reason}` };
  }
  const { stdin, stdout, stderr, pid } = child;
  stepBack(pid, niceness);
  return {
    id: String(pid),
    modelPath,
    stdin,
    stdout,
    stderr,
    exited,
    kill,
    freeze: () => toGroup('SIGSTOP'),
    thaw: () => toGroup('SIGCONT'),
  };
}

/** It inherits what this process has, and never gets more than that. */
function stepBack(pid: number | undefined, niceness: number): void {
  if (pid === undefined || niceness === 0) return;
  try {
    setPriority(pid, Math.min(19, getPriority() + niceness));
  } catch {
    // It has ended already, or the system does not let us: it runs all the same.
  }
}
