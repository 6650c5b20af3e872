/** Real processes, killed without warning. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createSqliteStore } from './sqlite-store.ts';
import { entriesOf, makeTestFolder, sha256, stopped } from './testing.ts';

let folder: string;
const children = new Set<ChildProcess>();

beforeEach(() => {
  folder = makeTestFolder();
});
afterEach(async () => {
  for (const child of children) await kill(child);
  children.clear();
  rmSync(folder, { recursive: true, force: true });
});

interface Child {
  readonly process: ChildProcess;
  /** Whole lines that it wrote; a line cut off by the kill is not among them. */
  readonly lines: AsyncIterator<string>;
}

/** Runs `body` in a process of its own, with `store`, `append(n, durability)` and `say(line)` at hand. */
function start(body: string): Child {
  const code = `
    import { writeSync } from 'node:fs';
    import { createSqliteStore } from ${JSON.stringify(new URL('./sqlite-store.ts', import.meta.url).href)};
    import { entriesOf, stopped, sha256 } from ${JSON.stringify(new URL('./testing.ts', import.meta.url).href)};
    const store = createSqliteStore({ folder: ${JSON.stringify(folder)} });
    const append = (n, durability) => store.append(entriesOf([stopped('entry ' + n)], n - 1), durability);
    const say = (line) => writeSync(1, line + '\\n');
    ${body}`;
  const { NODE_OPTIONS: _, ...env } = process.env;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', code], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env,
  });
  children.add(child);
  return { process: child, lines: createInterface({ input: child.stdout })[Symbol.asyncIterator]() };
}

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill('SIGKILL');
  await gone;
}

async function next(child: Child): Promise<string> {
  const { value, done } = await child.lines.next();
  if (done === true) throw new Error('the child ended');
  return value;
}

async function rest(child: Child): Promise<string[]> {
  const lines: string[] = [];
  for (let line = await child.lines.next(); line.done !== true; line = await child.lines.next()) lines.push(line.value);
  return lines;
}

test('two processes cannot have one folder; a kill frees it', async () => {
  const holder = start(`await store.open(); await append(1, 'full'); say('open'); setInterval(() => {}, 1000);`);
  expect(await next(holder)).toBe('open');

  const second = start(`await store.open().catch((error) => say(error.kind + ' ' + error.message));`);
  const refusal = await next(second);
  expect(refusal).toMatch(/^locked /);
  expect(refusal).toContain(`process ${holder.process.pid}`);
  expect(refusal).toContain(folder);

  await kill(holder.process);
  const store = createSqliteStore({ folder });
  expect((await store.open()).tail).toEqual(entriesOf([stopped('entry 1')]));
  await store.close();
});

test.each(['full', 'normal'] as const)(
  'after a kill in a stream of %s appends, all that was acknowledged is there',
  async (durability) => {
    let acknowledged = 0;
    // Three lives of one node, each killed in the middle of its work, at no chosen moment.
    for (const linesToSee of [30, 1, 200]) {
      const child = start(`
      const { tail } = await store.open();
      let n = tail.length;
      const blobs = async () => { for (;;) { const b = Buffer.from('blob ' + n); await store.putBlob(b, sha256(b)); } };
      const write = async () => { for (;;) { const own = ++n; await append(own, '${durability}'); say(String(own)); } };
      await Promise.all([write(), write(), write(), blobs()]);`);
      let last = acknowledged;
      for (let i = 0; i < linesToSee; i++) last = Number(await next(child));
      await kill(child.process);
      // What was in the pipe when it died was acknowledged too.
      acknowledged = Math.max(last, ...(await rest(child)).map(Number));

      const store = createSqliteStore({ folder });
      const { tail } = await store.open();
      expect(tail.length).toBeGreaterThanOrEqual(acknowledged);
      expect(tail).toEqual(entriesOf(tail.map((_, i) => stopped(`entry ${i + 1}`))));
      expect(await store.history.entries({ after: 0, limit: tail.length, types: ['node.stopped'] })).toEqual(tail);
      await store.close();
    }
  },
);

test('a blob whose putBlob resolved outlives a kill', async () => {
  const child = start(`
    await store.open();
    const bytes = new Uint8Array(100_000).fill(3);
    await store.putBlob(bytes, sha256(bytes));
    say('stored');
    setInterval(() => {}, 1000);`);
  expect(await next(child)).toBe('stored');
  await kill(child.process);
  const store = createSqliteStore({ folder });
  await store.open();
  const bytes = new Uint8Array(100_000).fill(3);
  expect(await store.getBlob(sha256(bytes))).toEqual(bytes);
  await store.close();
});
