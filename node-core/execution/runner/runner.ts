/** One runner with one model loaded, serving several runs. What it runs in, its host knows. */
import { Countdown } from './countdown.ts';
import { type Failure, failureFrom } from './failure.ts';
import type { RunnerChannel, RunnerStart } from './host.ts';
import { LineSplitter, Tail } from './line-splitter.ts';
import { type HostMessage, RunnerMessage } from './messages.ts';
import { ProcessRun, type RunResult, type RunWork } from './process-run.ts';

/** `{"type":"output","id":…,"index":…,"output":}` around an output. */
const lineOverheadBytes = 1024;

export class Runner {
  /** Settles when the model is loaded or that has failed. */
  readonly ready: Promise<Failure | null>;
  /** Settles when it is gone, with the reason. */
  readonly exited: Promise<Failure>;
  #channel: RunnerChannel | null = null;
  readonly #start: RunnerStart;
  readonly #runs = new Map<string, ProcessRun>();
  readonly #tail: Tail;
  /** Runs that it was told to give up and has not. */
  readonly #cancelling = new Set<string>();
  /** Written since it last said something of use. */
  #chatterBytes = 0;
  readonly #loadTimer: Countdown;
  /** What it is waited for; a frozen one is not. */
  readonly #timers = new Set<Countdown>();
  #settleReady: (failure: Failure | null) => void;
  /** Set when we are the ones who ended it. */
  #ended: Failure | null = null;
  #gone = false;
  /** As it is to be, and as it is. */
  #wanted: 'live' | 'frozen' = 'live';
  #actual: 'live' | 'frozen' = 'live';
  #turning: Promise<void> = Promise.resolve();

  constructor(start: RunnerStart, opening: Promise<RunnerChannel | Failure>) {
    this.#start = start;
    const { limits } = start;
    this.#tail = new Tail(limits.stderrTailBytes);
    const ready = Promise.withResolvers<Failure | null>();
    this.ready = ready.promise;
    this.#settleReady = ready.resolve;
    this.#loadTimer = this.#within(limits.loadMsMax, () =>
      this.end({ code: 'container', message: `the runner was not ready after ${limits.loadMsMax} ms` }),
    );
    this.exited = this.#live(opening);
  }

  /** Of its process or container; null until it has begun. */
  get id(): string | null {
    return this.#channel?.id ?? null;
  }

  get alive(): boolean {
    return !this.#gone && this.#ended === null;
  }

  /** Perhaps it hangs, and is then ended with all that it runs: nothing should be given to it. */
  get doubtful(): boolean {
    return this.#cancelling.size > 0;
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
    this.#cancelling.add(id);
    const { cancelMsMax } = this.#start.limits;
    const timer = this.#within(cancelMsMax, () => {
      this.end({
        code: 'container',
        message: `the runner did not give up a run within ${cancelMsMax} ms, and was ended`,
      });
    });
    void run.result.finally(() => {
      this.#over(timer);
      this.#cancelling.delete(id);
    });
  }

  /** Stops it where it stands, or lets it go on. @throws Error where its host cannot do that; then it goes on. */
  setFrozen(frozen: boolean): Promise<void> {
    const wanted = frozen ? 'frozen' : 'live';
    if (wanted !== this.#wanted) {
      this.#wanted = wanted;
      for (const timer of this.#timers) {
        if (frozen) timer.hold();
        else timer.resume();
      }
      this.#turnNext();
    }
    return this.#turning;
  }

  /** After what it is being turned to now. */
  #turnNext(): void {
    this.#turning = this.#turning.catch(() => undefined).then(() => this.#turn());
  }

  async #turn(): Promise<void> {
    const channel = this.#channel;
    if (channel === null || this.#gone || this.#ended !== null || this.#actual === this.#wanted) return;
    this.#actual = this.#wanted;
    await (this.#actual === 'frozen' ? channel.freeze() : channel.thaw());
  }

  #within(ms: number, late: () => void): Countdown {
    const timer = new Countdown(ms, late);
    if (this.#wanted === 'frozen') timer.hold();
    this.#timers.add(timer);
    return timer;
  }

  #over(timer: Countdown): void {
    timer.clear();
    this.#timers.delete(timer);
  }

  /** Kills it and all that it started; its runs end with `reason`. */
  end(reason: Failure): void {
    if (this.#gone || this.#ended !== null) return;
    this.#ended = reason;
    this.#settleReady(reason);
    this.#channel?.kill();
    for (const run of this.#runs.values()) run.fail(reason);
  }

  async #live(opening: Promise<RunnerChannel | Failure>): Promise<Failure> {
    const opened = await opening.catch((error: unknown): Failure => ({ code: 'internal', message: String(error) }));
    let failure: Failure;
    if ('code' in opened) failure = opened;
    else {
      this.#channel = opened;
      if (this.#ended === null) this.#begin(opened);
      else opened.kill();
      this.#turnNext();
      this.#turning.catch(() => undefined);
      const exit = await opened.exited;
      failure = exit(this.#tail.text());
    }
    this.#gone = true;
    this.#over(this.#loadTimer);
    const reason = this.#ended ?? failure;
    this.#settleReady(reason);
    for (const run of this.#runs.values()) run.fail(reason);
    return reason;
  }

  #begin({ stdout, stderr, modelPath }: RunnerChannel): void {
    const { threads, contextTokens, template, gpu } = this.#start;
    const lineBytesMax = template.template.resources.outputBytesMax + lineOverheadBytes;
    const lines = new LineSplitter(lineBytesMax, (line) => this.#take(line));
    stdout.on('data', (chunk: Buffer) => {
      if (this.#ended !== null) return;
      if (!lines.push(chunk)) {
        this.end({ code: 'container', message: `the runner wrote a line of more than ${lineBytesMax} bytes` });
      }
      this.#hear(chunk);
    });
    stderr.on('data', (chunk: Buffer) => {
      this.#tail.push(chunk);
      this.#hear(chunk);
    });
    this.#send({ type: 'load', model: modelPath, threads, contextTokens, ...(gpu == null ? {} : { gpu }) });
  }

  /** Who writes and says nothing would keep this process busy until its time is over. */
  #hear(chunk: Buffer): void {
    const { chatterBytesMax } = this.#start.limits;
    this.#chatterBytes += chunk.length;
    if (this.#chatterBytes <= chatterBytesMax) return;
    const message = `the runner wrote more than ${chatterBytesMax} bytes without a word of use`;
    this.end({ code: 'container', message });
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
      this.#over(this.#loadTimer);
      this.#settleReady(null);
      return;
    }
    if (message.type === 'error' && message.id === undefined) {
      // llama.cpp says on stderr what it makes of a model file.
      const tail = this.#tail.text();
      this.end(failureFrom(message.code, tail === '' ? message.message : `${message.message}; ${tail}`));
      return;
    }
    const run = this.#runs.get(message.id ?? '');
    if (run !== undefined && message.type !== 'progress') this.#chatterBytes = 0;
    const fault = run?.take(message, line.length) ?? null;
    if (fault !== null) this.end(fault);
  }

  #send(message: HostMessage): void {
    const stdin = this.#channel?.stdin;
    if (stdin?.writable) stdin.write(`${JSON.stringify(message)}\n`);
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
