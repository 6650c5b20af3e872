// npm run simulate -- --help
//
// Everything is in virtual time and a function of scenario, seed and nodes. A failing seed prints its replay command, is
// shrunk and leaves a timeline in .infernet/simulation/. docs/simulation.md says what this is for.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { bars } from '../node-core/simulation/bars/index.ts';
import keptSeeds from '../node-core/simulation/kept-seeds.json' with { type: 'json' };
import type { Scenario } from '../node-core/simulation/scenario.ts';
import { scenarios } from '../node-core/simulation/scenarios/index.ts';
import { root } from './lib/ensure-install.mjs';
import { runBars } from './simulate/bars.ts';
import { containerPart, writeContainerPart } from './simulate/containers.ts';
import { runMutants } from './simulate/mutants.ts';
import { type Options, readOptions, UsageError, usage } from './simulate/options.ts';
import { type Answer, Pool } from './simulate/pool.ts';
import { report } from './simulate/report.ts';
import { shrink } from './simulate/shrink.ts';
import { writeSoak } from './simulate/soak.ts';
import type { Task } from './simulate/worker.ts';

const seedsShort = 200;
const seedsLong = 20;
/** Real time for a run of which there is only one: it may be of a thousand nodes, on a busy machine. */
const aloneMs = 3_600_000;

try {
  process.exitCode = await main(readOptions(process.argv.slice(2)));
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  console.error(`simulate: ${error.message}\n\n${usage(scenarios)}`);
  process.exitCode = 2;
}

async function main(options: Options): Promise<number> {
  if (options.help) {
    console.log(usage(scenarios));
    return 0;
  }
  const { workers, verify, only, nodes, seeds, seed } = options;
  if (options.mutants) return (await runMutants({ root, workers, verify, only })) ? 0 : 1;

  if (options.bars) {
    const range = seed === undefined ? seeds : { from: seed, to: seed };
    return (await runBars({ root, workers, only, nodes, seeds: range ?? { from: 1, to: seedsShort } })) ? 0 : 1;
  }

  if (options.containers) {
    const part = await containerPart();
    console.log(part.text);
    console.log(`written to ${writeContainerPart(root, part)}`);
    return part.isGreen ? 0 : 1;
  }

  // Those of `--all` first: a soak says also how long they took.
  const ofAll = options.soak ? plan({ ...options, soak: false }) : [];
  const known = new Set(ofAll.map(nameOf));
  const tasks = options.soak ? [...ofAll, ...plan(options).filter((task) => !known.has(nameOf(task)))] : plan(options);
  const pool = new Pool(root, Math.min(workers, tasks.length), tasks.length === 1 ? aloneMs : undefined);
  const startedAt = Date.now();
  const onEnd = tasks.length > 1 ? progress(tasks) : () => {};
  const running = tasks.map(async (task) => {
    const answer = await runOne(pool, task, options, tasks.length === 1);
    onEnd(answer);
    return answer;
  });
  const first = await Promise.all(running.slice(0, ofAll.length));
  const allS = (Date.now() - startedAt) / 1000;
  const answers = await Promise.all(running);
  pool.close();
  const red = answers.filter(({ result }) => result.broken !== null).length;
  const table = options.report || tasks.length > 1 ? report(answers) : '';
  if (table !== '') console.log(table);
  const wallS = (Date.now() - startedAt) / 1000;
  const cpuS = answers.reduce((sum, { cpuMs }) => sum + cpuMs, 0) / 1000;
  const part = options.soak ? `; of these, the ${first.length} runs of --all took ${allS.toFixed(1)} s` : '';
  const summary = `${answers.length - red} runs green, ${red} red; ${wallS.toFixed(1)} s, ${cpuS.toFixed(1)} s of CPU in ${workers} processes${part}`;
  console.log(summary);
  if (!options.soak) return red === 0 ? 0 : 1;
  const containers = await containerPart();
  console.log(`\n${containers.text}`);
  console.log(`written to ${writeSoak({ root, summary, table, answers, containers })}`);
  return red === 0 && containers.isGreen ? 0 : 1;
}

function nameOf({ scenario, seed, nodes }: Task): string {
  return `${scenario} ${seed} ${nodes}`;
}

