/** A run from the first check to its last message, within its time. */
import type { CancelSignal, HoldSignal } from '../../ports/index.ts';
import { Countdown } from './countdown.ts';
import { type Failure, printable } from './failure.ts';
import type { Workload } from './messages.ts';
import type { RunResult, RunWork } from './process-run.ts';
import type { Lease, RunnerPool } from './runner-pool.ts';

/** Of a run that nobody cancels. */
export const neverCancelled: CancelSignal = { cancelled: false, onCancel: () => undefined };

export interface RunOnce {
  readonly workload: Workload;
  readonly work: RunWork;
  /** For all of it: waiting for a place, loading the model, running. */
  readonly timeoutMs: number;
  readonly signal: CancelSignal;
  readonly hold?: HoldSignal | undefined;
  /** Last look at the model file, before a runner is asked. */
  check(): Promise<Failure | null>;
}

/**
 * Settles as soon as the outcome is clear. The place in the runner is given back later, when the runner has let go: a
 * run that is told to stop is not gone at once, and the next must not crowd it.
 */
export function runOnce(
  pool: RunnerPool,
  { workload, work, timeoutMs, signal, hold, check }: RunOnce,
): Promise<RunResult> {
  const { promise, resolve } = Promise.withResolvers<RunResult>();
  let over = false;
  let lease: Lease | null = null;
  let letGo: (reason: Failure) => void = () => undefined;
  const stop = (reason: Failure): void => {
    if (over) return;
    over = true;
    resolve({ ok: false, ...reason });
    letGo(reason);
    lease?.leave();
  };
  const timer = new Countdown(timeoutMs, () =>
    stop({ code: 'timeout', message: `the run did not end within ${timeoutMs} ms` }),
  );
  const crowded = (): void =>
    stop({ code: 'no-capacity', message: 'the run was held, and its runner is needed for another' });
  const setHeld = (held: boolean): void => {
    if (over) return;
    if (held) timer.hold();
    else timer.resume();
    lease?.hold(held, crowded);
  };
  const settle = (result: RunResult): void => {
    over = true;
    resolve(result);
  };

  const drive = async (): Promise<void> => {
    const wrong = await check();
    if (over) return;
    if (wrong !== null) return settle({ ok: false, ...wrong });
    const place = pool.acquire(workload);
    letGo = place.withdraw;
    const got = await place.got;
    if (!('runner' in got)) return settle({ ok: false, ...got });
    lease = got;
    if (hold?.held === true) got.hold(true, crowded);
    try {
      await inPlace(got);
    } finally {
      lease = null;
      got.release();
    }
  };

  const inPlace = async ({ runner }: Lease): Promise<void> => {
    // A load goes on without us: its runner is there for the next.
    letGo = () => undefined;
    const failure = await runner.ready;
    if (over) return;
    if (failure !== null) return settle({ ok: false, ...failure });
    letGo = () => runner.cancel(work.id);
    const { onToken } = work;
    const guarded: RunWork = {
      ...work,
      onProgress: (itemsDone) => {
        if (!over) work.onProgress(itemsDone);
      },
      ...(onToken !== undefined && {
        onToken: (piece) => {
          if (!over) onToken(piece);
        },
      }),
    };
    const result = await runner.run(guarded);
    if (!over) settle(result);
  };

  const cancelled = (): void => stop({ code: 'cancelled', message: 'the run was cancelled' });
  if (signal.cancelled) cancelled();
  else {
    signal.onCancel(cancelled);
    hold?.onChange(setHeld);
    if (hold?.held === true) setHeld(true);
    drive().catch((error: unknown) => settle({ ok: false, code: 'internal', message: String(error) }));
  }
  return promise
    .finally(() => timer.clear())
    .then((result) => (result.ok ? result : { ok: false, ...printable(result) }));
}
