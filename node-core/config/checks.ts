/** What a schema of single values cannot say: settings that must fit each other, and texts with a form of their own. */
import type { NodeConfig } from './schema.ts';
import type { Path } from './schema-tree.ts';

/** Names and addresses of this computer that others cannot reach. */
const loopbackHosts: ReadonlySet<string> = new Set(['127.0.0.1', 'localhost', '[::1]']);

export interface FailedCheck {
  readonly path: Path;
  readonly message: string;
}

export function failedChecks(config: NodeConfig): FailedCheck[] {
  return [...multiaddrs(config), ...loopback(config), ...times(config)];
}

function* multiaddrs({ network }: NodeConfig): Generator<FailedCheck> {
  for (const name of ['listen', 'announce', 'bootstrap'] as const) {
    for (const [index, address] of network[name].entries()) {
      const path = ['network', name, index];
      const where = `network.${name}[${index}]`;
      if (!/^\/[a-z0-9-]+(\/[^/\s]+)*$/.test(address)) {
        yield {
          path,
          message: `${where}: expected a multiaddr as /ip4/192.0.2.7/tcp/4001/ws, found ${JSON.stringify(address)}`,
        };
      } else if (name === 'bootstrap' && !/\/p2p\/12D3KooW\w{44}$/.test(address)) {
        yield {
          path,
          message: `${where}: expected a multiaddr that ends with /p2p/<peer id>, so that nobody else can answer there, found ${JSON.stringify(address)}; the node there prints its full address when it starts`,
        };
      }
    }
  }
}

function* loopback({ control }: NodeConfig): Generator<FailedCheck> {
  const match = /^(?<host>.+):(?<port>\d{1,5})$/.exec(control.listen);
  const host = match?.groups?.['host'] ?? '';
  const port = Number(match?.groups?.['port'] ?? Number.NaN);
  if (!loopbackHosts.has(host) || !(port <= 65_535)) {
    yield {
      path: ['control', 'listen'],
      message: `control.listen: expected a loopback address as 127.0.0.1:0 or [::1]:7070 (the control API is not for other computers), found ${JSON.stringify(control.listen)}`,
    };
  }
}

function* times({ aggregator, directory }: NodeConfig): Generator<FailedCheck> {
  yield* mustBeLess(
    ['aggregator', 'leaseRenewMs'],
    aggregator.leaseRenewMs,
    ['aggregator', 'leaseMs'],
    aggregator.leaseMs,
  );
  yield* mustBeLess(
    ['aggregator', 'leaseRenewMs'],
    aggregator.leaseRenewMs,
    ['aggregator', 'suspectMs'],
    aggregator.suspectMs,
  );
  yield* mustBeLess(['directory', 'heartbeatMs'], directory.heartbeatMs, ['directory', 'goneMs'], directory.goneMs);
  yield* mustBeLess(
    ['directory', 'recordRefreshMs'],
    directory.recordRefreshMs,
    ['directory', 'recordTtlMs'],
    directory.recordTtlMs,
  );
}

function* mustBeLess(path: string[], value: number, other: string[], limit: number): Generator<FailedCheck> {
  if (value < limit) return;
  const [name, otherName] = [path.join('.'), other.join('.')];
  yield { path, message: `${name}: expected less than ${otherName}, which is ${limit}, found ${value}` };
}
