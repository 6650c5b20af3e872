import { describe, expect, it } from 'vitest';
import { type Answer, nothing } from './pool.ts';
import { shrink } from './shrink.ts';
import type { Task } from './worker.ts';

const faultCount = 9;

/** A pool that runs nothing: `isRed` says what would have broken. */
function poolOf(isRed: (task: Task) => string | null) {
  const asked: Task[] = [];
  return {
    asked,
    run: async (task: Task): Promise<Answer> => {
      asked.push(task);
      const invariant = isRed(task);
      const broken = invariant === null ? null : { invariant, message: `${invariant} broke` };
      const { scenario, seed, nodes } = task;
      const result = { ...nothing, scenario, seed, nodes, faultCount, broken };
      return { result, timeline: [], tookMs: 0, cpuMs: 0, memoryBytes: 0 };
    },
  };
}

const has = ({ without = [] }: Task, fault: number): boolean => !without.includes(fault);
const whole: Task = { scenario: 'calm', seed: 7, nodes: 30 };
const allBut = (...kept: number[]): number[] =>
  Array.from({ length: faultCount }, (_, i) => i).filter((i) => !kept.includes(i));

describe('shrinking', () => {
  it('leaves the nodes and the faults without which a run does not fail', async () => {
    const pool = poolOf((task) => (task.nodes >= 6 && has(task, 3) ? 'I4' : null));
    const smallest = await shrink(pool, { nodesMin: 6 }, whole, await pool.run(whole));
    expect(smallest).toEqual({ ...whole, nodes: 6, without: allBut(3) });
  });

  it('begins anew with fewer nodes when it has left faults out, until nothing changes', async () => {
    // With fault 5 it takes 20 nodes, without it 8 are enough.
    const pool = poolOf((task) => {
      const needed = has(task, 5) ? 20 : 8;
      return task.nodes >= needed && has(task, 3) ? 'I4' : null;
    });
    const smallest = await shrink(pool, { nodesMin: 4 }, whole, await pool.run(whole));
    expect(smallest).toEqual({ ...whole, nodes: 8, without: allBut(3) });
  });

  it('takes no other invariant for the same failure', async () => {
    const pool = poolOf((task) => (task.nodes >= 12 && has(task, 1) ? 'I4' : 'I6'));
    const smallest = await shrink(pool, { nodesMin: 4 }, whole, await pool.run(whole));
    expect(smallest.nodes).toBeGreaterThanOrEqual(12);
    expect(smallest.without).toEqual(allBut(1));
  });

  it('gives back what cannot be made smaller', async () => {
    const pool = poolOf((task) => (task.nodes === 30 && task.without === undefined ? 'I4' : null));
    expect(await shrink(pool, { nodesMin: 4 }, whole, await pool.run(whole))).toBe(whole);
  });
});
