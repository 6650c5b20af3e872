/** Worker processes that run simulations. */
import { type ChildProcess, fork } from 'node:child_process';
import { join } from 'node:path';
import type { RunResult } from '../../node-core/simulation/run.ts';
import { nodeBinary } from '../lib/ensure-install.mjs';
import type { Task } from './worker.ts';

export interface Answer {
  readonly result: RunResult;
  readonly timeline: readonly string[];
  /** Real time. */
  readonly tookMs: number;
  /** Of all threads, the collector of garbage included. */
  readonly cpuMs: number;
  /** Of the process, after the run. */
  readonly memoryBytes: number;
}

export class Pool {
  readonly #root: string;
  readonly #idle: ChildProcess[] = [];
  readonly #waiting: Array<(worker: ChildProcess) => void> = [];
  readonly #all: ChildProcess[] = [];
  readonly #taskMs: number;

  /**
   * @param root of the sources to run; a mutant's copy is another than ours.
   * @param taskMs real time that one run may take: a bug may also be an endless loop.
   */
  constructor(root: string, size: number, taskMs = 600_000) {
    this.#root = root;
    this.#taskMs = taskMs;
    for (let i = 0; i < size; i++) this.#idle.push(this.#spawn());
  }

  async run(task: Task): Promise<Answer> {
    const worker = this.#idle.pop() ?? (await new Promise<ChildProcess>((resolve) => this.#waiting.push(resolve)));
    let next = worker;
    try {
      return await ask(worker, task, this.#taskMs);
    } catch (error) {
      worker.kill('SIGKILL');
      next = this.#spawn();
      const message = error instanceof Error ? error.message : String(error);
      return {
        result: { ...nothing, ...task, broken: { invariant: 'the process', message } },
        timeline: [],
        tookMs: 0,
        cpuMs: 0,
        memoryBytes: 0,
      };
    } finally {
      const waiting = this.#waiting.shift();
      if (waiting === undefined) this.#idle.push(next);
      else waiting(next);
    }
  }

  close(): void {
    for (const worker of this.#all) worker.kill('SIGKILL');
  }

  #spawn(): ChildProcess {
    const worker = fork(join(this.#root, 'scripts/simulate/worker.ts'), {
      stdio: ['ignore', 'inherit', 'pipe', 'ipc'],
      // The pinned one: the system's may not run TypeScript as it is.
      execPath: nodeBinary,
      // A run makes much that lives for one step: a nursery of this size saves a tenth of the time. A world dies as a whole at
      // the end of its run: a heap that may grow first is collected every few runs, not within each. A thousand nodes need
      // more than the usual 4 GB.
      execArgv: ['--max-semi-space-size=64', '--initial-old-space-size=512', '--max-old-space-size=8192'],
    });
    this.#all.push(worker);
    return worker;
  }
}

function ask(worker: ChildProcess, task: Task, taskMs: number): Promise<Answer> {
  return new Promise((resolve, reject) => {
    let errors = '';
    const onError = (text: Buffer): void => {
      errors += text.toString();
    };
    const onMessage = (answer: Answer): void => {
      end();
      resolve(answer);
    };
    const onExit = (code: number | null): void => {
      end();
      reject(new Error(`the process ended with ${code}: ${errors.slice(-2_000)}`));
    };
    const timer = setTimeout(() => {
      end();
      reject(new Error(`the run did not end within ${taskMs / 1000} s of real time`));
    }, taskMs);
    const end = (): void => {
      clearTimeout(timer);
      worker.off('message', onMessage);
      worker.off('exit', onExit);
      worker.stderr?.off('data', onError);
    };
    worker.on('message', onMessage);
    worker.on('exit', onExit);
    worker.stderr?.on('data', onError);
    worker.send(task);
  });
}

/** Of a run that gave no answer. */
export const nothing: Omit<RunResult, 'scenario' | 'seed' | 'nodes' | 'broken'> = {
  faults: [],
  faultCount: 0,
  jobsDone: 0,
  jobsCancelled: 0,
  jobsFailed: {},
  virtualMs: 0,
  steps: 0,
  messages: 0,
  bytes: 0,
  gossip: 0,
  itemsWanted: 0,
  itemsRun: 0,
  wrongAnswers: 0,
  measures: {},
  clientsLostMicro: '0',
  providersLostMicro: '0',
  providersLimitMicro: '0',
  mostUnpaidMicro: '0',
};
