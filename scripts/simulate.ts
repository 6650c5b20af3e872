// npm run simulate -- --scenario NAME --seed N --nodes N      one run, with its timeline
// npm run simulate -- --scenario NAME --seeds A..B            a range of seeds
// npm run simulate -- --all [--seeds A..B] [--report]         all scenarios and the kept seeds
// npm run simulate -- --mutants [--only NAME]                 deliberate bugs, each until a seed turns red
//
// Everything is in virtual time and a function of scenario, seed and nodes. A failing seed prints its replay command, is
// shrunk and leaves a timeline in .infernet/simulation/. docs/simulation.md says what this is for.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import keptSeeds from '../node-core/simulation/kept-seeds.json' with { type: 'json' };
import type { Scenario } from '../node-core/simulation/scenario.ts';
import { scenarios } from '../node-core/simulation/scenarios/index.ts';
import { root } from './lib/ensure-install.mjs';
import { runMutants } from './simulate/mutants.ts';
import { type Answer, Pool } from './simulate/pool.ts';
import { report } from './simulate/report.ts';
import { shrink } from './simulate/shrink.ts';
import type { Task } from './simulate/worker.ts';

const { values: options } = parseArgs({
  options: {
    scenario: { type: 'string' },
    seed: { type: 'string' },
    seeds: { type: 'string' },
    nodes: { type: 'string', default: '30' },
    without: { type: 'string' },
    all: { type: 'boolean', default: false },
    report: { type: 'boolean', default: false },
    shrink: { type: 'boolean', default: false },
    mutants: { type: 'boolean', default: false },
    verify: { type: 'boolean', default: false },
    only: { type: 'string' },
    /** No timeline of a single run: for large ones. */
    silent: { type: 'boolean', default: false },
    /** Short ones as often as long ones. */
    soak: { type: 'boolean', default: false },
    workers: { type: 'string', default: '2' },
  },
});

const seedsShort = 200;
const seedsLong = 20;
const nodes = numberOf(options.nodes, '--nodes');
const workers = numberOf(options.workers, '--workers');

if (options.mutants) {
  process.exitCode = (await runMutants({
    root,
    workers,
    verify: options.verify,
    ...(options.only === undefined ? {} : { only: options.only }),
  }))
    ? 0
    : 1;
} else {
  const tasks = plan();
  const pool = new Pool(root, Math.min(workers, tasks.length));
  const startedAt = Date.now();
  const answers = await Promise.all(tasks.map((task) => runOne(pool, task, tasks.length === 1)));
  const red = answers.filter(({ result }) => result.broken !== null).length;
  if (options.report || tasks.length > 1) console.log(report(answers));
  console.log(`${answers.length - red} runs green, ${red} red, ${((Date.now() - startedAt) / 1000).toFixed(1)} s`);
  pool.close();
  process.exitCode = red === 0 ? 0 : 1;
}

function plan(): Task[] {
  const chosen = options.all ? scenarios.filter(({ isAlone }) => isAlone !== true) : [scenarioOf(options.scenario)];
  const tasks = chosen.flatMap(({ name, isLong }): Task[] => {
    const all = isLong === true && !options.soak ? seedsLong : seedsShort;
    const [from, to] = seedRange(options.all ? [1, all] : [1, 1]);
    return Array.from({ length: to - from + 1 }, (_, i) => ({ scenario: name, seed: from + i, nodes }));
  });
  if (options.without !== undefined) {
    const without = options.without.split(',').map((number) => numberOf(number, '--without'));
    return tasks.map((task) => ({ ...task, without }));
  }
  return options.all
    ? [...keptSeeds.map(({ scenario, seed, nodes: many }) => ({ scenario, seed, nodes: many })), ...tasks]
    : tasks;
}

async function runOne(pool: Pool, task: Task, isAlone: boolean): Promise<Answer> {
  const answer = await pool.run(isAlone && !options.silent ? { ...task, isRecorded: true } : task);
  const { result } = answer;
  if (isAlone) {
    const memoryMiB = Math.round(answer.memoryBytes / 2 ** 20);
    console.log(`took ${(answer.tookMs / 1000).toFixed(1)} s of real time and ${memoryMiB} MiB`);
  }
  if (isAlone) console.log(`${JSON.stringify(result, null, 2)}\ntimeline: ${save(task, answer)}`);
  if (result.broken === null) return answer;
  console.log(`\nRED  ${result.scenario}, seed ${result.seed}: ${result.broken.message}`);
  console.log(`     ${command(task)}`);
  if (result.broken.invariant === 'the process') return answer;
  const smallest = isAlone && !options.shrink ? task : await shrink(pool, scenarioOf(task.scenario), task, answer);
  const again = isAlone && smallest === task ? answer : await pool.run({ ...smallest, isRecorded: true });
  if (smallest !== task) console.log(`     shrunk: ${command(smallest)}\n     ${again.result.broken?.message}`);
  for (const fault of again.result.faults) console.log(`     fault ${fault}`);
  console.log(`     timeline: ${save(smallest, again)}`);
  return answer;
}

function save({ scenario, seed }: Task, { timeline }: Answer): string {
  const folder = join(root, '.infernet', 'simulation');
  mkdirSync(folder, { recursive: true });
  const file = join(folder, `${scenario}-${seed}.txt`);
  writeFileSync(file, `${timeline.join('\n')}\n`);
  return file;
}

function command({ scenario, seed, nodes: many, without }: Task): string {
  const left = without === undefined || without.length === 0 ? '' : ` --without ${without.join(',')}`;
  return `npm run simulate -- --scenario ${scenario} --seed ${seed} --nodes ${many}${left}`;
}

function scenarioOf(name: string | undefined): Scenario {
  const found = scenarios.find((scenario) => scenario.name === name);
  if (found !== undefined) return found;
  console.error(
    `simulate: which scenario? ${scenarios.map((scenario) => `\n  ${scenario.name.padEnd(20)}${scenario.about}`).join('')}`,
  );
  process.exit(2);
}

function seedRange(fallback: [number, number]): [number, number] {
  if (options.seed !== undefined) {
    const seed = numberOf(options.seed, '--seed');
    return [seed, seed];
  }
  if (options.seeds === undefined) return fallback;
  const [from, to] = options.seeds.split('..');
  return [numberOf(from, '--seeds'), numberOf(to ?? from, '--seeds')];
}

function numberOf(text: string | undefined, option: string): number {
  const number = Number(text);
  if (Number.isInteger(number) && number >= 0) return number;
  console.error(`simulate: ${option} wants a whole number, not ${text}`);
  process.exit(2);
}