function plan({ all, scenario, seed, seeds, nodes, without, full, soak }: Options): Task[] {
  const chosen = all ? scenarios.filter(({ isAlone }) => isAlone !== true) : [scenarioOf(scenario ?? '')];
  const tasks = chosen.flatMap(({ name, isLong, seedsMin = 0 }): Task[] => {
    const most = isLong === true && !soak ? seedsLong : Math.max(seedsShort, seedsMin);
    const one = seed === undefined ? undefined : { from: seed, to: seed };
    const { from, to } = one ?? seeds ?? { from: 1, to: all ? most : 1 };
    return Array.from({ length: to - from + 1 }, (_, i) => ({
      scenario: name,
      seed: from + i,
      nodes,
      ...(without === undefined ? {} : { without }),
      ...(full ? { isFull: true } : {}),
    }));
  });
  const kept = all ? keptSeeds.map((one): Task => ({ scenario: one.scenario, seed: one.seed, nodes: one.nodes })) : [];
  return [...kept, ...tasks];
}

/** Says of each scenario when its last run has ended: the whole takes minutes. */
function progress(tasks: readonly Task[]): (answer: Answer) => void {
  const left = new Map<string, { runs: number; red: number; cpuMs: number }>();
  for (const { scenario } of tasks) {
    const one = left.get(scenario) ?? { runs: 0, red: 0, cpuMs: 0 };
    left.set(scenario, { ...one, runs: one.runs + 1 });
  }
  return ({ result, cpuMs }) => {
    const one = left.get(result.scenario);
    if (one === undefined) return;
    one.runs--;
    one.cpuMs += cpuMs;
    if (result.broken !== null) one.red++;
    if (one.runs > 0) return;
    console.error(
      `${result.scenario.padEnd(20)} ${one.red === 0 ? 'green' : `${one.red} red`}, ${(one.cpuMs / 1000).toFixed(1)} s of CPU`,
    );
  };
}

async function runOne(pool: Pool, task: Task, options: Options, isAlone: boolean): Promise<Answer> {
  const answer = await pool.run(isAlone && !options.silent ? { ...task, isRecorded: true } : task);
  const { result } = answer;
  if (isAlone) {
    const memoryMiB = Math.round(answer.memoryBytes / 2 ** 20);
    console.log(JSON.stringify(result, null, 2));
    if (!options.silent) console.log(`timeline: ${save(task, answer)}`);
    console.log(`took ${seconds(answer.tookMs)} of real time, ${seconds(answer.cpuMs)} of CPU and ${memoryMiB} MiB`);
  }
  if (result.broken === null) return answer;
  console.log(`\nRED  ${result.scenario}, seed ${result.seed}: ${result.broken.message}`);
  console.log(`     ${command(task)}`);
  if (result.broken.invariant === 'the process') return answer;
  // Who leaves faults out replays what was shrunk already.
  const isShrunk = task.without !== undefined && !options.shrink;
  const smallest = isShrunk ? task : await shrink(pool, scenarioOf(task.scenario), task, answer);
  const again =
    isAlone && smallest === task && !options.silent ? answer : await pool.run({ ...smallest, isRecorded: true });
  if (smallest !== task) console.log(`     shrunk: ${command(smallest)}\n     ${again.result.broken?.message}`);
  for (const fault of again.result.faults) console.log(`     fault ${fault}`);
  console.log(`     timeline: ${save(smallest, again)}`);
  return answer;
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}

function save({ scenario, seed }: Task, { timeline }: Answer): string {
  const folder = join(root, '.infernet', 'simulation');
  mkdirSync(folder, { recursive: true });
  const file = join(folder, `${scenario}-${seed}.txt`);
  writeFileSync(file, `${timeline.join('\n')}\n`);
  return file;
}

function command({ scenario, seed, nodes, without, isFull }: Task): string {
  const left = without === undefined || without.length === 0 ? '' : ` --without ${without.join(',')}`;
  return `npm run simulate -- --scenario ${scenario} --seed ${seed} --nodes ${nodes}${isFull ? ' --full' : ''}${left}`;
}

/** @throws UsageError */
function scenarioOf(name: string): Scenario {
  const found = [...scenarios, ...bars].find((scenario) => scenario.name === name);
  if (found === undefined) throw new UsageError(`there is no scenario ${name}`);
  return found;
}
