import { describe, expect, it } from 'vitest';
import { jobShareOf, offeredOf } from './job-share.ts';
import { NodeConfig } from './schema.ts';

const gibibyte = 2 ** 30;
const computer = { cores: 8, memoryBytes: 32 * gibibyte };

function settings(execution: Partial<NodeConfig['execution']> = {}, runsMax = 1) {
  const config = NodeConfig.parse({ dataFolder: 'x' });
  return { execution: { ...config.execution, ...execution }, provider: { ...config.provider, runsMax } };
}

describe('the share of jobs', () => {
  it('is three quarters of the cores and half of the memory, unless its owner says otherwise', () => {
    expect(jobShareOf(settings(), computer)).toEqual({
      cpus: 6,
      memoryBytes: 16 * gibibyte,
      warmBytes: 16 * gibibyte,
      runnerThreads: 1,
      runnerCpus: 1,
    });
    const more = jobShareOf(settings({ cpuPercentMax: 100, memoryPercentMax: 80, threads: 8 }), computer);
    expect(more).toMatchObject({ cpus: 8, runnerThreads: 8, runnerCpus: 8, memoryBytes: Math.floor(25.6 * gibibyte) });
  });

  it('is divided by the runners that may work at once, and all of them stay within it', () => {
    for (const cores of [1, 2, 3, 8, 64]) {
      for (const cpuPercentMax of [1, 30, 75, 100]) {
        for (const [warmModelsMax, runsMax] of [
          [1, 1],
          [2, 1],
          [1, 8],
          [3, 8],
        ] as const) {
          for (const threads of [1, 4]) {
            const share = jobShareOf(settings({ cpuPercentMax, warmModelsMax, threads }, runsMax), {
              ...computer,
              cores,
            });
            expect(share.runnerCpus * Math.min(warmModelsMax, runsMax)).toBeLessThanOrEqual(share.cpus + 1e-9);
            expect(share.cpus).toBeLessThanOrEqual(cores);
            expect(share.runnerThreads).toBeGreaterThanOrEqual(1);
            expect(share.runnerThreads - share.runnerCpus).toBeLessThan(1);
          }
        }
      }
    }
  });

  it('keeps the memory for warm runners within it', () => {
    expect(jobShareOf(settings({ warmBytesMax: gibibyte }), computer).warmBytes).toBe(gibibyte);
    expect(jobShareOf(settings({ warmBytesMax: 99 * gibibyte }), computer).warmBytes).toBe(16 * gibibyte);
  });

  it('is what others are told', () => {
    const passport = { os: 'x', cpu: { model: 'm', cores: 1 }, memoryBytes: 4 * gibibyte, gpus: [] };
    expect(offeredOf(passport, settings())).toEqual({ ...passport, memoryBytes: 2 * gibibyte });
  });
});
