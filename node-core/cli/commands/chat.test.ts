/** Answers as they come, against a node whose stream the test gives. */
import { describe, expect, it } from 'vitest';
import type { StreamItem } from '../../protocol/index.ts';
import { type Answers, clientOf, runCli } from '../testing.ts';

const jobId = '4fa9'.repeat(8);
const shardId = `${jobId}.0`;
const provider = `12D3KooW${'B'.repeat(36)}bbbbbbbb`;
const replicaId = `${shardId}.1.bbbbbbbb`;
const template = {
  id: `b${'a'.repeat(58)}`,
  name: 'text-generation',
  title: '',
  description: '',
  verifier: 'exact',
  models: [],
  params: {},
  input: { type: 'object', required: ['prompt'], properties: { prompt: { type: 'string' } } },
  providers: 2,
};
const candidate = { peerId: provider, score: 0.5, terms: {}, price: { shardMicro: '1000', itemMicro: '100' } };

const token = (letters: number, text: string, item = 0): StreamItem => ({
  kind: 'token',
  jobId,
  shardId,
  replicaId,
  provider,
  item,
  index: letters,
  letters,
  tokens: 1,
  text,
  provisional: true,
});
const restarted: StreamItem = { kind: 'restarted', jobId, shardId, replicaId, item: 0, reason: 'its provider is lost' };
const ended: StreamItem = {
  kind: 'event',
  seq: 9,
  at: 0,
  event: {
    type: 'job.ended',
    jobId,
    state: 'done',
    code: null,
    reason: '',
    resultsHash: null,
    shardsAccepted: 1,
    shardsTotal: 1,
    itemsAccepted: 1,
    spentMicro: '1100',
  },
};

/** @param items what the stream gives after each submission. */
function node(items: readonly StreamItem[], candidates = [candidate], more: Answers = {}) {
  const submitted: unknown[] = [];
  const stopped: unknown[] = [];
  const client = clientOf({
    'jobs.templates': () => ({ templates: [template] }),
    'jobs.plan': () => ({
      shards: 1,
      candidates,
      readers: 1,
      reserveMicro: '1100',
      expectedMicro: '1100',
      missing: [],
    }),
    'jobs.submit': (spec) => {
      submitted.push(spec);
      for (const item of items) client.emit(item);
      return { jobId };
    },
    'jobs.stop': (params) => {
      stopped.push(params);
      client.emit(ended);
      return {};
    },
    'jobs.get': () => ({ jobId, state: 'done', spentMicro: '1100', reason: '', createdAt: 0, endedAt: 1 }),
    'jobs.results': () => ({
      jobId,
      state: 'done',
      outputs: [{ index: 0, output: { text: 'One fox.' }, how: 'checked' }],
    }),
    ...more,
  });
  return { submitted, stopped, connect: () => client };
}

describe('chat', () => {
  it('writes an answer as it comes, and nothing else to the output', async () => {
    const { submitted, connect } = node([token(0, 'One'), token(3, ' fox.\u001b[2J'), ended]);
    const run = await runCli(['chat', 'Tell.', '--yes'], { connect });
    expect(run).toMatchObject({ exit: 'ok', out: 'One fox. [2J\n' });
    expect(run.err).toContain('checked by others');
    expect(submitted).toMatchObject([
      { stream: true, inputs: [{ prompt: 'Tell.' }], policy: { type: 'replicate', copies: 1 }, budgetMicro: '1100' },
    ]);
  });

  it('has some answers checked where somebody else is there, and copies where it is told so', async () => {
    const { submitted, connect } = node([ended], [candidate, candidate]);
    await runCli(['chat', 'Tell.', '--yes'], { connect });
    await runCli(['chat', 'Tell.', '--yes', '--copies', '3'], { connect });
    expect(submitted).toMatchObject([{ policy: { type: 'adaptive' } }, { policy: { copies: 3, quorum: 2 } }]);
  });

  it('marks what is replaced', async () => {
    const { connect } = node([token(0, 'Two'), restarted, token(0, 'One fox.'), ended]);
    expect((await runCli(['chat', 'Tell.', '--yes'], { connect })).out).toBe(
      'Two\n[begins again: its provider is lost]\nOne fox.\n',
    );
  });

  it('stops the answer at Ctrl-C', async () => {
    const { stopped, connect } = node([token(0, 'One')]);
    const run = await runCli(['chat', 'Tell.', '--yes'], {
      connect,
      onInterrupt: (interrupt) => {
        interrupt();
        return () => undefined;
      },
    });
    expect(run).toMatchObject({ exit: 'ok', out: 'One\n' });
    expect(stopped).toEqual([{ jobId }]);
  });

  it('says a JSON value per line to programs', async () => {
    const { connect } = node([token(0, 'One'), ended]);
    const { out } = await runCli(['chat', 'Tell.', '--yes', '--json'], { connect });
    expect(
      out
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line)),
    ).toMatchObject([
      { kind: 'token', text: 'One' },
      { kind: 'answer', how: 'checked', output: { text: 'One fox.' } },
    ]);
  });

  it('lets nobody read a prompt without being told to', async () => {
    const { submitted, connect } = node([ended]);
    expect(await runCli(['chat', 'Tell.'], { connect })).toMatchObject({ exit: 'usage', out: '' });
    expect(await runCli(['chat'], { connect, stdin: ' ' })).toMatchObject({ exit: 'usage' });
    expect(submitted).toEqual([]);
  });

  it('takes up what was said before', async () => {
    const { submitted, connect } = node([ended]);
    let asked = 0;
    const says = ['Tell.', 'y', 'More.', ''];
    await runCli(['chat'], { connect, terminal: true, ask: () => says[asked++] ?? null });
    expect(submitted).toMatchObject([
      { inputs: [{ prompt: 'Tell.' }] },
      {
        inputs: [
          {
            prompt: 'More.',
            messages: [
              { role: 'user', content: 'Tell.' },
              { role: 'assistant', content: 'One fox.' },
            ],
          },
        ],
      },
    ]);
  });
});

describe('submit --stream', () => {
  it('writes answers as they come, each with its number', async () => {
    const { submitted, connect } = node([token(0, 'One'), token(0, 'A', 1), token(3, ' fox.'), ended]);
    const words = ['submit', '-t', 'text-generation', '--text', 'a', 'b', '--stream', '--yes'];
    expect(await runCli(words, { connect })).toMatchObject({ exit: 'ok', out: '[0] One\n[1] A\n[0]  fox.\n' });
    expect(submitted).toMatchObject([{ stream: true }]);
  });
});
