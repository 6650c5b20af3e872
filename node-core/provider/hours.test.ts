import { expect, it } from 'vitest';
import { type NodeEvent, parseEvent, peerIdOf } from '../protocol/index.ts';
import { type Hours, hourFreeInMs, hoursProjection, takenWithinHour } from './hours.ts';

const minuteMs = 60_000;
const start = 500_000 * 60 * minuteMs;
const ada = peerIdOf(new Uint8Array(32).fill(1));
const bob = peerIdOf(new Uint8Array(32).fill(2));

function admitted(client: string): NodeEvent {
  const jobId = 'a'.repeat(32);
  return parseEvent({
    type: 'work.admitted',
    replicaId: `${jobId}.0.1.AAAAAAAA`,
    jobId,
    client,
    shardId: `${jobId}.0`,
    attempt: 1,
    template: `b${'a'.repeat(58)}`,
    model: null,
    items: 1,
    priceMicro: '1',
    inputsHash: '0'.repeat(64),
    deadlineAt: start,
    leaseMs: 1,
    graceMs: 1,
    reveal: 'on-request',
    priority: 5,
  });
}

function taken(...times: Array<[minute: number, client: string, count?: number]>): Hours {
  const state = hoursProjection.initial();
  for (const [minute, client, count = 1] of times) {
    const entry = { seq: 1, at: start + minute * minuteMs, event: admitted(client) };
    for (let i = 0; i < count; i++) hoursProjection.apply(state, entry);
  }
  return state;
}

const after = (state: Hours, minute: number, client = ada) => takenWithinHour(state, client, start + minute * minuteMs);

it('counts each client’s shards of the last hour, and forgets them evenly', () => {
  const state = taken([0, ada, 30], [30, ada, 30], [40, bob, 2]);
  expect(after(state, 45)).toBe(60);
  expect(after(state, 75)).toBe(45);
  expect(after(state, 105)).toBe(15);
  expect(after(state, 120)).toBe(0);
  expect(after(state, 45, bob)).toBe(2);
  // Only clients of two hours are kept.
  const later = taken([0, ada, 60], [65, bob], [130, bob]);
  expect(later).toMatchObject({ now: { [bob]: 1 }, before: { [bob]: 1 } });
  expect(taken([0, ada], [200, bob])).toMatchObject({ before: {} });
});

it('says when one more is within the limit', () => {
  const state = taken([10, ada, 10], [70, ada, 5]);
  for (const [minute, max] of [
    [75, 10],
    [75, 6],
    [75, 3],
    [110, 2],
    [75, 1],
  ] as const) {
    const at = start + minute * minuteMs;
    const ms = hourFreeInMs(state, ada, at, max);
    expect(ms).toBeGreaterThan(0);
    expect(takenWithinHour(state, ada, at + ms)).toBeLessThanOrEqual(max - 1 + 0.001);
    expect(takenWithinHour(state, ada, at + ms - minuteMs)).toBeGreaterThan(max - 1);
  }
  expect(hourFreeInMs(state, ada, start + 75 * minuteMs, 100)).toBe(0);
  expect(hourFreeInMs(state, bob, start + 75 * minuteMs, 1)).toBe(0);
});
