/**
 * Makes a failing run smaller as long as it still fails by the same invariant: fewer nodes, then fewer faults, and again,
 * until nothing changes: with fewer faults there may be less that so many nodes are needed for.
 */
import type { Scenario } from '../../node-core/simulation/scenario.ts';
import type { Answer, Pool } from './pool.ts';
import type { Task } from './worker.ts';

/** What a shrunk run needs of a pool. */
export type RunsTasks = Pick<Pool, 'run'>;

/** Each round is dozens of runs; the third one rarely finds anything. */
const roundsMax = 4;

export async function shrink(
  pool: RunsTasks,
  scenario: Pick<Scenario, 'nodesMin'>,
  task: Task,
  failed: Answer,
): Promise<Task> {
  const invariant = failed.result.broken?.invariant;
  const stillFails = async (smaller: Task): Promise<boolean> =>
    (await pool.run(smaller)).result.broken?.invariant === invariant;
  let best = task;
  for (let round = 0; round < roundsMax; round++) {
    const before = best;
    best = await withFewerNodes(best, scenario.nodesMin, stillFails);
    best = await withFewerFaults(best, (await pool.run(best)).result.faultCount, stillFails);
    if (best === before) break;
  }
  return best;
}

type StillFails = (smaller: Task) => Promise<boolean>;

async function withFewerNodes(task: Task, nodesMin: number, stillFails: StillFails): Promise<Task> {
  for (let nodes = nodesMin; nodes < task.nodes; nodes += Math.max(1, Math.floor((task.nodes - nodes) / 4))) {
    const smaller = { ...task, nodes };
    if (await stillFails(smaller)) return smaller;
  }
  return task;
}

async function withFewerFaults(task: Task, faultCount: number, stillFails: StillFails): Promise<Task> {
  let best = task;
  const without = new Set(task.without);
  // Halves first, then one by one.
  for (let size = Math.ceil(faultCount / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let from = 0; from < faultCount; from += size) {
      const more = Array.from({ length: Math.min(size, faultCount - from) }, (_, i) => from + i);
      if (more.every((number) => without.has(number))) continue;
      const smaller = { ...best, without: [...new Set([...without, ...more])].sort((a, b) => a - b) };
      if (!(await stillFails(smaller))) continue;
      best = smaller;
      for (const number of more) without.add(number);
    }
  }
  return best;
}
