/**
 * A node that cheats, for the demo and its tests: everything in it is the ordinary node, but its executor serves the
 * smaller model under the name of the larger one, from its first run or after some honest ones.
 *
 *     node scripts/demo/dishonest-node.ts node.json [honest runs]
 */

import { realPorts } from '../../node-core/adapters.ts';
import { loadConfig } from '../../node-core/config/index.ts';
import { startControlServer } from '../../node-core/control/index.ts';
import { createLogger } from '../../node-core/logging.ts';
import { createNode } from '../../node-core/node.ts';
import type { Executor } from '../../node-core/ports/index.ts';
import type { Cid } from '../../node-core/protocol/index.ts';

const promised = 'infernet-tiny';
const served = 'infernet-micro';
const drainMs = 5_000;

const [configFile = '', honestRuns = '0'] = process.argv.slice(2);
const config = await loadConfig({ path: configFile }, { dataFolder: '', overrides: [] });
const { log } = createLogger({ level: config.log.level });
const { ports } = await realPorts(config, { log });
const node = createNode(config, { ...ports, executor: cheating(ports.executor, Number(honestRuns)) });

let isStopping = false;
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => void stop());
// As --exit-with-parent.
process.stdin.on('end', stop).on('close', stop).on('error', stop).resume();

await node.start();
const control = await startControlServer({ ...config.control, api: node.api, dataFolder: config.dataFolder, log });
const { peerId, addresses } = await node.api.call('node.status', {});
process.stdout.write(`${JSON.stringify({ event: 'ready', peerId, addresses, pid: process.pid })}\n`);

async function stop(): Promise<void> {
  if (isStopping) return;
  isStopping = true;
  await node.stop({ drainMs, reason: 'stopped' }).catch(() => undefined);
  await control?.stop('stopped');
  process.exit(0);
}

/** Runs, and checks of others' answers, by the smaller model: the cheap way in both. */
function cheating(executor: Executor, honest: number): Executor {
  let left = honest;
  let from: Cid | null = null;
  let to: Cid | null = null;
  const swapped = (model: Cid | null): Cid | null => (left <= 0 && model === from ? to : model);
  return {
    async start() {
      const inventory = await executor.start();
      const cidOf = (name: string): Cid | null => inventory.models.find((model) => model.name === name)?.cid ?? null;
      from = cidOf(promised);
      to = cidOf(served);
      if (from === null || to === null) throw new Error(`${promised} and ${served} are needed to cheat`);
      return inventory;
    },
    run(request, signal) {
      const model = swapped(request.model);
      left--;
      return executor.run({ ...request, model }, signal);
    },
    check: (request, signal) => executor.check({ ...request, model: swapped(request.model) }, signal),
    measure: (template, model) => executor.measure(template, model),
    stop: () => executor.stop(),
  };
}
