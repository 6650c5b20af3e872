/** Shards of nothing per second, through a real client and real providers, beside plain JSON-RPC to the same runners. */
import { NodeGroup } from '../scripts/demo/nodes.ts';
import { BareRunner } from './lib/bare.ts';
import { type Config, JobWatch, startNetwork, timed } from './lib/network.ts';
import { type BenchReport, figure, machine, versions } from './lib/report.ts';

const runs = 5;
const shards = 400;
const providers = 2;
/** At one provider; the bare client keeps as many calls open to each process. */
const inFlight = 8;
const runsMax = 4;
const config: Config = {
  provider: { templates: ['null'], runsMax, inFlightPerClientMax: inFlight, creditLimitMicro: '10000000' },
  aggregator: { inFlightPerProviderMax: inFlight },
  execution: { measure: false },
  log: { level: 'warn' },
};

export async function dispatch(): Promise<BenchReport> {
  const on = machine();
  const group = await NodeGroup.make('infernet-bench-dispatch-');
  const bare = await Promise.all(Array.from({ length: providers }, () => BareRunner.start(runsMax)));
  try {
    const client = await startNetwork(group, { template: 'null', providers, config });
    const jobs = new JobWatch(client.api);
    const inputs = Array.from({ length: shards }, (_, index) => ({ index }));
    const job = (copies: number) =>
      jobs.run({
        template: 'null',
        inputs,
        itemsPerShard: 1,
        policy: { type: 'replicate', copies, quorum: copies },
        budgetMicro: '1000000000',
        ownNode: 'never',
      });
    const perSecond = async (act: () => Promise<unknown>) => shards / ((await timed(act)) / 1000);
    const single: number[] = [];
    const double: number[] = [];
    const rpc: number[] = [];
    for (let run = 0; run <= runs; run++) {
      const measured = [
        await perSecond(() => job(1)),
        await perSecond(() => callAll(bare, inputs)),
        await perSecond(() => job(2)),
      ] as const;
      // The first round warms runners and caches.
      if (run === 0) continue;
      single.push(measured[0]);
      rpc.push(measured[1]);
      double.push(measured[2]);
    }
    jobs.close();
    return {
      name: 'dispatch',
      machine: on,
      versions: versions('libp2p', 'better-sqlite3', 'ws'),
      figures: [
        figure('1 copy', 'shards/s', single, 'JSON-RPC, no log', rpc),
        figure('2 copies', 'shards/s', double, 'JSON-RPC, no log', rpc),
      ],
    };
  } finally {
    await Promise.all(bare.map((runner) => runner.stop()));
    await group.stop();
  }
}

async function callAll(runners: readonly BareRunner[], inputs: ReadonlyArray<{ index: number }>): Promise<void> {
  const left = inputs.values();
  const work = async (runner: BareRunner) => {
    for (const input of left) await runner.run({ template: 'null', model: null, params: {}, inputs: [input] });
  };
  await Promise.all(runners.flatMap((runner) => Array.from({ length: inFlight }, () => work(runner))));
}
