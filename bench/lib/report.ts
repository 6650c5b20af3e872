/** What a benchmark says: figures beside their limit, measured in the same run, as a table and as JSON. */
import { readFileSync } from 'node:fs';
import { cpus, loadavg, totalmem } from 'node:os';
import { z } from '../../node-core/protocol/index.ts';

const Spread = z.object({ min: z.number(), median: z.number(), max: z.number() });
type Spread = z.infer<typeof Spread>;

const Figure = z.object({
  metric: z.string(),
  unit: z.string(),
  ours: Spread,
  peer: z.string().describe('what stands beside it'),
  theirs: Spread,
  ratio: z.number().nullable().describe('median of ours over median of theirs; null where theirs is 0'),
});
type Figure = z.infer<typeof Figure>;

/** What is written as JSON. All numbers are finite: JSON has no others. */
export const BenchReport = z.object({
  name: z.string(),
  machine: z.object({
    cpu: z.string(),
    cores: z.int(),
    memoryGiB: z.number(),
    loadBefore: z.number().describe('average of one minute'),
    loadAfter: z.number(),
  }),
  versions: z.record(z.string(), z.string()),
  figures: z.array(Figure).min(1),
});
export type BenchReport = z.infer<typeof BenchReport>;

/** @throws RangeError without samples. */
export function spreadOf(samples: readonly number[]): Spread {
  const sorted = [...samples].sort((a, b) => a - b);
  const [min, median, max] = [sorted[0], sorted[Math.floor(sorted.length / 2)], sorted.at(-1)];
  if (min === undefined || median === undefined || max === undefined) throw new RangeError('no samples');
  return { min, median, max };
}

export function figure(
  metric: string,
  unit: string,
  ours: readonly number[],
  peer: string,
  theirs: readonly number[],
): Figure {
  const [own, other] = [spreadOf(ours), spreadOf(theirs)];
  return { metric, unit, ours: own, peer, theirs: other, ratio: other.median === 0 ? null : own.median / other.median };
}

/** What has to stay below a bar, which stands where a yardstick would. */
export function barred(metric: string, unit: string, ours: readonly number[], barMax: number): Figure {
  return figure(metric, unit, ours, 'bar', [barMax]);
}

/** To be called at the beginning; what it gives knows the load at the end, too. */
export function machine(): BenchReport['machine'] {
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: cpus().length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    loadBefore: load(),
    get loadAfter() {
      return load();
    },
  };
}

const load = () => Number((loadavg()[0] ?? 0).toFixed(2));

const Package = z.object({ version: z.string() });

/** Versions of Node and of packages, as installed. */
export function versions(...packages: readonly string[]): Record<string, string> {
  const found: Record<string, string> = { node: process.version };
  for (const name of packages) {
    const url = new URL(`../../node_modules/${name}/package.json`, import.meta.url);
    found[name] = Package.parse(JSON.parse(readFileSync(url, 'utf8'))).version;
  }
  return found;
}

export function printReport({ name, machine: on, versions: used, figures }: BenchReport): void {
  const number = (value: number): string => (value >= 100 ? value.toFixed(0) : value.toPrecision(3));
  const row = (spread: Spread): string => `${number(spread.min)} / ${number(spread.median)} / ${number(spread.max)}`;
  process.stdout.write(
    `${name}: ${on.cores} × ${on.cpu}, ${on.memoryGiB} GiB, load ${on.loadBefore} before, ${on.loadAfter} after\n`,
  );
  process.stdout.write(
    `${Object.entries(used)
      .map(([what, version]) => `${what} ${version}`)
      .join(', ')}\n\n`,
  );
  for (const { metric, unit, ours, peer, theirs, ratio } of figures) {
    process.stdout.write(`${metric} (${unit}; min / median / max)\n`);
    process.stdout.write(`  ours                ${row(ours)}\n`);
    process.stdout.write(`  ${peer.padEnd(19)} ${row(theirs)}\n`);
    process.stdout.write(`  ratio of medians    ${ratio?.toFixed(2) ?? '–'}\n\n`);
  }
}
