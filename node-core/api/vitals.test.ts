import { expect, it } from 'vitest';
import type { Clock, Executor, HostVitals } from '../ports/index.ts';
import { createVitals } from './vitals.ts';

it('tells shares of the time between two looks, and what was done in it', async () => {
  let elapsed = 0;
  let next: (() => void) | null = null;
  const clock: Clock = {
    now: () => 1_000 + elapsed,
    elapsed: () => elapsed,
    after: (_, run) => {
      next = run;
      return () => {
        next = null;
      };
    },
  };
  let vitals: HostVitals = {
    cpuBusyMs: 100,
    cpuTotalMs: 1_000,
    ownCpuMs: 0,
    ownMemoryBytes: 1,
    memoryUsedBytes: 2,
    memoryTotalBytes: 4,
  };
  const inner: Partial<Executor> = {
    run: async ({ onProgress }) => {
      onProgress(1);
      return { ok: true, outputs: [{ text: 'a', tokens: 20 }, { label: 'b' }] };
    },
  };
  const counted = createVitals(inner as Executor, clock, {
    vitals: () => vitals,
    gpus: async () => [
      { busyShare: 0.5, memoryUsedBytes: 1, memoryTotalBytes: 8 },
      { busyShare: 1, memoryUsedBytes: 2, memoryTotalBytes: 8 },
    ],
  });
  counted.start();
  expect(counted.samples()).toEqual([]);
  await counted.executor.run({ inputs: [1, 2], onProgress: () => {} } as never, {} as never);
  elapsed = 5_000;
  vitals = { ...vitals, cpuBusyMs: 5_100, cpuTotalMs: 11_000, ownCpuMs: 2_500 };
  (next as (() => void) | null)?.();
  expect(counted.samples()).toEqual([
    {
      at: 6_000,
      cpuShare: 0.5,
      ownCpuShare: 0.5,
      memoryUsedBytes: 2,
      memoryTotalBytes: 4,
      ownMemoryBytes: 1,
      gpu: { busyShare: 0.75, memoryUsedBytes: 3, memoryTotalBytes: 16 },
      itemsPerSecond: 0.4,
      tokensPerSecond: 4,
    },
  ]);
  counted.stop();
  expect(next).toBeNull();
});
