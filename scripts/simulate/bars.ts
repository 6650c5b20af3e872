/** Runs the bars over many seeds, adds up what they counted, and judges it. */
import type { Judgement, Measures } from '../../node-core/simulation/bars/bar.ts';
import { bars } from '../../node-core/simulation/bars/index.ts';
import { UsageError } from './options.ts';
import { type Answer, Pool } from './pool.ts';
import { table } from './report.ts';

export interface BarsOptions {
  readonly root: string;
  readonly workers: number;
  readonly nodes: number;
  readonly seeds: { readonly from: number; readonly to: number };
  /** Name of the only one to run. */
  readonly only?: string | undefined;
}

/** @returns whether all were met and no seed was red. @throws UsageError when there is no such bar. */
export async function runBars({ root, workers, nodes, seeds, only }: BarsOptions): Promise<boolean> {
  const chosen = bars.filter(({ name }) => only === undefined || name === only);
  if (chosen.length === 0)
    throw new UsageError(`there is no bar ${only}; there are ${bars.map(({ name }) => name).join(', ')}`);
  const pool = new Pool(root, workers, 1_200_000);
  const rows: string[][] = [['bar', 'what', 'bound', 'measured', '']];
  let isMet = true;
  let cpuMs = 0;
  for (const bar of chosen) {
    const tasks = Array.from({ length: seeds.to - seeds.from + 1 }, (_, i) => ({
      scenario: bar.name,
      seed: seeds.from + i,
      nodes,
    }));
    const onEnd = progress(bar.name, tasks.length);
    const answers = await Promise.all(
      tasks.map(async (task) => {
        const answer = await pool.run(task);
        onEnd(answer);
        return answer;
      }),
    );
    const red = answers.filter(({ result }) => result.broken !== null).length;
    if (red > 0) isMet = false;
    cpuMs += answers.reduce((sum, answer) => sum + answer.cpuMs, 0);
    const judgements = bar.judge(add(answers));
    for (const { what, bound, measured, holds } of judgements) {
      isMet &&= holds;
      rows.push([bar.name, what, bound, measured, holds ? 'holds' : '**does not hold**']);
    }
    const isBarMet = red === 0 && judgements.every(({ holds }: Judgement) => holds);
    console.error(`${bar.name.padEnd(20)} ${isBarMet ? 'met' : 'NOT MET'}${red === 0 ? '' : `, ${red} runs red`}`);
  }
  pool.close();
  console.log(table(rows));
  console.log(
    `${nodes} nodes, seeds ${seeds.from} to ${seeds.to}; ${(cpuMs / 1000).toFixed(0)} s of CPU in ${workers} processes`,
  );
  return isMet;
}

/** A run takes seconds and a bar many minutes: says where it is ten times, and at once what broke. */
function progress(name: string, runs: number): (answer: Answer) => void {
  const every = Math.max(1, Math.ceil(runs / 10));
  let [done, red, cpuMs, memoryBytes] = [0, 0, 0, 0];
  return (answer) => {
    const { broken, seed } = answer.result;
    done++;
    cpuMs += answer.cpuMs;
    memoryBytes = Math.max(memoryBytes, answer.memoryBytes);
    if (broken !== null) {
      red++;
      console.log(`RED  ${name}, seed ${seed}: ${broken.message}`);
    }
    if (done % every !== 0 && done !== runs) return;
    const used = `${(cpuMs / 1000).toFixed(0)} s of CPU, ${Math.round(memoryBytes / 2 ** 20)} MiB at most`;
    console.error(`${name.padEnd(20)} ${done} of ${runs} runs, ${red} red, ${used}`);
  };
}

function add(answers: readonly Answer[]): Measures {
  const sums: Record<string, { sum: number; most: number }> = {};
  for (const { result } of answers) {
    for (const [name, { sum, most }] of Object.entries(result.measures)) {
      const before = sums[name] ?? { sum: 0, most: 0 };
      sums[name] = { sum: before.sum + sum, most: Math.max(before.most, most) };
    }
  }
  return sums;
}
