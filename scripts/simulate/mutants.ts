/** Applies each mutant to a copy of the sources, never to the working tree, and runs scenarios until a seed turns red. */
import { spawn } from 'node:child_process';
import { cpSync, globSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { type Mutant, mutants } from '../../node-core/simulation/mutants/mutants.ts';
import { nodeBinary } from '../lib/ensure-install.mjs';
import { UsageError } from './options.ts';
import { Pool } from './pool.ts';

const leftOut: ReadonlySet<string> = new Set(['node_modules', '.git', '.infernet', 'out', 'dist', 'coverage']);
const seedsMax = 200;
const nodes = 8;

export interface MutantsOptions {
  readonly root: string;
  readonly workers: number;
  /** Also run the unit tests on each mutant: they must pass, or it is no test of the simulator. */
  readonly verify: boolean;
  /** Name of the only one to run. */
  readonly only?: string | undefined;
}

/** @returns whether all were caught. @throws UsageError when there is no such mutant. */
export async function runMutants({ root, workers, verify, only }: MutantsOptions): Promise<boolean> {
  const chosen = mutants.filter(({ name }) => only === undefined || name === only);
  if (chosen.length === 0)
    throw new UsageError(`there is no mutant ${only}; there are ${mutants.map(({ name }) => name).join(', ')}`);
  const healthy = new Pool(root, 1);
  let missed = 0;
  const rows = ['mutant', 'what is wrong', 'file', 'caught by', 'how', ...(verify ? ['unit tests'] : [])];
  console.log(`| ${rows.join(' | ')} |\n|${rows.map(() => ' --- ').join('|')}|`);
  for (const mutant of chosen) {
    const copy = makeMutant(root, mutant);
    try {
      const caught = await hunt(copy, mutant, workers, healthy);
      if (caught === null) missed++;
      const by = caught === null ? '**nothing**' : `${caught.scenario}, seed ${caught.seed}`;
      const units = verify ? [(await passesUnitTests(copy, mutant)) ? 'pass' : 'see it too'] : [];
      console.log(`| ${[mutant.name, mutant.about, mutant.file, by, caught?.message ?? '', ...units].join(' | ')} |`);
    } finally {
      rmSync(copy, { recursive: true, force: true });
    }
  }
  healthy.close();
  console.log(`\n${chosen.length - missed} of ${chosen.length} mutants were caught within ${seedsMax} seeds`);
  return missed === 0;
}

/** @returns the folder of a copy with the bug. @throws Error when the patch does not apply. */
export function makeMutant(root: string, { name, file, search, replace }: Mutant): string {
  const copy = mkdtempSync(join(tmpdir(), `infernet-mutant-${name}-`));
  // Everything but what is built or installed: unit tests of other rooms run there too.
  const isLeftOut = (path: string): boolean => leftOut.has(relative(root, path));
  cpSync(root, copy, { recursive: true, filter: (path) => !isLeftOut(path) });
  symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'));
  const before = readFileSync(join(copy, file), 'utf8');
  if (before.split(search).length !== 2) {
    rmSync(copy, { recursive: true, force: true });
    throw new Error(`mutant ${name} does not apply: its text is not once in ${file}`);
  }
  writeFileSync(
    join(copy, file),
    before.replace(search, () => replace),
  );
  return copy;
}

interface Caught {
  readonly scenario: string;
  readonly seed: number;
  readonly message: string;
}

/**
 * The first seed, in their order, that is red with the bug and green without it.
 * @param healthy runs the sources as they are.
 */
export async function hunt(
  copy: string,
  { scenarios }: Mutant,
  workers: number,
  healthy: Pool,
): Promise<Caught | null> {
  const pool = new Pool(copy, workers, 120_000);
  try {
    const all = Array.from({ length: seedsMax }, (_, i) =>
      scenarios.map((scenario) => ({ scenario, seed: i + 1, nodes })),
    ).flat();
    for (let i = 0; i < all.length; i += workers) {
      const answers = await Promise.all(all.slice(i, i + workers).map((task) => pool.run(task)));
      for (const { result } of answers) {
        if (result.broken === null) continue;
        const { scenario, seed } = result;
        if ((await healthy.run({ scenario, seed, nodes })).result.broken !== null) continue;
        const [message = ''] = result.broken.message.split('\n');
        return { scenario, seed, message: message.slice(0, 200).replaceAll('|', '/') };
      }
    }
    return null;
  } finally {
    pool.close();
  }
}

/** What a test imports that runs nodes in the simulated world: the observers that look on are the very thing that is to be measured. */
const simulatedWorld =
  /from '[./]*\/simulation\/(?:(?:world|market|simulation|run)\.ts|(?:scenarios|observers|bars|mutants)\/)/;

/** Does a unit test run the simulated world? One that only borrows its clock, chance, keys or disk does not. */
export function runsSimulatedWorld(path: string, text: string): boolean {
  return path.startsWith('node-core/simulation/') || simulatedWorld.test(text);
}

/** Those of the room that was changed, and of all that stand upon it; without those that run the simulated world. */
function passesUnitTests(copy: string, { name, file }: Mutant): Promise<boolean> {
  for (const path of globSync('node-core/**/*.test.ts', { cwd: copy })) {
    if (runsSimulatedWorld(path, readFileSync(join(copy, path), 'utf8'))) rmSync(join(copy, path));
  }
  const args = [join(copy, 'node_modules/vitest/vitest.mjs'), 'related', '--run', '--project', 'unit', file];
  return new Promise((resolve) => {
    const child = spawn(nodeBinary, args, { cwd: copy, stdio: ['ignore', 'pipe', 'pipe'] });
    let said = '';
    const onText = (text: Buffer): void => {
      said += text.toString();
    };
    child.stdout.on('data', onText);
    child.stderr.on('data', onText);
    child.on('close', (code) => {
      // Which of them saw it: on a busy machine it may have been a test that only was too slow.
      for (const [line] of said.matchAll(/^.*FAIL .*$/gm)) console.error(`${name}: ${line.trim()}`);
      resolve(code === 0);
    });
  });
}
