/** One runner: a child process with one model loaded, serving several runs. */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import type { LoadedTemplate } from '../templates/load-templates.ts';
import { failureOf, oomKills } from './death.ts';
import { type Failure, failureFrom } from './failure.ts';
import { LineSplitter, Tail } from './line-splitter.ts';
import { type HostMessage, RunnerMessage } from './messages.ts';
import type { EmbeddedLimits } from './options.ts';
import { ProcessRun, type RunResult, type RunWork } from './process-run.ts';
import type { Launch } from './sandbox.ts';

export interface RunnerStart {
  readonly template: LoadedTemplate;
  readonly modelPath: string | null;
  /** Memory that it will take: the model, and what a run of the template may use besides. */
  readonly bytes: number;
  readonly launch: Launch;
  readonly threads: number;
  readonly contextTokens: number;
  readonly limits: EmbeddedLimits;
}

/** `{"type":"output","id":…,"index":…,"output":}` around an output. */
const lineOverheadBytes = 1024;
/** A dead process may leave its pipes open in a child of its own; do not wait for them for longer. */
const pipesMsMax = 200;

export class RunnerProcess {
  /** Settles when the model is loaded or that has failed. */
  readonly ready: Promise<Failure | null>;
  /** Settles when the process is gone, with the reason. */
  readonly exited: Promise<Failure>;
  readonly #child: ChildProcessByStdio<Writable, Readable, Readable>;
  readonly #start: RunnerStart;
  readonly #runs = new Map<string, ProcessRun>();
  readonly #tail: Tail;
  readonly #loadTimer: NodeJS.Timeout;
  #settleReady: (failure: Failure | null) => void;
  /** Set when we are the ones who ended it. */
  #ended: Failure | null = null;
  #gone = false;

