import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { bars } from './bars/index.ts';
import kept from './kept-seeds.json' with { type: 'json' };
import { run } from './run.ts';
import type { Scenario } from './scenario.ts';
import { scenarios } from './scenarios/index.ts';

const nodes = 8;
const short = scenarios.filter(({ isLong, isAlone }) => isLong !== true && isAlone !== true);
const long = scenarios.filter(({ isLong }) => isLong === true);
/**
 * Other seeds with every change of the node's code, and the same ones for the same code: a red commit is red wherever it runs, and a
 * green one stays green.
 */
const fresh = seedOf(join(import.meta.dirname, '..'));

function seedOf(folder: string): number {
  const hash = createHash('sha256');
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'));
  for (const file of files.sort()) hash.update(file).update(readFileSync(join(folder, file)));
  return hash.digest().readUInt32BE() % 1_000_000;
}

async function expectGreen(scenario: Scenario, seed: number, many: number): Promise<void> {
  const { result } = await run(scenario, { seed, nodes: many });
  const replay = `npm run simulate -- --scenario ${scenario.name} --seed ${seed} --nodes ${many}`;
  expect(result.broken, replay).toBeNull();
}

describe('the production node in virtual time', () => {
  it.each(short)('$name: $about', { timeout: 240_000 }, async (scenario) => {
    for (let i = 0; i < 3; i++) await expectGreen(scenario, fresh + i, nodes);
  });

  it.each(long)('$name, once, as an hour is long: $about', { timeout: 240_000 }, async (scenario) => {
    await expectGreen(scenario, fresh, nodes);
  });

  it.each(kept)(
    '$scenario, seed $seed, once red: $found',
    { timeout: 240_000 },
    async ({ scenario, seed, nodes: many }) => {
      const found = [...scenarios, ...bars].find(({ name }) => name === scenario);
      if (found === undefined) throw new Error(`no scenario is called ${scenario}`);
      await expectGreen(found, seed, many);
    },
  );
});

describe('the list of seeds that were once red', () => {
  const text = readFileSync(join(import.meta.dirname, '../../docs/simulation.md'), 'utf8');
  const [, table = ''] = text.split('## What it found\n');
  const cells = [...(table.split('\n## ')[0] ?? '').matchAll(/^\| ([a-z][^|]*?) \|/gm)].map(([, cell = '']) => cell);
  const told = cells
    .filter((cell) => cell !== 'seed')
    .flatMap((cell) => {
      let scenario = '';
      // As in `partition-and-heal 47, 162 (30 nodes)`.
      return cell
        .replace(/ \(.*\)/, '')
        .split(', ')
        .map((one) => {
          const [, name = scenario, seed = ''] = /^(?:(\S+) )?(\d+)$/.exec(one) ?? [];
          scenario = name;
          return { scenario, seed: Number(seed) };
        });
    });

  it('has each that docs/simulation.md tells of', () => {
    expect(told.length).toBeGreaterThanOrEqual(14);
    for (const one of told) expect(kept).toContainEqual(expect.objectContaining(one));
  });

  it('names scenarios that there are, and none twice', () => {
    const names = [...scenarios, ...bars].map(({ name }) => name);
    for (const { scenario } of kept) expect(names).toContain(scenario);
    expect(new Set(kept.map(({ scenario, seed, nodes: many }) => `${scenario} ${seed} ${many}`)).size).toBe(
      kept.length,
    );
  });
});

describe('a run', () => {
  it.each(['calm', 'partition-and-heal', 'crash-walk', 'forgeries', 'streaming', 'gossip'])(
    'of %s is the same to the byte for the same seed, and another for another',
    { timeout: 240_000 },
    async (name) => {
      const scenario = scenarios.find((candidate) => candidate.name === name);
      if (scenario === undefined) throw new Error(name);
      const once = (seed: number) => run(scenario, { seed, nodes, isRecorded: true, isHashed: true });
      const first = await once(5);
      // In between something else runs in the same process.
      const other = await once(6);
      const again = await once(5);
      expect(again.timeline).toEqual(first.timeline);
      expect(again.hash).toBe(first.hash);
      expect(again.result).toEqual(first.result);
      expect(other.hash).not.toBe(first.hash);
    },
  );

  it('can leave faults out, and draws the same for the others', { timeout: 240_000 }, async () => {
    const scenario = scenarios.find(({ name }) => name === 'duplicates');
    if (scenario === undefined) throw new Error('duplicates');
    const all = await run(scenario, { seed: 9, nodes });
    const fewer = await run(scenario, { seed: 9, nodes, without: new Set([0, 1, 2]) });
    expect(all.result.faults.slice(3)).toEqual(fewer.result.faults);
    expect(fewer.result.faultCount).toBe(all.result.faultCount);
  });
});
