/** `npm run bench -- NAME [--json FILE]` */
import { writeFile } from 'node:fs/promises';
import { Command } from 'commander';
import { type BenchReport, printReport } from './lib/report.ts';
import { loop } from './loop.ts';
import { tokens } from './tokens.ts';

const benches: Readonly<Record<string, () => Promise<BenchReport>>> = { loop, tokens };

const program = new Command('npm run bench --')
  .description(`Measures ours beside its limit in one run. Benchmarks: ${Object.keys(benches).join(', ')}`)
  .argument('<name>', 'benchmark to run')
  .option('--json <file>', 'write the report as JSON')
  .parse();
const { json } = program.opts<{ json?: string }>();
const [name = ''] = program.args;
const bench = benches[name];
if (bench === undefined)
  program.error(`no benchmark is called ${JSON.stringify(name)}; there are: ${Object.keys(benches).join(', ')}`, {
    exitCode: 2,
  });
else {
  const report = await bench();
  printReport(report);
  if (json !== undefined) await writeFile(json, `${JSON.stringify(report, null, 2)}\n`);
}
