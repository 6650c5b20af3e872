/**
 * How busy this computer is and how much it does, over the last hour: for the charts of the interface. Kept in memory only:
 * it is no part of what the node must remember.
 */
import type { Clock, Executor, GpuVitals, Host, HostVitals } from '../ports/index.ts';
import type { Json, VitalsSample } from '../protocol/index.ts';

const sampleMs = 5_000;
const samplesMax = 720;
/** Graphics cards are asked through a program, which costs more than a look. */
const gpuEverySamples = 3;

export interface Vitals {
  /** The executor that was handed in, with its work counted. */
  readonly executor: Executor;
  readonly everyMs: number;
  samples(): readonly VitalsSample[];
  start(): void;
  stop(): void;
}

export function createVitals(inner: Executor, clock: Clock, host: Host | undefined): Vitals {
  const samples: VitalsSample[] = [];
  let items = 0;
  let tokens = 0;
  let before: { readonly at: number; readonly vitals: HostVitals; items: number; tokens: number } | null = null;
  let cancel: (() => void) | null = null;

  let gpu: VitalsSample['gpu'] = null;
  let untilGpu = 0;
  let lookingAtGpu = false;

  function lookAtGpu({ gpus }: Host): void {
    if (gpus === undefined || lookingAtGpu || untilGpu-- > 0) return;
    untilGpu = gpuEverySamples - 1;
    lookingAtGpu = true;
    void gpus()
      .then(together, () => null)
      .then((found) => {
        gpu = found;
        lookingAtGpu = false;
      });
  }

  function sample(from: Host): void {
    lookAtGpu(from);
    const at = clock.elapsed();
    const vitals = from.vitals();
    if (before !== null && at > before.at) {
      const ms = at - before.at;
      const cpuMs = vitals.cpuTotalMs - before.vitals.cpuTotalMs;
      samples.push({
        at: clock.now(),
        cpuShare: cpuMs <= 0 ? 0 : share((vitals.cpuBusyMs - before.vitals.cpuBusyMs) / cpuMs),
        ownCpuShare: Math.max(0, (vitals.ownCpuMs - before.vitals.ownCpuMs) / ms),
        memoryUsedBytes: vitals.memoryUsedBytes,
        memoryTotalBytes: vitals.memoryTotalBytes,
        ownMemoryBytes: vitals.ownMemoryBytes,
        gpu,
        itemsPerSecond: ((items - before.items) * 1000) / ms,
        tokensPerSecond: ((tokens - before.tokens) * 1000) / ms,
      });
      if (samples.length > samplesMax) samples.shift();
    }
    before = { at, vitals, items, tokens };
    cancel = clock.after(sampleMs, () => sample(from));
  }

  return {
    executor: {
      start: () => inner.start(),
      check: (request, signal) => inner.check(request, signal),
      measure: (template, model, hold) => inner.measure(template, model, hold),
      stop: () => inner.stop(),
      ...(inner.onChange !== undefined && { onChange: (run) => inner.onChange?.(run) }),
      ...(inner.installed !== undefined && { installed: () => inner.installed?.() ?? [] }),
      ...(inner.engine !== undefined && { engine: () => inner.engine?.() ?? null }),
      ...(inner.warm !== undefined && { warm: () => inner.warm?.() ?? [] }),
      async run(request, signal) {
        let done = 0;
        let streamed = 0;
        const outcome = await inner.run(
          {
            ...request,
            onProgress(itemsDone) {
              items += Math.max(0, itemsDone - done);
              done = Math.max(done, itemsDone);
              request.onProgress(itemsDone);
            },
            ...(request.onToken !== undefined && {
              onToken(piece) {
                streamed += piece.tokenIds.length;
                tokens += piece.tokenIds.length;
                request.onToken?.(piece);
              },
            }),
          },
          signal,
        );
        if (outcome.ok) {
          items += Math.max(0, outcome.outputs.length - done);
          tokens += Math.max(0, outcome.outputs.reduce((sum: number, output) => sum + tokensOf(output), 0) - streamed);
        }
        return outcome;
      },
    },
    everyMs: sampleMs,
    samples: () => samples,
    start() {
      if (host !== undefined) sample(host);
    },
    stop() {
      cancel?.();
      cancel = null;
    },
  };
}

const share = (value: number): number => Math.min(1, Math.max(0, value));

function together(gpus: readonly GpuVitals[]): VitalsSample['gpu'] {
  if (gpus.length === 0) return null;
  return {
    busyShare: share(gpus.reduce((sum, { busyShare }) => sum + busyShare, 0) / gpus.length),
    memoryUsedBytes: gpus.reduce((sum, { memoryUsedBytes }) => sum + memoryUsedBytes, 0),
    memoryTotalBytes: gpus.reduce((sum, { memoryTotalBytes }) => sum + memoryTotalBytes, 0),
  };
}

function tokensOf(output: Json): number {
  if (output === null || typeof output !== 'object' || Array.isArray(output)) return 0;
  const { tokens } = output;
  return typeof tokens === 'number' ? tokens : 0;
}
