/** Addresses: those to listen on, and those to join through. */
import { connect, createServer } from 'node:net';
import { type Check, codeOf, fail, ok, reasonOf, warn } from './check.ts';

const connectMs = 3_000;

/** `/ip4/0.0.0.0/tcp/4001/ws` → host and port; null for what is no TCP. */
export function tcpOf(multiaddr: string): { host: string; port: number } | null {
  const { host, port } =
    /^\/(?:ip4|ip6|dns|dns4|dns6)\/(?<host>[^/]+)\/tcp\/(?<port>\d+)(?:\/|$)/.exec(multiaddr)?.groups ?? {};
  return host === undefined || port === undefined ? null : { host, port: Number(port) };
}

/** @param addresses of the configuration, while no node listens on them. */
export async function portChecks(addresses: readonly string[], controlListen: string): Promise<Check[]> {
  const control = /^(?<host>.+):(?<port>\d+)$/.exec(controlListen)?.groups ?? {};
  const wanted = [
    ...addresses.map((address) => ({ address, key: 'network.listen', tcp: tcpOf(address) })),
    {
      address: controlListen,
      key: 'control.listen',
      tcp: { host: (control['host'] ?? '').replaceAll(/[[\]]/g, ''), port: Number(control['port']) },
    },
  ];
  return Promise.all(
    wanted.map(async ({ address, key, tcp }) => {
      const name = `port ${address}`;
      if (tcp === null)
        return warn(name, 'is no TCP address, and was not tried', `write it as /ip4/0.0.0.0/tcp/4001/ws in ${key}`);
      const error = await bindError(tcp);
      if (error === null) return ok(name, tcp.port === 0 ? 'free: any port is taken' : 'free');
      if (codeOf(error) === 'EADDRINUSE')
        return fail(
          name,
          'another program listens there',
          `stop that program, or choose another port in ${key}; 0 takes any that is free`,
        );
      if (codeOf(error) === 'EACCES')
        return fail(name, 'this user may not listen there', `choose a port above 1023 in ${key}`);
      return fail(name, reasonOf(error), `choose an address of this computer in ${key}`);
    }),
  );
}

function bindError({ host, port }: { host: string; port: number }): Promise<Error | null> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', resolve);
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(null)));
  });
}

export async function bootstrapChecks(addresses: readonly string[], { mdns }: { mdns: boolean }): Promise<Check[]> {
  const name = 'bootstrap';
  if (addresses.length === 0) {
    if (mdns) return [ok(name, 'none; peers are found on the local network (mDNS)')];
    return [
      warn(
        name,
        'no address to join through: the node is alone until others join it',
        'add the address of a node to network.bootstrap; that node prints it when it starts',
      ),
    ];
  }
  const checks = await Promise.all(addresses.map(bootstrapCheck));
  const someAnswer = checks.some(({ state }) => state === 'ok');
  // One that answers is enough to join.
  return checks.map((check) => (check.state === 'fail' && someAnswer ? { ...check, state: 'warn' as const } : check));
}

async function bootstrapCheck(address: string): Promise<Check> {
  const name = `bootstrap ${address.replace(/\/p2p\/12D3KooW\w{36}/, '/p2p/…')}`;
  const tcp = tcpOf(address);
  if (tcp === null)
    return warn(
      name,
      'is no TCP address, and was not tried',
      'write it in network.bootstrap as that node prints it: /ip4/…/tcp/…/p2p/…',
    );
  const error = await connectError(tcp);
  if (error === null) return ok(name, 'answers');
  return fail(
    name,
    `does not answer: ${error}`,
    'check the address, that a node runs there, and the firewalls between',
  );
}

function connectError({ host, port }: { host: string; port: number }): Promise<string | null> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: connectMs });
    const done = (error: string | null) => {
      socket.destroy();
      resolve(error);
    };
    socket.once('connect', () => done(null));
    socket.once('timeout', () => done(`nothing within ${connectMs / 1000} s`));
    socket.once('error', (error) => done(codeOf(error) ?? error.message));
  });
}
