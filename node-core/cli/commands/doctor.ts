import { resolve } from 'node:path';
import { ConfigError, NodeConfig } from '../../config/index.ts';
import { type NodeApi, pauseAdvice } from '../../protocol/index.ts';
import { defineCommand } from '../command.ts';
import { answer, type Context } from '../context.ts';
import { faultChecks, templateCheck } from '../doctor/advice.ts';
import { type Check, fail, type Health, ok, warn } from '../doctor/check.ts';
import {
  clockCheck,
  containerChecks,
  engineChecks,
  executionChecks,
  fullScreenCheck,
  hardwareCheck,
  nodeCheck,
  screenChecks,
} from '../doctor/computer.ts';
import { folderChecks } from '../doctor/folder.ts';
import { gpuChecksOf } from '../doctor/gpu.ts';
import { bootstrapChecks, portChecks } from '../doctor/network.ts';
import { CliError } from '../exit-codes.ts';
import { lookCache } from '../look-cache.ts';
import { offerTexts } from '../text/offers.ts';
import { plain, type Style } from '../text/terminal.ts';
import { countText } from '../text/units.ts';
import { configFile, data, json } from '../values.ts';
import { configInForce } from './config.ts';

const styles: Readonly<Record<Health, Style>> = { ok: 'green', warn: 'yellow', fail: 'red' };

export const doctor = defineCommand({
  name: 'doctor',
  summary: 'Check this computer and its node; a fix for each fault.',
  detail:
    'With a running node it asks that node; without one it looks at what a node would find. Exit code 1 where something fails.',
  shape: { json: json(), config: configFile(), data: data() },
  examples: [{ line: 'doctor', says: 'before the first start, and when something does not work' }],
  async run(context, { json: asJson }) {
    const checks = await examine(context);
    const worst = checks.some(({ state }) => state === 'fail')
      ? 'fail'
      : checks.some(({ state }) => state === 'warn')
        ? 'warn'
        : 'ok';
    answer(context, asJson, { state: worst, checks }, () => lines(context, checks));
    return worst === 'fail' ? 'failed' : 'ok';
  },
});

async function examine(context: Context): Promise<Check[]> {
  const clocks = {
    now: () => context.now(),
    monotonicMs: () => performance.now(),
    sleep: (ms: number) => context.sleep(ms),
  };
  const settled = await configuration(context);
  const folder = resolve(settled.config?.dataFolder ?? (await context.dataFolder()));
  const [clock, folders, rest] = await Promise.all([
    clockCheck(clocks, folder),
    folderChecks(folder, (settled.config ?? NodeConfig.parse({ dataFolder: folder })).host.diskFreeBytesMin),
    settled.running ? runningChecks(await context.connect()) : restingChecks(settled.config, folder, context.env),
  ]);
  // What peers say of the clock tells more than what it says of itself.
  const ownClock = rest.some(({ name }) => name === clock.name) ? [] : [clock];
  return [nodeCheck(process.versions.node), settled.check, ...folders, ...ownClock, ...rest];
}

async function configuration(context: Context): Promise<{ check: Check; config: NodeConfig | null; running: boolean }> {
  try {
    const { config, of, running } = await configInForce(context);
    return { check: ok('configuration', of), config, running };
  } catch (error) {
    if (error instanceof ConfigError)
      return {
        check: fail('configuration', error.message, 'correct it; `config check` looks again'),
        config: null,
        running: false,
      };
    if (error instanceof CliError)
      return {
        check: fail(
          'configuration',
          error.message,
          'start it as the user of the node, and name the folder of the node by --data',
        ),
        config: null,
        running: false,
      };
    throw error;
  }
}

async function restingChecks(config: NodeConfig | null, folder: string, env: Context['env']): Promise<Check[]> {
  const resting = ok('node', 'not running');
  if (config === null) return [resting, ...(await containerChecks(env))];
  const cache = await lookCache(folder);
  try {
    const [ports, bootstrap, execution, engine, screen] = await Promise.all([
      portChecks(config.network.listen, config.control.listen),
      bootstrapChecks(config.network.bootstrap, config.network),
      executionChecks(config, cache.path),
      containerChecks(env),
      screenChecks(config),
    ]);
    return [resting, ...ports, ...bootstrap, ...execution, ...engine, ...screen];
  } finally {
    await cache.remove();
  }
}

async function runningChecks(node: NodeApi): Promise<Check[]> {
  const [status, provider, { config }, { engine }] = await Promise.all([
    node.call('node.status', {}),
    node.call('provider.status', {}),
    node.call('settings.get', {}),
    node.call('node.computer', {}),
  ]);
  const network = config['network'];
  const bootstrap =
    typeof network === 'object' && network !== null && !Array.isArray(network) && Array.isArray(network['bootstrap'])
      ? network['bootstrap']
      : [];
  const addresses = bootstrap.flatMap((address) => (typeof address === 'string' ? [address] : []));
  const peers = countText(status.connectedPeers, 'peer');
  return [
    status.state === 'alone'
      ? warn(
          'node',
          `running for itself, version ${status.version}: not connected to any other node`,
          'give it an address to join through (network.bootstrap), or let others join it',
        )
      : ok('node', `${status.state}, version ${status.version}, ${peers} connected`),
    status.addresses.length === 0
      ? fail('ports', 'it listens nowhere', 'add an address to network.listen: /ip4/0.0.0.0/tcp/4001/ws, for one')
      : ok('ports', `listens on ${status.addresses.map((address) => address.replace(/\/p2p\/.*$/, '')).join(', ')}`),
    // Connected, it needs none of them.
    ...(addresses.length === 0 && status.connectedPeers > 0
      ? [ok('bootstrap', `none is needed: ${peers} connected`)]
      : await bootstrapChecks(addresses, { mdns: false })),
    hardwareCheck(provider.hardware),
    ...(await gpuChecksOf(provider.hardware, NodeConfig.safeParse(config).data?.execution.gpu ?? 'off')),
    ok('provider', provider.on ? `offers ${offerTexts(provider.offers).join(', ') || 'nothing'}` : 'off'),
    ...provider.notOffered
      // What the owner chose is no fault.
      .filter(({ reason }) => !/provider\.(templates|models)/.test(reason))
      .map(({ template, reason }) => templateCheck(template, reason)),
    ...provider.pauses.map(({ by, reason }) => warn('provider', `takes no work: ${reason}`, pauseAdvice[by])),
    ...(provider.fullScreenUnseen === null ? [] : [fullScreenCheck(provider.fullScreenUnseen)]),
    ...faultChecks(status.faults),
    ...(engine === null ? [] : engineChecks(engine)),
  ];
}

function lines({ out }: Context, checks: readonly Check[]): string[] {
  const width = Math.min(28, Math.max(...checks.map(({ name }) => name.length)));
  const body = checks.flatMap(({ name, state, found, fix }) => [
    `${out.paint(styles[state], state.padEnd(4))}  ${plain(name).padEnd(width)}  ${found
      .split('\n')
      .map(plain)
      .join(`\n${' '.repeat(width + 8)}`)}`,
    ...(fix === null ? [] : [`${' '.repeat(6)}${'→'.padStart(width)}  ${plain(fix)}`]),
  ]);
  const count = (state: Health) => checks.filter((check) => check.state === state).length;
  return [
    ...body,
    '',
    `${countText(checks.length, 'check')}: ${count('ok')} ok, ${countText(count('warn'), 'warning')}, ${countText(count('fail'), 'failure')}`,
  ];
}
