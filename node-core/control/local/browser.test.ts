import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { FakeNode, silent } from '../testing.ts';
import { openBrowserDoor } from './browser-door.ts';
import { requestPageUrl } from './page-url.ts';
import { type ControlServer, startControlServer } from './server.ts';

let folder: string;
let interfaceFolder: string;
let server: ControlServer;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'infernet-browser-'));
  interfaceFolder = join(folder, 'interface');
  await mkdir(join(interfaceFolder, 'assets'), { recursive: true });
  await writeFile(join(interfaceFolder, 'index.html'), '<!doctype html><title>Infernet</title>');
  await writeFile(join(interfaceFolder, 'assets', 'index-1a2b.js'), 'export {}');
  await writeFile(join(interfaceFolder, 'assets', 'index.js.map'), '{}');
  server = await serve();
});
afterEach(async () => {
  await server.stop('test over');
  await rm(folder, { recursive: true, force: true });
});

const serve = () =>
  startControlServer({
    api: new FakeNode(),
    dataFolder: folder,
    listen: '127.0.0.1:0',
    allowedOrigins: [],
    streamBufferMax: 100,
    interfaceFolder,
    log: silent,
  });

const pageOrigin = () => server.url.replace('ws:', 'http:').replace(/\/$/, '');

/** As the page does it. @returns the answer, and the code with which the connection was closed, if it was. */
function enter(params: object, origin = pageOrigin()): Promise<{ result?: { session?: string }; code?: number }> {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(server.url, { headers: { origin } });
    socket.once('error', reject);
    socket.once('open', () => socket.send(JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'auth', params })));
    let result: { session?: string } | undefined;
    socket.once('message', (data) => {
      result = JSON.parse(String(data)).result;
      if (result !== undefined) socket.close();
    });
    socket.once('close', (code) => resolve(result === undefined ? { code } : { result }));
  });
}

it('serves the interface with a policy that lets nothing foreign in, and nothing else of the folder', async () => {
  const page = await fetch(`${pageOrigin()}/`);
  expect(await page.text()).toContain('Infernet');
  const policy = page.headers.get('content-security-policy') ?? '';
  expect(policy).toContain("default-src 'none'");
  expect(policy).toContain("frame-ancestors 'none'");
  expect(policy).not.toMatch(/unsafe|https?:/);
  expect(page.headers.get('cache-control')).toBe('no-store');
  const script = await fetch(`${pageOrigin()}/assets/index-1a2b.js`);
  expect(script.headers.get('content-type')).toMatch(/javascript/);
  expect(script.headers.get('cache-control')).toMatch(/immutable/);
  for (const path of ['/assets/index.js.map', '/../control.json', '/%2e%2e/control.json', '/browser.json']) {
    expect((await fetch(pageOrigin() + path)).status, path).toBe(404);
  }
});

it('opens by a ticket that works once, and goes on by a session that survives a restart on the same port', async () => {
  const url = new URL((await requestPageUrl(folder)) ?? '');
  expect(url.search).toBe('');
  const ticket = url.hash.replace('#ticket=', '');
  const first = await enter({ ticket });
  const session = first.result?.session ?? '';
  expect(session).toHaveLength(43);
  expect(await enter({ ticket })).toEqual({ code: 4401 });

  const kept = await readFile(join(folder, 'browser.json'), 'utf8');
  expect(kept).not.toContain(session);
  if (process.platform !== 'win32') expect((await stat(join(folder, 'browser.json'))).mode & 0o777).toBe(0o600);

  const before = server.url;
  await server.stop('restart');
  server = await serve();
  expect(server.url).toBe(before);
  expect(await enter({ session })).toEqual({ result: { scope: 'owner' } });
  expect(await enter({ session: 'x'.repeat(43) })).toEqual({ code: 4401 });
});

it('gives tickets to whoever holds the owner’s token, and to nobody else', async () => {
  const ask = (headers: Record<string, string>) => fetch(`${pageOrigin()}/ticket`, { method: 'POST', headers });
  expect((await ask({})).status).toBe(401);
  expect((await ask({ authorization: 'Bearer wrong' })).status).toBe(401);
  expect((await ask({ authorization: `Bearer ${server.token}`, origin: 'https://evil.example' })).status).toBe(403);
  expect((await fetch(`${pageOrigin()}/ticket`)).status).toBe(405);
  expect((await ask({ authorization: `Bearer ${server.token}` })).status).toBe(200);
});

it('lets no page of another port in, though it is on this computer', async () => {
  await expect(enter({ token: server.token }, 'http://127.0.0.1:1')).rejects.toThrow(/403/);
});

it('lets tickets and sessions grow old', async () => {
  let now = 1_000;
  const door = await openBrowserDoor(folder, () => now);
  const late = door.newTicket();
  now += 60_001;
  expect(await door.redeem(late)).toBeNull();
  const session = (await door.redeem(door.newTicket())) ?? '';
  expect(door.knows(session)).toBe(true);
  now += 31 * 24 * 3_600_000;
  expect(door.knows(session)).toBe(false);
});
