/** The built interface, as files for the browser of this computer. They are read once: no request names a path on the disk. */
import { readdir, readFile } from 'node:fs/promises';
import { extname, join, relative, sep } from 'node:path';

export interface InterfaceFile {
  readonly type: string;
  readonly body: Buffer;
  /** Its name holds the hash of its content. */
  readonly immutable: boolean;
}

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.woff2': 'font/woff2',
};

const bytesMax = 32 * 1024 * 1024;

/** Where the built interface lies, by the path of each file's address: what is not in here does not exist for a page. */
export async function interfacePaths(folder: string): Promise<ReadonlyMap<string, { path: string; type: string }>> {
  const paths = new Map<string, { path: string; type: string }>();
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    const type = types[extname(entry.name)];
    if (type !== undefined) paths.set(`/${relative(folder, path).split(sep).join('/')}`, { path, type });
  }
  return paths;
}

/** @returns files by the path of their address. @throws Error when it is no built interface. */
export async function readInterface(folder: string): Promise<ReadonlyMap<string, InterfaceFile>> {
  const files = new Map<string, InterfaceFile>();
  let bytes = 0;
  for (const [address, { path, type }] of await interfacePaths(folder)) {
    const body = await readFile(path);
    bytes += body.length;
    if (bytes > bytesMax) throw new Error(`the interface in ${folder} is larger than ${bytesMax} bytes`);
    files.set(address, { type, body, immutable: address.startsWith('/assets/') });
  }
  const index = files.get('/index.html');
  if (index === undefined) throw new Error(`there is no index.html in ${folder}; build the interface first`);
  files.set('/', index);
  return files;
}

/** Nothing but the interface's own files. @param connect to what its scripts may connect. */
export function contentPolicy(connect: string): string {
  return [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self'",
    "font-src 'self'",
    `connect-src ${connect}`,
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ');
}

/** @param port of the server, for browsers that do not count its WebSocket as 'self'. */
export function interfaceHeaders(port: number): Readonly<Record<string, string>> {
  const sockets = ['127.0.0.1', 'localhost'].map((host) => `ws://${host}:${port}`).join(' ');
  return {
    'content-security-policy': contentPolicy(`'self' ${sockets}`),
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
    'cross-origin-opener-policy': 'same-origin',
    'cross-origin-resource-policy': 'same-origin',
    'permissions-policy': 'camera=(), microphone=(), geolocation=(), usb=(), serial=()',
  };
}
