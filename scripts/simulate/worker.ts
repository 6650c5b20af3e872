/** Runs what its parent sends, one run after the other. A process of its own, so that two cores are used. */
import { bars } from '../../node-core/simulation/bars/index.ts';
import { type RunOptions, run } from '../../node-core/simulation/run.ts';
import { scenarios } from '../../node-core/simulation/scenarios/index.ts';

export interface Task {
  readonly scenario: string;
  readonly seed: number;
  readonly nodes: number;
  readonly without?: readonly number[];
  readonly isRecorded?: boolean;
  readonly isFull?: boolean;
}

process.on('message', (task: Task) => {
  const { without, isRecorded, isFull } = task;
  const scenario = [...scenarios, ...bars].find(({ name }) => name === task.scenario);
  if (scenario === undefined) throw new Error(`no scenario is called ${task.scenario}`);
  const options: RunOptions = {
    seed: task.seed,
    nodes: task.nodes,
    ...(without === undefined ? {} : { without: new Set(without) }),
    ...(isRecorded === undefined ? {} : { isRecorded }),
    ...(isFull === undefined ? {} : { isFull }),
  };
  const startedAt = performance.now();
  const usedBefore = process.cpuUsage();
  void run(scenario, options).then(({ result, timeline }) => {
    const { user, system } = process.cpuUsage(usedBefore);
    process.send?.({
      result,
      timeline: isRecorded ? timeline : [],
      tookMs: performance.now() - startedAt,
      cpuMs: (user + system) / 1000,
      memoryBytes: process.memoryUsage().rss,
    });
  });
});
