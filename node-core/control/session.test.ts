import { describe, expect, it } from 'vitest';
import { ApiError, type Scope, type StreamItem, z } from '../protocol/index.ts';
import { createSession, type SessionOptions } from './session.ts';
import { FakeNode, silent } from './testing.ts';

/** Collects what the session sends; `next` waits for the message after those seen. */
function converse(scope: Scope = 'owner', more: Partial<SessionOptions> = {}) {
  const api = new FakeNode();
  const sent: unknown[] = [];
  const ended: string[] = [];
  let arrived = () => {};
  let seen = 0;
  const session = createSession({
    api,
    scope,
    log: silent,
    send: (text) => {
      sent.push(JSON.parse(text));
      arrived();
    },
    end: (reason) => void ended.push(reason),
    ...more,
  });
  const next = async () => {
    while (sent.length <= seen) await new Promise<void>((resolve) => (arrived = resolve));
    seen += 1;
    return sent[seen - 1];
  };
  const ask = (request: unknown) => {
    session.receive(typeof request === 'string' ? request : JSON.stringify(request));
    return next();
  };
  const call = (method: string, params?: unknown, id: unknown = 1) => ask({ jsonrpc: '2.0', id, method, params });
  return { api, session, sent, ended, next, ask, call };
}

describe('answers as they come', () => {
  const jobId = '0'.repeat(32);
  const provider = `12D3KooW${'A'.repeat(44)}`;
  const replicaId = `${jobId}.0.1.${'A'.repeat(8)}`;
  const shown = { jobId, shardId: `${jobId}.0`, replicaId, item: 0 };
  const token = (letters: number, text: string, item = 0): StreamItem => ({
    kind: 'token',
    ...shown,
    provider,
    item,
    index: letters,
    letters,
    tokens: text.length,
    text,
    provisional: true,
  });
  const restarted: StreamItem = { kind: 'restarted', ...shown, reason: 'lost' };
  const itemsOf = (sent: readonly unknown[]) =>
    sent.flatMap(
      (message) => z.object({ params: z.object({ item: z.unknown() }) }).safeParse(message).data?.params.item ?? [],
    );

  it('are for those who may see results', async () => {
    const { api, call, sent } = converse('follow');
    await call('events.subscribe', { after: 0 });
    api.emit(token(0, 'a'));
    api.emit(restarted);
    expect(itemsOf(sent)).toEqual([]);
  });

  it('are gathered while their reader is busy, in order, and come before what follows them', async () => {
    let isBusy = false;
    const { api, call, sent, session } = converse('owner', { isBusy: () => isBusy });
    await call('events.subscribe', { after: 0 });
    api.emit(token(0, 'a'));
    isBusy = true;
    for (const item of [token(1, 'b'), token(0, 'x', 1), token(2, 'cd'), token(1, 'y', 1)]) api.emit(item);
    expect(itemsOf(sent)).toEqual([token(0, 'a')]);
    api.append(1);
    expect(itemsOf(sent).slice(1)).toMatchObject([token(1, 'bcd'), token(0, 'xy', 1), { kind: 'event' }]);
    for (const item of [token(4, 'e'), restarted, token(0, 'new'), token(2, 'z', 1)]) api.emit(item);
    isBusy = false;
    session.drained();
    expect(itemsOf(sent).slice(4)).toEqual([restarted, token(0, 'new'), token(2, 'z', 1)]);
    api.emit(token(3, '!'));
    expect(itemsOf(sent).at(-1)).toEqual(token(3, '!'));
  });
});

