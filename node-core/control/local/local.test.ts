import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import type { StreamItem } from '../../protocol/index.ts';
import { FakeNode, silent } from '../testing.ts';
import { type ControlClient, connectControl } from './client.ts';
import { type ControlServer, type ControlServerOptions, startControlServer } from './server.ts';

let dataFolder: string;
let api: FakeNode;
const cleanups: (() => unknown)[] = [];

beforeEach(async () => {
  dataFolder = await mkdtemp(join(tmpdir(), 'infernet-control-'));
  api = new FakeNode();
  cleanups.push(() => rm(dataFolder, { recursive: true, force: true }));
});
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function serve(more: Partial<ControlServerOptions> = {}): Promise<ControlServer> {
  const server = await startControlServer({
    api,
    dataFolder,
    listen: '127.0.0.1:0',
    allowedOrigins: [],
    streamBufferMax: 10_000,
    log: silent,
    ...more,
  });
  cleanups.push(() => server.stop('test over'));
  return server;
}

async function connectTo(target: Parameters<typeof connectControl>[0], options = {}): Promise<ControlClient> {
  const client = await connectControl(target, options);
  cleanups.push(() => client.close());
  return client;
}

/** A socket without our client's manners. */
function raw(url: string, headers: Record<string, string> = {}) {
  const socket = new WebSocket(url, { headers });
  cleanups.push(() => socket.terminate());
  socket.on('error', () => {});
  const messages: unknown[] = [];
  socket.on('message', (data) => messages.push(JSON.parse(String(data))));
  const closed = new Promise<{ code: number; reason: string }>((resolve) =>
    socket.once('close', (code, reason) => resolve({ code, reason: reason.toString() })),
  );
  const opened = new Promise<void>((resolve) => socket.once('open', resolve));
  const refused = new Promise<number | undefined>((resolve) =>
    socket.once('unexpected-response', (_, response) => resolve(response.statusCode)),
  );
  return { socket, messages, closed, opened, refused };
}

const auth = (token: string, more = {}) =>
  JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'auth', params: { token, ...more } });
const until = async (condition: () => boolean) => {
  while (!condition()) await new Promise(setImmediate);
};

