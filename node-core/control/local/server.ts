/**
 * The control API on this computer: a WebSocket on loopback, for the command line, scripts and the demo.
 *
 *     const server = await startControlServer({ api, dataFolder, listen: '127.0.0.1:0', log, … });
 *     // → <dataFolder>/control.json: { url, token, pid }
 *     await server.stop('the node stops');
 *
 * It listens on loopback only, and asks for the owner's token, which never is in a URL. See `door.ts` for who is let in,
 * `browser-door.ts` for how the owner's browser is, and `pages.ts` for what anybody on this computer may see: that the
 * node is well, how much it does, and the interface without what it shows.
 */
import { randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { WebSocketServer } from 'ws';
import type { Logger } from '../../ports/index.ts';
import type { NodeApi } from '../../protocol/index.ts';
import { openBrowserDoor } from './browser-door.ts';
import { serveConnection } from './connection.ts';
import { removeControlFile, writeControlFile } from './control-file.ts';
import { judgeUpgrade } from './door.ts';
import { type InterfaceFile, readInterface } from './interface-files.ts';
import { createPages } from './pages.ts';

export interface ControlServerOptions {
  readonly api: NodeApi;
  /** Where `control.json` goes. */
  readonly dataFolder: string;
  /** `host:port` on loopback; port 0 = any. */
  readonly listen: string;
  /** Web origins that may connect. */
  readonly allowedOrigins: readonly string[];
  /** Messages that wait for a slow reader before it is disconnected. */
  readonly streamBufferMax: number;
  /** The built interface, for the browser of this computer. Default: none is served. */
  readonly interfaceFolder?: string;
  readonly log: Logger;
  readonly limits?: Partial<ControlServerLimits>;
}

export interface ControlServerLimits {
  /** Default 32. */
  readonly connectionsMax: number;
  /** Largest message taken. Default 64 MiB: a job brings its inputs with it. */
  readonly requestBytesMax: number;
  /** Bytes that wait for a slow reader before it is disconnected. Default 64 MiB. */
  readonly waitingBytesMax: number;
  /** Time from connecting to `auth`. Default 5 s. */
  readonly authMs: number;
}

export interface ControlServer {
  readonly url: string;
  readonly token: string;
  /** An address that opens the interface once, within a minute; null where none is served. */
  newPageUrl(): string | null;
  stop(reason: string): Promise<void>;
}

export class ControlServerError extends Error {
  override readonly name = 'ControlServerError';
}

const tokenBytes = 32;
const defaults: ControlServerLimits = {
  connectionsMax: 32,
  requestBytesMax: 64 * 1024 * 1024,
  waitingBytesMax: 64 * 1024 * 1024,
  authMs: 5_000,
};

/** @throws ControlServerError when the address is not a loopback one, or is taken. */
export async function startControlServer(options: ControlServerOptions): Promise<ControlServer> {
  const { api, dataFolder, allowedOrigins, log } = options;
  const limits = { ...defaults, ...options.limits };
  const token = randomBytes(tokenBytes).toString('base64url');

  const files =
    options.interfaceFolder === undefined
      ? new Map<string, InterfaceFile>()
      : await readInterface(options.interfaceFolder);
  const browsers = await openBrowserDoor(dataFolder);
  const door = () => ({ port: address.port, allowedOrigins, servesInterface: files.size > 0, token });
  const pages = createPages({ api, door, files, newTicket: browsers.newTicket, log });
  const http = createServer({ requestTimeout: limits.authMs, headersTimeout: limits.authMs }, pages.serve);
  http.maxConnections = 2 * limits.connectionsMax;
  const address = await listenOn(http, options.listen, files.size > 0 ? browsers.lastPort : null);
  const sockets = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    maxPayload: limits.requestBytesMax,
    perMessageDeflate: false,
  });
  const ends = new Set<(reason: string) => void>();

  http.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    socket.on('error', () => {});
    if (ends.size >= limits.connectionsMax) return refuse(socket, 503, `at most ${limits.connectionsMax} connections`);
    const judgement = judgeUpgrade(request.headers, door());
    if (!judgement.ok) {
      log.warn({ status: judgement.status, reason: judgement.reason }, 'a control connection was refused');
      return refuse(socket, judgement.status, judgement.reason);
    }
    sockets.handleUpgrade(request, socket, head, (webSocket) => {
      const end = serveConnection(webSocket, {
        api,
        log,
        token,
        browsers,
        authenticated: judgement.authenticated,
        authMs: limits.authMs,
        waitingMax: options.streamBufferMax,
        waitingBytesMax: limits.waitingBytesMax,
      });
      ends.add(end);
      webSocket.once('close', () => ends.delete(end));
    });
  });

  const host = address.family === 'IPv6' ? `[${address.address}]` : address.address;
  const url = `ws://${host}:${address.port}/`;
  try {
    await writeControlFile(dataFolder, { url, token, pid: process.pid });
    if (files.size > 0) await browsers.rememberPort(address.port);
  } catch (error) {
    http.close();
    throw error;
  }

  return {
    url,
    token,
    newPageUrl: () => (files.size > 0 ? `http://${host}:${address.port}/#ticket=${browsers.newTicket()}` : null),
    async stop(reason) {
      pages.stop();
      await removeControlFile(dataFolder, token);
      const closed = new Promise<void>((resolve) => http.close(() => resolve()));
      for (const end of ends) end(reason);
      http.closeAllConnections();
      await closed;
    },
  };
}

