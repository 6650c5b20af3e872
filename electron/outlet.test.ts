import { expect, it } from 'vitest';
import { createSession } from '../node-core/control/index.ts';
import type { NodeApi, StreamItem } from '../node-core/protocol/index.ts';
import { Outlet } from './outlet.ts';

function outlet(limits = {}) {
  const batches: (readonly string[])[] = [];
  let drains = 0;
  const one = new Outlet({
    post: (_, texts) => batches.push(texts),
    onDrain: () => {
      drains += 1;
    },
    limits,
  });
  return { one, batches, drains: () => drains };
}

it('sends one batch at a time, in order, and what came meanwhile as the next', () => {
  const { one, batches } = outlet({ batchMax: 4 });
  for (const text of ['a', 'bb', 'cc', 'dddddd', 'e']) one.send(text);
  expect(batches).toEqual([['a']]);
  one.took(1);
  expect(batches.at(-1)).toEqual(['bb', 'cc']);
  // Of a page that is gone, or said twice.
  one.took(1);
  expect(batches).toHaveLength(2);
  one.took(2);
  // Larger than a batch, but not cut.
  expect(batches.at(-1)).toEqual(['dddddd']);
  one.took(3);
  one.took(4);
  expect(batches.flat().join('')).toBe('abbccdddddde');
  expect(one.waiting).toBe(0);
});

it('says when too much waits, and when that is over', () => {
  const { one, drains } = outlet({ batchMax: 10, busyMin: 10, fullMin: 20 });
  one.send('x');
  for (let i = 0; i < 3; i += 1) one.send('0123456789');
  expect([one.waiting, one.isBusy, one.isFull, drains()]).toEqual([30, true, true, 0]);
  one.took(1);
  expect([one.isBusy, one.isFull, drains()]).toEqual([true, false, 0]);
  one.took(2);
  expect([one.isBusy, drains()]).toEqual([false, 1]);
  one.close();
  one.send('more');
  expect(one.waiting).toBe(0);
});

it('costs no more than its limit while a page hangs, and misses nothing when it is back', () => {
  const log: Extract<StreamItem, { kind: 'event' }>[] = [];
  const listeners = new Set<(item: StreamItem) => void>();
  const api: Pick<NodeApi, 'subscribe'> = {
    subscribe(after, receive) {
      listeners.add(receive);
      for (const item of log) if (item.seq > after) receive(item);
      return () => void listeners.delete(receive);
    },
  };
  const append = () => {
    const item = {
      kind: 'event',
      seq: log.length + 1,
      at: 1,
      event: { type: 'node.stopped', reason: 'x'.repeat(200) },
    } as const;
    log.push(item);
    for (const receive of [...listeners]) receive(item);
  };
  const seen: number[] = [];
  let isHanging = true;
  let hung = 0;
  const take = (batch: number, texts: readonly string[]) => {
    for (const text of texts) {
      const { params } = JSON.parse(text);
      if (params?.item?.seq !== undefined) seen.push(params.item.seq);
    }
    queueMicrotask(() => one.took(batch));
  };
  const one = new Outlet({
    post: (batch, texts) => {
      if (isHanging) hung = batch;
      else take(batch, texts);
    },
    onDrain: () => session.drained(),
    limits: { batchMax: 2_000, busyMin: 1_000, fullMin: 10_000 },
  });
  const session = createSession({
    // What is asked of it here is only to be followed.
    api: api as NodeApi,
    scope: 'owner',
    log: { debug() {}, info() {}, warn() {}, error() {} },
    send: (text) => one.send(text),
    isBusy: () => one.isBusy,
    isFull: () => one.isFull,
    end: () => {},
  });
  session.receive(JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'events.subscribe', params: { after: 0 } }));
  return Promise.resolve().then(async () => {
    for (let i = 0; i < 10_000; i += 1) append();
    expect(one.waiting).toBeLessThan(11_000);
    // Nobody goes on reading the log for it.
    expect(listeners.size).toBe(0);
    isHanging = false;
    one.took(hung);
    while (seen.at(-1) !== 10_000) await new Promise((resolve) => setImmediate(resolve));
    expect(seen).toEqual(log.map(({ seq }) => seq));
    append();
    await new Promise((resolve) => setImmediate(resolve));
    expect(seen.at(-1)).toBe(10_001);
    session.close();
    expect(listeners.size).toBe(0);
  });
});