describe('control server', () => {
  it('tells its owner alone where it is, and cleans up', async () => {
    const server = await serve();
    const path = join(dataFolder, 'control.json');
    expect(JSON.parse(await readFile(path, 'utf8'))).toEqual({
      url: server.url,
      token: server.token,
      pid: process.pid,
    });
    if (process.platform !== 'win32') expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect(server.url).not.toContain(server.token);
    expect(Buffer.from(server.token, 'base64url')).toHaveLength(32);
    await server.stop('enough');
    expect(await readdir(dataFolder)).toEqual([]);
  });

  it('leaves alone the control.json of another process', async () => {
    const server = await serve();
    const theirs = JSON.stringify({ url: 'ws://127.0.0.1:1/', token: 'theirs', pid: 1 });
    await writeFile(join(dataFolder, 'control.json'), theirs);
    await server.stop('enough');
    expect(await readFile(join(dataFolder, 'control.json'), 'utf8')).toBe(theirs);
  });

  it('listens on this computer only', async () => {
    for (const listen of [
      '0.0.0.0:0',
      '192.168.1.2:0',
      '[::]:0',
      'example.org:0',
      ':0',
      '127.0.0.1',
      '127.0.0.1:70000',
      '__proto__:0',
    ]) {
      await expect(serve({ listen })).rejects.toThrow('this computer only');
    }
    const { url } = await serve({ listen: 'localhost:0' });
    expect(url).toMatch(/^ws:\/\/127\.0\.0\.1:\d+\/$/);
    await expect(serve({ listen: `127.0.0.1:${new URL(url).port}` })).rejects.toThrow(
      'Choose another port in control.listen',
    );
  });

  it('wants the token, in the first message or in the header', async () => {
    const { url, token } = await serve();
    api.answer = () => ({});
    const ask = '{"jsonrpc":"2.0","id":2,"method":"provider.status"}';

    const byHeader = raw(url, { authorization: `Bearer ${token}` });
    await byHeader.opened;
    byHeader.socket.send(ask);
    await until(() => byHeader.messages.length > 0);
    expect(byHeader.messages).toEqual([{ jsonrpc: '2.0', id: 2, result: {} }]);

    const byMessage = raw(url);
    await byMessage.opened;
    byMessage.socket.send(auth(token));
    byMessage.socket.send(ask);
    await until(() => byMessage.messages.length > 1);
    expect(byMessage.messages[0]).toEqual({ jsonrpc: '2.0', id: 1, result: { scope: 'owner' } });

    expect(await raw(url, { authorization: 'Bearer wrong' }).refused).toBe(401);
    expect(await raw(url, { authorization: token }).refused).toBe(401);
    const calls = api.calls.length;
    for (const first of [
      auth('wrong'),
      auth(''),
      ask,
      '{',
      '[]',
      auth(token).repeat(20),
      auth(token, { scope: 'god' }),
    ]) {
      const { socket, opened, closed, messages } = raw(url);
      await opened;
      socket.send(first);
      socket.send(ask);
      expect(await closed, first).toMatchObject({ code: 4401 });
      expect(messages, first).toMatchObject([{ error: { code: -32001 } }]);
    }
    const inUrl = raw(`${url}?token=${token}`);
    await inUrl.opened;
    inUrl.socket.send(ask);
    expect(await inUrl.closed).toMatchObject({ code: 4401 });
    expect(api.calls).toHaveLength(calls);
  });

  it('does not wait for the token for ever', async () => {
    const { url } = await serve({ limits: { authMs: 20 } });
    expect(await raw(url).closed).toEqual({ code: 4401, reason: 'no auth within 20 ms' });
  });

  it('refuses a foreign Host, as DNS rebinding brings one', async () => {
    const { url, token } = await serve();
    const { port } = new URL(url);
    const foreign = [
      'evil.example',
      `evil.example:${port}`,
      '127.0.0.1',
      '127.0.0.1:1',
      `127.0.0.1.evil.example:${port}`,
    ];
    for (const host of foreign) {
      expect(await raw(url, { host, authorization: `Bearer ${token}` }).refused, host).toBe(403);
    }
    for (const host of [`localhost:${port}`, `127.0.0.1:${port}`, `[::1]:${port}`, `LOCALHOST:${port}`]) {
      await raw(url, { host, authorization: `Bearer ${token}` }).opened;
    }
  });

  it('refuses web pages, but those allowed', async () => {
    const { url, token } = await serve({ allowedOrigins: ['https://app.example'] });
    const authorization = `Bearer ${token}`;
    for (const origin of [
      'https://evil.example',
      'http://app.example',
      'https://app.example.evil',
      'null',
      'http://127.0.0.1',
      '',
    ]) {
      expect(await raw(url, { origin, authorization }).refused, origin).toBe(403);
    }
    await raw(url, { origin: 'https://app.example', authorization }).opened;
  });

  it('answers plain HTTP with nothing of use', async () => {
    const { url } = await serve();
    const status = await new Promise<number | undefined>((resolve) =>
      request(url.replace('ws:', 'http:'), (response) => resolve(response.resume().statusCode)).end(),
    );
    expect(status).toBe(426);
  });

  it('takes no message that is too large, and goes on serving others', async () => {
    const { url, token } = await serve({ limits: { requestBytesMax: 10_000 } });
    const other = await connectTo({ url, token });
    const { socket, opened, closed } = raw(url, { authorization: `Bearer ${token}` });
    await opened;
    socket.send('x'.repeat(10_001));
    expect(await closed).toMatchObject({ code: 1009 });
    await expect(other.call('node.status', {})).rejects.toMatchObject({ kind: 'not-found' });
  });

  it('takes no bytes', async () => {
    const { url, token } = await serve();
    const { socket, opened, closed } = raw(url, { authorization: `Bearer ${token}` });
    await opened;
    socket.send(Buffer.from([1, 2, 3]));
    expect(await closed).toMatchObject({ code: 4410, reason: 'expected text messages' });
  });

  it('bounds the connections', async () => {
    const { url, token } = await serve({ limits: { connectionsMax: 1 } });
    const first = await connectTo({ url, token });
    expect(await raw(url).refused).toBe(503);
    await first.close();
    await raw(url).opened;
  });

  it('ends although somebody holds a connection open without a word', async () => {
    const server = await serve();
    const silentSocket = connect(Number(new URL(server.url).port), '127.0.0.1').on('error', () => {});
    cleanups.push(() => silentSocket.destroy());
    await new Promise<void>((resolve) => silentSocket.once('connect', () => resolve()));
    const waiting = raw(server.url);
    await waiting.opened;
    await server.stop('the node stops');
    expect(await waiting.closed).toEqual({ code: 1001, reason: 'the node stops' });
  });

  it('disconnects a reader that is too slow, with the reason, and keeps nothing for it', async () => {
    const { url, token } = await serve({ streamBufferMax: 50 });
    const { socket, opened, closed, messages } = raw(url, { authorization: `Bearer ${token}` });
    await opened;
    socket.send('{"jsonrpc":"2.0","id":1,"method":"events.subscribe","params":{"after":0}}');
    await until(() => api.subscribers === 1);
    socket.pause();
    // More than the operating system buffers between two sockets.
    const text = 'x'.repeat(100_000);
    for (let i = 0; i < 5_000 && api.subscribers === 1; i += 1) {
      api.append(1, text);
      await new Promise(setImmediate);
    }
    expect(api.subscribers).toBe(0);
    socket.resume();
    const { code, reason } = await closed;
    // Either the close frame still came through, or the socket was cut.
    expect([4408, 1006]).toContain(code);
    if (code === 4408) expect(reason).toContain('go on from your cursor');
    expect(messages.length).toBeGreaterThan(1);
  });
});