/** @param lastPort taken again where any port will do, if it is free. */
async function listenOn(http: Server, listen: string, lastPort: number | null): Promise<AddressInfo> {
  const { host, port } = loopbackAddress(listen);
  if (port !== 0 || lastPort === null || !(await tryListen(http, host, lastPort))) {
    await new Promise<void>((resolve, reject) => {
      http.once('error', (error) => {
        reject(
          new ControlServerError(
            `the control API cannot listen on ${listen}: ${error.message}. Choose another port in control.listen, or 0 for any`,
            { cause: error },
          ),
        );
      });
      http.listen(port, host, resolve);
    });
  }
  const address = http.address();
  if (address === null || typeof address === 'string') throw new ControlServerError(`no port on ${listen}`);
  return address;
}

function tryListen(http: Server, host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const failed = () => resolve(false);
    http.once('error', failed);
    http.listen(port, host, () => {
      http.off('error', failed);
      resolve(true);
    });
  });
}

/** @throws ControlServerError for anything that others could reach. */
function loopbackAddress(listen: string): { host: string; port: number } {
  const { host = '', port = '' } = /^(?<host>.+):(?<port>\d{1,5})$/.exec(listen)?.groups ?? {};
  // `localhost` is a name, and could be pointed elsewhere: the address is taken instead.
  const addresses: Readonly<Record<string, string>> = {
    '127.0.0.1': '127.0.0.1',
    localhost: '127.0.0.1',
    '[::1]': '::1',
  };
  const address = Object.hasOwn(addresses, host) ? addresses[host] : undefined;
  if (address === undefined || Number(port) > 65_535) {
    throw new ControlServerError(
      `the control API listens on this computer only: expected 127.0.0.1:<port> or [::1]:<port>, found ${JSON.stringify(listen)}`,
    );
  }
  return { host: address, port: Number(port) };
}

const statusTexts = { 401: 'Unauthorized', 403: 'Forbidden', 503: 'Service Unavailable' } as const;

function refuse(socket: Duplex, status: keyof typeof statusTexts, reason: string): void {
  socket.once('finish', () => socket.destroy());
  const body = `${reason}\n`;
  socket.end(
    [
      `HTTP/1.1 ${status} ${statusTexts[status]}`,
      'Connection: close',
      'Content-Type: text/plain; charset=utf-8',
      `Content-Length: ${Buffer.byteLength(body)}`,
      '',
      body,
    ].join('\r\n'),
  );
}
