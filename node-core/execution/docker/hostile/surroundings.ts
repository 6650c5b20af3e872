/** What a runner might reach of the computer that it is on, listening: whoever knocks is heard. */
import { createSocket } from 'node:dgram';
import { writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';

/** In the command of what is started, so that it can be looked for; and what must be found nowhere. */
export const marker = `infernet-hostile-${process.pid}`;
export const secret = `the secret of ${marker}`;

export interface Surroundings {
  readonly folder: string;
  readonly tcpPort: number;
  readonly udpPort: number;
  /** Unix sockets, those of the engine and such among them. */
  readonly paths: readonly string[];
  /** Who came. */
  readonly heard: readonly string[];
  close(): Promise<void>;
}

/** @param folder gets a file with the secret. */
export async function listenAround(folder: string): Promise<Surroundings> {
  await writeFile(join(folder, 'secret'), secret, { mode: 0o644 });
  const heard: string[] = [];
  const listen = (server: Server, where: object): Promise<Server> =>
    new Promise((resolve, reject) => {
      server.once('error', reject);
      server.listen(where, () => resolve(server));
    });
  const tcp = await listen(
    createServer((socket) => {
      heard.push(`TCP from ${socket.remoteAddress}`);
      socket.destroy();
    }),
    { port: 0, host: '::' },
  );
  const paths = [join(folder, 'socket'), `\0${marker}`];
  const unix = await Promise.all(
    paths.map((path) =>
      listen(
        createServer((socket) => {
          heard.push(`a socket: ${path}`);
          socket.destroy();
        }),
        { path },
      ),
    ),
  );
  const udp = createSocket({ type: 'udp6' });
  udp.on('message', (_, { address }) => void heard.push(`UDP from ${address}`));
  await new Promise<void>((resolve) => udp.bind(0, '::', resolve));
  const address = tcp.address();
  return {
    folder,
    tcpPort: typeof address === 'object' && address !== null ? address.port : 0,
    udpPort: udp.address().port,
    paths: [
      ...paths,
      '/var/run/docker.sock',
      '/run/docker.sock',
      '/run/containerd/containerd.sock',
      '/run/dbus/system_bus_socket',
    ],
    heard,
    close: async () => {
      udp.close();
      await Promise.all([tcp, ...unix].map((server) => new Promise((resolve) => server.close(resolve))));
    },
  };
}

/** This computer by all its addresses, its neighbours, what clouds tell their machines, and the world. */
export function targetsOf(port: number): [string, number][] {
  const own = Object.values(networkInterfaces()).flatMap((all) => all ?? []);
  const neighbours = own
    .filter(({ family, internal }) => family === 'IPv4' && !internal)
    .map(({ address }) => address.replace(/\d+$/, '1'));
  return [
    ...own.filter(({ scopeid }) => !scopeid).map(({ address }): [string, number] => [address, port]),
    ...neighbours.map((address): [string, number] => [address, 53]),
    ['172.17.0.1', port],
    ['169.254.169.254', 80],
    ['1.1.1.1', 53],
    ['2606:4700:4700::1111', 53],
  ];
}

export function isLoopback(address: string): boolean {
  return address.startsWith('127.') || address === '::1';
}
