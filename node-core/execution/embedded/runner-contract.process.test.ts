/** The runner's side of the contract, spoken to directly. */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect, it } from 'vitest';
import { RunnerMessage } from '../runner/messages.ts';
import { shippedTemplates } from '../testing.ts';

let child: ChildProcessByStdio<Writable, Readable, null>;
afterEach(() => child.kill('SIGKILL'));

const say = (message: object): void => void child.stdin.write(`${JSON.stringify(message)}\n`);

/** Reads until a message fits, and no further. */
async function readUntil(fits: (message: RunnerMessage) => boolean): Promise<RunnerMessage[]> {
  const found: RunnerMessage[] = [];
  let rest = '';
  for await (const chunk of child.stdout.iterator({ destroyOnReturn: false })) {
    const lines = (rest + String(chunk)).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) found.push(RunnerMessage.parse(JSON.parse(line)));
    if (found.some(fits)) return found;
  }
  throw new Error('the runner has ended');
}

async function begin(): Promise<void> {
  child = spawn(process.execPath, [join(shippedTemplates, 'null', 'runner.mjs')], {
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  say({ type: 'load', model: null, threads: 1, contextTokens: 512 });
  expect(await readUntil(() => true)).toEqual([{ type: 'ready' }]);
}

it('makes no more tokens than somebody reads', async () => {
  await begin();
  const tokens = 65_536;
  say({ type: 'run', id: 'a', params: { tokens }, inputs: ['x', 'y', 'z'], stream: true });
  // Nobody reads: the pipe fills, and the runner waits instead of keeping what it cannot write.
  await sleep(1500);
  say({ type: 'stop', id: 'a' });
  const seen = [0, 0, 0];
  for (const message of await readUntil(({ type }) => type === 'done')) {
    if (message.type !== 'token') continue;
    expect(message.index).toBe(seen[message.item]);
    seen[message.item] = (seen[message.item] ?? 0) + message.tokens.length;
  }
  // A pipe holds some hundred kilobytes; the three answers have more than two megabytes.
  expect(seen[0]).toBeGreaterThan(0);
  expect(seen.reduce((sum, count) => sum + count, 0)).toBeLessThan(tokens);
});

it('shows nothing unless asked to, and says what it does not know', async () => {
  await begin();
  say({ type: 'run', id: 'a', params: { tokens: 100 }, inputs: ['x'] });
  say({ type: 'dance', id: 'c' });
  say({ type: 'check', id: 'b', params: {}, inputs: ['x'], claims: [{ tokenIds: [1], given: 0 }] });
  const found = await readUntil((message) => message.type === 'error' && message.id === 'b');
  expect(found.map(({ type }) => type).sort()).toEqual(['done', 'error', 'error', 'output', 'progress']);
});