describe('control client', () => {
  it('is the node’s API, found through the data folder', async () => {
    await serve();
    const client = await connectTo(dataFolder);
    api.answer = (method) => (method === 'jobs.submit' ? { jobId: '1'.repeat(32) } : { rows: [] });
    expect(await client.call('wallet.ledger', { limit: 5 })).toEqual({ rows: [] });
    expect(api.calls).toEqual([{ method: 'wallet.ledger', params: { limit: 5 } }]);
    await expect(client.call('jobs.get', { jobId: 'x' })).rejects.toMatchObject({ kind: 'invalid-params' });
  });

  it('may ask for less than it could have', async () => {
    await serve();
    const client = await connectTo(dataFolder, { scope: 'follow' });
    await expect(client.call('node.stop', {})).rejects.toMatchObject({ kind: 'not-allowed' });
    expect(api.calls).toEqual([]);
  });

  it('says why it cannot connect', async () => {
    await expect(connectControl(dataFolder)).rejects.toMatchObject({
      kind: 'unavailable',
      message: expect.stringContaining('no node runs on'),
    });
    const { url } = await serve();
    await expect(connectControl({ url, token: 'wrong' })).rejects.toMatchObject({
      kind: 'not-allowed',
      message: expect.stringContaining('wrong token'),
    });
    await writeFile(join(dataFolder, 'control.json'), '{"url": 1}');
    await expect(connectControl(dataFolder)).rejects.toMatchObject({
      kind: 'unavailable',
      message: expect.stringContaining('damaged'),
    });
  });

  it('knows a node that was killed', async () => {
    const server = await serve();
    await server.stop('gone');
    await expect(connectControl(server)).rejects.toMatchObject({
      kind: 'unavailable',
      message: expect.stringContaining('start it again'),
    });
  });

  it('ends every call: by deadline, or with the connection', async () => {
    const server = await serve();
    api.answer = () => new Promise(() => {});
    const hasty = await connectTo(server, { callMs: 20 });
    await expect(hasty.call('node.status', {})).rejects.toMatchObject({
      kind: 'unavailable',
      message: 'no answer to node.status within 20 ms',
    });
    const patient = await connectTo(server, { callsMax: 1 });
    const pending = patient.call('node.status', {});
    await expect(patient.call('node.status', {})).rejects.toMatchObject({ kind: 'unavailable' });
    const ended = expect(pending).rejects.toThrow('the connection to the node is closed: the node stops');
    await server.stop('the node stops');
    await ended;
    expect(await patient.closed).toBe('the node stops');
    await expect(patient.call('node.status', {})).rejects.toMatchObject({ kind: 'unavailable' });
  });

  it('does not take an answer of another form', async () => {
    await serve();
    const client = await connectTo(dataFolder);
    api.answer = () => ({ rows: 'none' });
    await expect(client.call('wallet.ledger', {})).rejects.toMatchObject({ kind: 'internal' });
  });

  it('goes on from its cursor after each break, with nothing lost or doubled', async () => {
    const server = await serve();
    const total = 500;
    const seen: number[] = [];
    let cursor = 0;
    let round = 0;
    while (cursor < total) {
      const client = await connectTo(server);
      round += 1;
      // Some events are there before, some come while it follows, some while nobody does.
      if (api.append(0) < total) api.append(40);
      const enough = cursor + 37;
      await new Promise<void>((resolve) => {
        const end = client.subscribe(cursor, (item: StreamItem) => {
          if (item.kind !== 'event') return;
          seen.push(item.seq);
          cursor = item.seq;
          if (api.append(0) < total) api.append(1);
          if (cursor >= enough || cursor >= total) {
            end();
            resolve();
          }
        });
      });
      // A break in order, and one without a word.
      if (round % 2 === 0) void client.close();
    }
    expect(seen).toEqual(Array.from({ length: cursor }, (_, index) => index + 1));
    expect(round).toBeGreaterThan(3);
  });

  it('hears progress between the events, and nothing after it has ended the stream', async () => {
    const server = await serve();
    const client = await connectTo(server);
    const items: StreamItem[] = [];
    const end = client.subscribe(0, (item) => items.push(item));
    await until(() => api.subscribers === 1);
    api.append(1);
    api.progress(3);
    api.append(1);
    await until(() => items.length === 3);
    expect(items.map((item) => item.kind)).toEqual(['event', 'progress', 'event']);
    end();
    await until(() => api.subscribers === 0);
    api.append(1);
    await client.call('node.status', {}).catch(() => {});
    expect(items).toHaveLength(3);
  });
});