  constructor(start: RunnerStart) {
    this.#start = start;
    const { launch, limits } = start;
    this.#tail = new Tail(limits.stderrTailBytes);
    const oomKillsBefore = oomKills();
    this.#child = spawn(launch.nodeBinary, [...launch.args], {
      cwd: launch.cwd,
      env: { ...launch.env },
      stdio: ['pipe', 'pipe', 'pipe'],
      // A group of its own: it can be ended as a whole, and Ctrl-C in a terminal leaves it to us to drain first.
      detached: process.platform !== 'win32',
      windowsHide: true,
    });
    const ready = Promise.withResolvers<Failure | null>();
    this.ready = ready.promise;
    this.#settleReady = ready.resolve;
    this.exited = this.#watch(oomKillsBefore);
    this.#loadTimer = setTimeout(
      () => this.end({ code: 'container', message: `the runner was not ready after ${limits.loadMsMax} ms` }),
      limits.loadMsMax,
    );
    this.#read();
    this.#send({
      type: 'load',
      model: start.modelPath,
      threads: start.threads,
      contextTokens: start.contextTokens,
    });
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  get alive(): boolean {
    return !this.#gone && this.#ended === null;
  }

  /** Hands a run to the runner. Wait for {@link ready} first. The run is over when its result is there, however it ends. */
  run(work: RunWork): Promise<RunResult> {
    const run = new ProcessRun(this.#start.template, work);
    if (!this.alive) {
      run.fail(this.#ended ?? { code: 'container', message: 'the runner has ended' });
      return run.result;
    }
    this.#runs.set(work.id, run);
    const { id, params, inputs, claims, prefixes } = work;
    if (claims !== undefined) this.#send({ type: 'check', id, params, inputs, claims });
    else {
      const stream = work.onToken !== undefined;
      this.#send({ type: 'run', id, params, inputs, stream, ...(prefixes === undefined ? {} : { prefixes }) });
      work.stop?.onStop((item) => this.#stop(id, item));
    }
    return run.result.finally(() => this.#runs.delete(id));
  }

  #stop(id: string, item: number | null): void {
    if (this.#runs.has(id)) this.#send({ type: 'stop', id, ...(item === null ? {} : { item }) });
  }

  /** Asks the runner to give up a run, and ends it if it does not. */
  cancel(id: string): void {
    const run = this.#runs.get(id);
    if (run === undefined) return;
    this.#send({ type: 'cancel', id });
    const { cancelMsMax } = this.#start.limits;
    const timer = setTimeout(() => {
      this.end({
        code: 'container',
        message: `the runner did not give up a run within ${cancelMsMax} ms, and was ended`,
      });
    }, cancelMsMax);
    void run.result.finally(() => clearTimeout(timer));
  }

  /** Kills the process and all that it started; its runs end with `reason`. */
  end(reason: Failure): void {
    if (this.#gone || this.#ended !== null) return;
    this.#ended = reason;
    this.#settleReady(reason);
    this.#kill();
    for (const run of this.#runs.values()) run.fail(reason);
  }

  #kill(): void {
    const { pid } = this.#child;
    if (pid === undefined) return;
    try {
      if (process.platform === 'win32') this.#child.kill('SIGKILL');
      else process.kill(-pid, 'SIGKILL');
    } catch {
      this.#child.kill('SIGKILL');
    }
  }

  async #watch(oomKillsBefore: number | null): Promise<Failure> {
    const failure = await new Promise<Failure>((resolve) => {
      this.#child.once('error', (error) => {
        resolve({ code: 'container', message: `the runner could not be started: ${error.message}` });
      });
      this.#child.once('exit', (exitCode, signal) => {
        const settle = (): void => {
          clearTimeout(timer);
          resolve(
            failureOf({ exitCode, signal, stderrTail: this.#tail.text(), oomKillsBefore, oomKillsAfter: oomKills() }),
          );
        };
        const timer = setTimeout(settle, pipesMsMax);
        this.#child.once('close', settle);
      });
    });
    this.#gone = true;
    clearTimeout(this.#loadTimer);
    // What it may have started dies with it, also when it ended by itself.
    if (this.#ended === null) this.#kill();
    this.#child.stdout.destroy();
    this.#child.stderr.destroy();
    const reason = this.#ended ?? failure;
    this.#settleReady(reason);
    for (const run of this.#runs.values()) run.fail(reason);
    return reason;
  }

  #read(): void {
    const lineBytesMax = this.#start.template.template.resources.outputBytesMax + lineOverheadBytes;
    const lines = new LineSplitter(lineBytesMax, (line) => this.#take(line));
    this.#child.stdout.on('data', (chunk: Buffer) => {
      if (this.#ended !== null) return;
      if (!lines.push(chunk)) {
        this.end({ code: 'container', message: `the runner wrote a line of more than ${lineBytesMax} bytes` });
      }
    });
    this.#child.stderr.on('data', (chunk: Buffer) => this.#tail.push(chunk));
    // A runner that dies while we write is noticed by its exit.
    this.#child.stdin.on('error', () => undefined);
  }

  #take(line: Buffer): void {
    if (this.#ended !== null) return;
    const message = parse(line);
    if (message === null) {
      const shown = JSON.stringify(line.subarray(0, 120).toString('utf8'));
      this.end({ code: 'container', message: `the runner wrote a line that is no message: ${shown}` });
      return;
    }
    if (message.type === 'ready') {
      clearTimeout(this.#loadTimer);
      this.#settleReady(null);
      return;
    }
    if (message.type === 'error' && message.id === undefined) {
      // llama.cpp says on stderr what it makes of a model file.
      const tail = this.#tail.text();
      this.end(failureFrom(message.code, tail === '' ? message.message : `${message.message}; ${tail}`));
      return;
    }
    const fault = this.#runs.get(message.id ?? '')?.take(message, line.length) ?? null;
    if (fault !== null) this.end(fault);
  }

  #send(message: HostMessage): void {
    if (this.#child.stdin.writable) this.#child.stdin.write(`${JSON.stringify(message)}\n`);
  }
}

function parse(line: Buffer): RunnerMessage | null {
  try {
    const parsed = RunnerMessage.safeParse(JSON.parse(line.toString('utf8')));
    return parsed.success ? parsed.data : null;
  } catch {
    return null;
  }
}