describe('session', () => {
  it('calls the node and answers', async () => {
    const { api, call } = converse();
    api.answer = () => ({ jobId: 'a' });
    expect(await call('jobs.get', { jobId: '0'.repeat(32) }, 'seven')).toEqual({
      jsonrpc: '2.0',
      id: 'seven',
      result: { jobId: 'a' },
    });
    expect(api.calls).toEqual([{ method: 'jobs.get', params: { jobId: '0'.repeat(32) } }]);
  });

  it('takes parameters that are left out', async () => {
    const { api, call } = converse();
    api.answer = () => ({});
    expect(await call('node.status')).toMatchObject({ result: {} });
    expect(await call('jobs.list')).toMatchObject({ result: {} });
    expect(api.calls[1]).toEqual({ method: 'jobs.list', params: { limit: 100, skip: 0 } });
  });

  it('refuses what is not JSON-RPC, with its codes', async () => {
    const { ask, api } = converse();
    expect(await ask('{')).toMatchObject({ id: null, error: { code: -32700 } });
    expect(await ask('[]')).toMatchObject({ id: null, error: { code: -32600, message: /batches/ } });
    expect(await ask('{"id":3}')).toMatchObject({ id: 3, error: { code: -32600 } });
    expect(await ask('"x"')).toMatchObject({ id: null, error: { code: -32600 } });
    expect(await ask({ jsonrpc: '1.0', id: 4, method: 'node.status' })).toMatchObject({
      id: 4,
      error: { code: -32600 },
    });
    expect(api.calls).toEqual([]);
  });

  it('names an unknown method', async () => {
    const { call } = converse();
    for (const method of ['node.explode', 'constructor', '__proto__', '']) {
      expect(await call(method)).toMatchObject({ error: { code: -32601, data: { kind: 'method-not-found' } } });
    }
  });

  it('says in words what is wrong with parameters, without repeating them', async () => {
    const { call, api } = converse();
    const answer = await call('jobs.get', { jobId: 'my private words' });
    expect(answer).toMatchObject({ error: { code: -32602, data: { kind: 'invalid-params' } } });
    expect(JSON.stringify(answer)).toContain('jobs.get: jobId: expected an id of 32 hex digits');
    expect(JSON.stringify(answer)).not.toContain('private');
    expect(await call('jobs.get', ['0'.repeat(32)])).toMatchObject({ error: { code: -32602 } });
    expect(await call('jobs.list', { limit: 0 })).toMatchObject({ error: { code: -32602 } });
    expect(await call('events.subscribe', { after: -1 })).toMatchObject({ error: { code: -32602 } });
    expect(api.calls).toEqual([]);
  });

  it('lets nobody do more than the scope', async () => {
    const jobId = '0'.repeat(32);
    const needs: [string, unknown, Scope][] = [
      ['node.status', {}, 'follow'],
      ['jobs.cancel', { jobId }, 'submit'],
      ['provider.switch', { on: true }, 'manage'],
      ['node.stop', {}, 'owner'],
    ];
    const order: Scope[] = ['follow', 'submit', 'manage', 'owner'];
    for (const held of order) {
      const { call, api } = converse(held);
      api.answer = () => ({});
      for (const [method, params, needed] of needs) {
        const allowed = order.indexOf(held) >= order.indexOf(needed);
        const answer = await call(method, params);
        if (allowed) expect(answer).toMatchObject({ result: {} });
        else
          expect(answer).toMatchObject({
            error: { code: -32003, message: `${method} needs the scope ${needed}; this connection has ${held}` },
          });
      }
    }
  });

  it('passes on the node’s errors, and hides those that nobody foresaw', async () => {
    const { call, api } = converse();
    api.answer = () => {
      throw new ApiError('insufficient-funds', 'the budget is 0');
    };
    expect(await call('node.status')).toMatchObject({
      error: { code: -32010, message: 'the budget is 0', data: { kind: 'insufficient-funds' } },
    });
    api.answer = () => {
      throw new TypeError('prompt: my private words');
    };
    const hidden = await call('node.status');
    expect(hidden).toMatchObject({ error: { code: -32603 } });
    expect(JSON.stringify(hidden)).not.toContain('private');
  });

  it('does not answer notifications', async () => {
    const { session, call, api, sent } = converse();
    api.answer = () => ({});
    session.receive(JSON.stringify({ jsonrpc: '2.0', method: 'node.status' }));
    session.receive(JSON.stringify({ jsonrpc: '2.0', method: 'no.such' }));
    await call('node.status');
    expect(api.calls).toHaveLength(2);
    expect(sent).toHaveLength(1);
  });

  it('bounds the requests under way', async () => {
    const { session, call, next, api } = converse('owner', { inFlightMax: 2 });
    let release = () => {};
    api.answer = () => new Promise((resolve) => (release = () => resolve({})));
    session.receive('{"jsonrpc":"2.0","id":1,"method":"node.status"}');
    session.receive('{"jsonrpc":"2.0","id":2,"method":"node.status"}');
    expect(await call('node.status', {}, 3)).toMatchObject({ id: 3, error: { code: -32011 } });
    release();
    expect(await next()).toMatchObject({ id: 2 });
  });
});

describe('events', () => {
  it('follow the answer, from the cursor on, and go on live', async () => {
    const { api, call, next } = converse('follow');
    api.append(3);
    expect(await call('events.subscribe', { after: 1 })).toMatchObject({ result: { subscription: 1 } });
    expect(await next()).toMatchObject({ method: 'event', params: { subscription: 1, cursor: 2, item: { seq: 2 } } });
    expect(await next()).toMatchObject({ params: { cursor: 3 } });
    api.progress(5);
    expect(await next()).toMatchObject({ params: { cursor: 3, item: { kind: 'progress', itemsDone: 5 } } });
    api.append(1);
    expect(await next()).toMatchObject({ params: { cursor: 4 } });
  });

  it('end when asked to, and with the connection', async () => {
    const { api, call, session, sent } = converse();
    await call('events.subscribe', { after: 0 });
    await call('events.subscribe', { after: 0 });
    expect(api.subscribers).toBe(2);
    await call('events.unsubscribe', { subscription: 1 });
    expect(api.subscribers).toBe(1);
    session.close();
    expect(api.subscribers).toBe(0);
    api.append(1);
    expect(sent).toHaveLength(3);
  });

  it('are bounded in number', async () => {
    const { call } = converse('owner', { subscriptionsMax: 1 });
    await call('events.subscribe', { after: 0 });
    expect(await call('events.subscribe', { after: 0 })).toMatchObject({ error: { code: -32011 } });
  });

  it('leave nothing behind when the carrier gives up during the first of them', async () => {
    const { api, call, ended } = converse();
    api.append(5);
    let session = createSession({
      api,
      scope: 'owner',
      log: silent,
      send: (text) => {
        if (text.includes('"event"')) session.close();
      },
      end: () => {},
    });
    session.receive('{"jsonrpc":"2.0","id":1,"method":"events.subscribe","params":{"after":0}}');
    await call('no.such');
    expect(api.subscribers).toBe(0);
    session = createSession({
      api,
      scope: 'owner',
      log: silent,
      send: () => {},
      end: (reason) => void ended.push(reason),
    });
    api.subscribe = () => {
      throw new ApiError('unavailable', 'the node stops');
    };
    session.receive('{"jsonrpc":"2.0","id":1,"method":"events.subscribe","params":{"after":0}}');
    await call('no.such');
    expect(ended).toEqual(['the node stops']);
  });
});
