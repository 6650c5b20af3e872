import { afterAll, expect, it, vi } from 'vitest';
import type { MethodInput, MethodName, MethodResult, StreamItem } from '../../node-core/protocol/index.ts';
import { parseResult } from '../node/wire.ts';

// What the compiler makes of them is of no matter here: only what the class does is looked at.
vi.stubGlobal(
  '$state',
  Object.assign(<T>(value: T): T => value, { raw: <T>(value: T): T => value }),
);
afterAll(() => void vi.unstubAllGlobals());
const { Chat } = await import('./chat.svelte.ts');

const jobId = 'a'.repeat(32);

/** A node that answers `jobs.submit` when it is let. */
function slowNode() {
  const called: MethodName[] = [];
  const { promise: mayAnswer, resolve: answer } = Promise.withResolvers<void>();
  const followers = new Set<(item: StreamItem) => void>();
  const link = {
    async call<M extends MethodName>(method: M, _: MethodInput<M>): Promise<MethodResult<M>> {
      called.push(method);
      if (method !== 'jobs.submit') throw new Error('not now');
      await mayAnswer;
      return parseResult(method, { jobId });
    },
    follow(receive: (item: StreamItem) => void) {
      followers.add(receive);
      return () => void followers.delete(receive);
    },
  };
  const end = (): void => {
    const event = {
      type: 'job.ended' as const,
      jobId,
      state: 'done' as const,
      code: null,
      reason: '',
      resultsHash: null,
      shardsAccepted: 1,
      shardsTotal: 1,
      itemsAccepted: 1,
      spentMicro: '0',
    };
    for (const receive of followers) receive({ kind: 'event', seq: 1, at: 0, event });
  };
  return { link, called, answer, end };
}

it.each([
  ['before the node has said which job it is', true],
  ['after that', false],
])('a question that is stopped %s is stopped', async (_, early) => {
  const chat = new Chat();
  const { link, called, answer, end } = slowNode();
  const asked = chat.ask(link, 'text-generation', 'why?');
  if (early) chat.stop(link);
  answer();
  await vi.waitUntil(() => called.includes('jobs.get'));
  if (!early) chat.stop(link);
  await vi.waitUntil(() => called.includes('jobs.stop'));
  end();
  await asked;
  expect(chat.busy).toBe(false);
  // A wish that nothing waits for is none: the next question is not stopped by it.
  chat.stop(link);
  const next = slowNode();
  const again = chat.ask(next.link, 'text-generation', 'and?');
  next.answer();
  await vi.waitUntil(() => next.called.includes('jobs.get'));
  expect(next.called).not.toContain('jobs.stop');
  next.end();
  await again;
  chat.clear();
  expect(chat.turns).toEqual([]);
});
