/** `npm run bench -- NAME [--json FILE]` */
import { writeFile } from 'node:fs/promises';
import { Command } from 'commander';
import { desktop } from './desktop.ts';
import { dispatch } from './dispatch.ts';
import { executor } from './executor.ts';
import { join } from './join.ts';
import { latency } from './latency.ts';
import { BenchReport, printReport } from './lib/report.ts';
import { loop } from './loop.ts';
import { overhead } from './overhead.ts';
import { tokens } from './tokens.ts';

const benches: Readonly<Record<string, { readonly what: string; run(): Promise<BenchReport> }>> = {
  desktop: { what: 'the app beside its bars: opening, pages, scrolling, idle, a job (needs Chromium)', run: desktop },
  dispatch: { what: 'shards of nothing per second, beside plain JSON-RPC to the same runners', run: dispatch },
  executor: {
    what: 'runs in hardened containers, beside the engine’s client alone (needs root and dockerd)',
    run: executor,
  },
  join: { what: 'from process start to a known provider, beside libp2p with kad-dht alone', run: join },
  latency: { what: 'one shard of nothing from submit to result, beside plain JSON-RPC', run: latency },
  loop: { what: '200 reviews over four providers, beside the model itself', run: loop },
  overhead: { what: 'a streamed answer through the network, beside the runner alone', run: overhead },
  tokens: { what: 'how well claimed tokens tell two models apart, and what a check costs', run: tokens },
};
const list = Object.entries(benches).map(([name, { what }]) => `  ${name.padEnd(10)} ${what}`);

const program = new Command('npm run bench --')
  .description('Measures ours beside a yardstick, in one run, alternating.')
  .argument('<name>', 'benchmark to run')
  .option('--json <file>', 'write the report as JSON too')
  .addHelpText('after', ['', 'Benchmarks:', ...list].join('\n'))
  .parse();
const { json } = program.opts<{ json?: string }>();
const [name = ''] = program.args;
const bench = Object.hasOwn(benches, name) ? benches[name] : undefined;
if (bench === undefined)
  program.error([`no benchmark is called ${JSON.stringify(name)}; there are:`, ...list].join('\n'), { exitCode: 2 });
else {
  const report = BenchReport.parse(await bench.run());
  printReport(report);
  if (json !== undefined) await writeFile(json, `${JSON.stringify(report, null, 2)}\n`);
}
