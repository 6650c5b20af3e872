import { PassThrough } from 'node:stream';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type LoadedTemplate, loadTemplates } from '../templates/load-templates.ts';
import { manifestOf, temporaryFolder, writeTemplate } from '../testing.ts';
import type { Exit, RunnerChannel } from './host.ts';
import { defaultLimits } from './options.ts';
import { Runner } from './runner.ts';

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let template: LoadedTemplate | undefined;

beforeAll(async () => {
  folder = await temporaryFolder();
  await writeTemplate(folder.path, manifestOf(), { 'runner.mjs': '' });
  [template] = (await loadTemplates([folder.path])).templates;
});
afterAll(() => folder.remove());

/** A runner whose program is the test. */
function openRunner() {
  if (template === undefined) throw new Error('no template');
  const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()];
  const { promise: exited, resolve: exit } = Promise.withResolvers<Exit>();
  const kill = (): void => exit(() => ({ code: 'container', message: 'killed' }));
  const freeze = async (): Promise<void> => undefined;
  const channel: RunnerChannel = {
    id: '1',
    modelPath: null,
    stdin,
    stdout,
    stderr,
    exited,
    kill,
    freeze,
    thaw: freeze,
  };
  const limits = { ...defaultLimits, chatterBytesMax: 1000 };
  const start = {
    template,
    image: null,
    modelPath: null,
    bytes: 1,
    threads: 1,
    cpus: 1,
    niceness: 0,
    contextTokens: 1,
    limits,
  };
  const runner = new Runner(start, Promise.resolve(channel));
  const say = (message: object): void => void stdout.write(`${JSON.stringify(message)}\n`);
  say({ type: 'ready' });
  return { runner, say, stdout, stderr };
}

const work = { id: 'r', params: {}, inputs: [{ text: 'a' }, { text: 'b' }], onProgress: () => undefined };
const output = (index: number) => ({ type: 'output', id: 'r', index, output: { text: 'x'.repeat(600) } });

test('who does its work may write as much as its outputs take', async () => {
  const { runner, say, stderr } = openRunner();
  await runner.ready;
  const result = runner.run(work);
  stderr.write('x'.repeat(300));
  say(output(0));
  say(output(1));
  say({ type: 'done', id: 'r' });
  expect(await result).toMatchObject({ ok: true });
});

test.each<[string, (of: ReturnType<typeof openRunner>) => void]>([
  ['progress', ({ say }) => say({ type: 'progress', id: 'r', itemsDone: 1 })],
  ['empty lines', ({ stdout }) => void stdout.write('\n'.repeat(100))],
  ['answers for runs that it does not have', ({ say }) => say({ type: 'done', id: 'another' })],
  ['being ready', ({ say }) => say({ type: 'ready' })],
  ['words for people', ({ stderr }) => void stderr.write('loading…\n')],
])('%s without end ends it', async (_, babble) => {
  const opened = openRunner();
  await opened.runner.ready;
  const result = opened.runner.run(work);
  for (let times = 0; times < 100; times++) babble(opened);
  expect(await result).toMatchObject({
    ok: false,
    code: 'container',
    message: expect.stringMatching(/without a word of use/),
  });
});

test('one that was told to give up a run is doubtful until it has', async () => {
  const { runner, say } = openRunner();
  await runner.ready;
  const result = runner.run(work);
  expect(runner.doubtful).toBe(false);
  runner.cancel('r');
  expect(runner.doubtful).toBe(true);
  say({ type: 'error', id: 'r', code: 'cancelled', message: 'as asked' });
  await result;
  expect(runner.doubtful).toBe(false);
  runner.end({ code: 'internal', message: 'over' });
});
