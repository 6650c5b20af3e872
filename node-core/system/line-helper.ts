/** A program that stays and answers each line with a line: for what is asked often, and is slow to start. */
import { type ChildProcess, spawn } from 'node:child_process';
import { Socket } from 'node:net';
import { createInterface } from 'node:readline';

export interface LineHelper {
  /** Its next answer; null where there is none in time. */
  ask(): Promise<string | null>;
}

/** One that ends again and again is not started any more: it cannot work here. */
const startsMax = 3;
/** Questions that it has not answered; while it is behind by as many it is asked no more. */
const waitingMax = 4;

/** It is started by the first question, ends with this program, and does not keep it from ending. */
export function lineHelper(program: string, args: readonly string[], answerMsMax: number): LineHelper {
  let child: ChildProcess | null = null;
  let starts = 0;
  let waiting: ((line: string | null) => void)[] = [];

  const ended = (which: ChildProcess): void => {
    if (child !== which) return;
    child = null;
    for (const answer of waiting) answer(null);
    waiting = [];
  };
  const start = (): ChildProcess => {
    starts += 1;
    const started = spawn(program, [...args], { stdio: ['pipe', 'pipe', 'ignore'], windowsHide: true });
    started.once('error', () => ended(started));
    // Not `exit`: its last answer may still be on its way.
    started.once('close', () => ended(started));
    started.stdin?.on('error', () => undefined);
    if (started.stdout !== null) {
      createInterface({ input: started.stdout }).on('line', (line) => waiting.shift()?.(line.trim()));
    }
    for (const pipe of [started.stdin, started.stdout]) if (pipe instanceof Socket) pipe.unref();
    started.unref();
    return started;
  };

  return {
    ask: () =>
      new Promise((resolve) => {
        if (child === null && starts >= startsMax) return resolve(null);
        child ??= start();
        if (waiting.length >= waitingMax) return resolve(null);
        const late = setTimeout(() => resolve(null), answerMsMax);
        late.unref();
        waiting.push((line) => {
          clearTimeout(late);
          resolve(line);
        });
        child.stdin?.write('\n');
      }),
  };
}
