import { expect, test } from 'vitest';
import type { LogEntry, NodeEvent } from '../../node-core/protocol/index.ts';
import { uptimeOf } from './uptime.ts';

const peer = 'a';
const log = (...steps: Array<[at: number, type: string, of?: string]>): LogEntry[] =>
  steps.map(([at, type, of = peer], seq) => {
    const about = type === 'peer.joined' ? { record: { peerId: of } } : type === 'peer.left' ? { peerId: of } : {};
    // Only what is read of an event is there.
    return { seq, at, event: { type, ...about } as unknown as NodeEvent };
  });

test('time counts from when the peer was first heard of', () => {
  const entries = log([10, 'node.started'], [20, 'peer.joined'], [50, 'peer.left'], [60, 'peer.joined', 'b']);
  expect(uptimeOf(peer, entries, 100, false)).toEqual({ since: null, upMs: 30, watchedMs: 80 });
  expect(uptimeOf(peer, log([20, 'peer.joined']), 100, true)).toEqual({ since: 20, upMs: 80, watchedMs: 80 });
  expect(uptimeOf('c', entries, 100, false)).toBeNull();
});

test('time in which this node was off is nobody’s', () => {
  const stopped = log([0, 'peer.joined'], [10, 'node.stopped'], [90, 'node.started']);
  expect(uptimeOf(peer, stopped, 100, true)).toEqual({ since: 0, upMs: 20, watchedMs: 20 });
  const killed = log([0, 'peer.joined'], [90, 'node.started']);
  expect(uptimeOf(peer, killed, 100, true)).toEqual({ since: 0, upMs: 10, watchedMs: 10 });
});

test('another record of a peer that is there is no return', () => {
  expect(uptimeOf(peer, log([0, 'peer.joined'], [40, 'peer.joined']), 100, true)?.since).toBe(0);
});
