/** Makes a failing run smaller as long as it still fails by the same invariant: fewer nodes, then fewer faults. */
import type { Scenario } from '../../node-core/simulation/scenario.ts';
import type { Answer, Pool } from './pool.ts';
import type { Task } from './worker.ts';

export async function shrink(pool: Pool, scenario: Scenario, task: Task, failed: Answer): Promise<Task> {
  const invariant = failed.result.broken?.invariant;
  const stillFails = async (smaller: Task): Promise<boolean> =>
    (await pool.run(smaller)).result.broken?.invariant === invariant;
  let best = task;

  for (let nodes = scenario.nodesMin; nodes < best.nodes; nodes += Math.max(1, Math.floor((best.nodes - nodes) / 4))) {
    const smaller = { ...best, nodes };
    if (await stillFails(smaller)) {
      best = smaller;
      break;
    }
  }

  const again = await pool.run(best);
  const without = new Set(best.without);
  // Halves first, then one by one.
  for (let size = Math.ceil(again.result.faultCount / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let from = 0; from < again.result.faultCount; from += size) {
      const more = Array.from({ length: Math.min(size, again.result.faultCount - from) }, (_, i) => from + i);
      if (more.every((number) => without.has(number))) continue;
      const smaller = { ...best, without: [...new Set([...without, ...more])].sort((a, b) => a - b) };
      if (!(await stillFails(smaller))) continue;
      best = smaller;
      for (const number of more) without.add(number);
    }
  }
  return best;
}
