import { expect, it } from 'vitest';
import type { NodeApi } from '../node-core/protocol/index.ts';
import { NodeHost, type NodeState } from './node-host.ts';

const api = {} as NodeApi;

function hostOf(start: (attempt: number) => Promise<void>) {
  const states: NodeState[] = [];
  const ends: ((error: Error | null) => void)[] = [];
  let attempts = 0;
  let alive = 0;
  const host = new NodeHost({
    start: async (onEnd) => {
      attempts += 1;
      await start(attempts);
      alive += 1;
      expect(alive).toBe(1);
      ends.push(onEnd);
      return {
        api,
        stop: async () => {
          alive -= 1;
        },
      };
    },
    explain: (error) => `because ${error instanceof Error ? error.message : error}`,
    changed: (state) => states.push(state),
  });
  return { host, states, fall: (error: Error | null) => ends.at(-1)?.(error) };
}

it('says why a node did not start, and starts it again when asked', async () => {
  const { host, states } = hostOf((attempt) =>
    attempt === 1 ? Promise.reject(new Error('no disk')) : Promise.resolve(),
  );
  await host.start();
  expect([host.state, host.message, host.api]).toEqual(['failed', 'because no disk', null]);
  await host.restart();
  expect([host.state, host.api]).toEqual(['online', api]);
  expect(states).toEqual(['starting', 'failed', 'starting', 'online']);
});

it('tells of a node that falls, and never has two of them', async () => {
  const { host, fall } = hostOf(() => Promise.resolve());
  await host.start();
  fall(new Error('the log could not be written'));
  expect([host.state, host.message]).toEqual(['failed', 'because the log could not be written']);
  await Promise.all([host.restart(), host.restart()]);
  expect(host.state).toBe('online');
});
