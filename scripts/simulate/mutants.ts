/** Applies each mutant to a copy of the sources, never to the working tree, and runs scenarios until a seed turns red. */
import { spawn } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Mutant, mutants } from '../../node-core/simulation/mutants/mutants.ts';
import { nodeBinary } from '../lib/ensure-install.mjs';
import { Pool } from './pool.ts';

const seedsMax = 200;
const nodes = 8;

export interface MutantsOptions {
  readonly root: string;
  readonly workers: number;
  /** Also run the unit tests on each mutant: they must pass, or it is no test of the simulator. */
  readonly verify: boolean;
  /** Name of the only one to run. */
  readonly only?: string;
}

/** @returns whether all were caught. */
export async function runMutants({ root, workers, verify, only }: MutantsOptions): Promise<boolean> {
  const chosen = mutants.filter(({ name }) => only === undefined || name === only);
  const healthy = new Pool(root, 1);
  let missed = 0;
  console.log('| mutant | what is wrong | file | caught by | how |\n| --- | --- | --- | --- | --- |');
  for (const mutant of chosen) {
    const copy = makeMutant(root, mutant);
    try {
      const caught = await hunt(copy, mutant, workers, healthy);
      if (caught === null) missed++;
      const by = caught === null ? '**nothing**' : `${caught.scenario}, seed ${caught.seed}`;
      const units = verify ? ((await passesUnitTests(copy, mutant)) ? '' : ' (unit tests fail too)') : '';
      console.log(`| ${mutant.name} | ${mutant.about} | ${mutant.file} | ${by} | ${caught?.message ?? ''}${units} |`);
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
  for (const folder of ['node-core', 'scripts', 'resources'])
    cpSync(join(root, folder), join(copy, folder), { recursive: true });
  for (const one of ['package.json', 'tsconfig.json', 'vitest.config.ts']) cpSync(join(root, one), join(copy, one));
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

/** Of the room that was changed, and of those that stand upon it. */
function passesUnitTests(copy: string, { file }: Mutant): Promise<boolean> {
  const args = [
    join(copy, 'node_modules/vitest/vitest.mjs'),
    'related',
    '--run',
    '--project',
    'unit',
    '--exclude',
    'node-core/simulation/**',
    file,
  ];
  return new Promise((resolve) => {
    const child = spawn(nodeBinary, args, { cwd: copy, stdio: 'ignore' });
    child.on('close', (code) => resolve(code === 0));
  });
}
