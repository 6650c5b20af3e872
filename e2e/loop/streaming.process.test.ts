/** Real nodes, the real text generation: answers are shown while they are made, stopped, and survive their provider. */
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { type Id, type JobSpecInput, type StreamItem, z } from '../../node-core/protocol/index.ts';
import { briskWith, ended, eventually, logOf, NodeGroup, type SmallNetwork, startNetwork, submit } from './nodes.ts';

vi.setConfig({ testTimeout: 60_000 });

const config = briskWith({ provider: { templates: ['text-generation'] } });
const prompt = 'Tell a short story about a fox.';
const Answer = z.object({ text: z.string(), finish: z.string() });

let group: NodeGroup;
let network: SmallNetwork;
/** What was shown of each job. */
const screens = new Map<Id, { text: string; pieces: number; restarts: number; provider: string; heard: string[] }>();

function show(item: StreamItem): void {
  const { jobId } = item.kind === 'event' && 'jobId' in item.event ? item.event : item.kind === 'event' ? {} : item;
  if (jobId === undefined) return;
  const screen = screens.get(jobId) ?? { text: '', pieces: 0, restarts: 0, provider: '', heard: [] };
  screens.set(jobId, screen);
  screen.heard.push(item.kind === 'event' ? item.event.type : item.kind);
  if (item.kind === 'restarted') {
    screen.restarts++;
    screen.text = '';
  }
  if (item.kind !== 'token') return;
  screen.pieces++;
  screen.provider = item.provider;
  screen.text = screen.text.slice(0, item.letters) + item.text;
}

beforeAll(async () => {
  // As slow as a larger model, so that there is a middle.
  vi.stubEnv('INFERNET_TOKENS_PER_SECOND_MAX', '40');
  group = await NodeGroup.make('infernet-e2e-');
  network = await startNetwork(group, { providers: 2, client: config, provider: config });
  network.client.api.subscribe(0, show);
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await group?.stop();
});

const ask = (change: Partial<JobSpecInput> = {}) =>
  submit(network.client.api, {
    template: 'text-generation',
    inputs: [{ prompt }],
    stream: true,
    policy: { type: 'replicate', copies: 1, quorum: 1, tieBreakers: 0 },
    ...change,
  });

async function answerTo(jobId: Id) {
  const job = await ended(network.client.api, jobId, 50_000);
  const { outputs } = await network.client.api.call('jobs.results', { jobId });
  const [first] = outputs;
  return {
    state: job.state,
    given: first?.given ?? 0,
    answer: Answer.parse(first?.output),
    screen: screens.get(jobId),
  };
}

const pieces = (jobId: Id, count: number) =>
  eventually(`${count} pieces are shown`, () => (screens.get(jobId)?.pieces ?? 0) >= count);

let whole = '';

test('tokens are shown before the provider has committed to them, and are the answer', async () => {
  const jobId = await ask();
  const { state, answer, screen } = await answerTo(jobId);
  expect(state).toBe('done');
  expect(answer.finish).toBe('stop');
  expect(screen?.text).toBe(answer.text);
  expect(screen?.restarts).toBe(0);
  const heard = screen?.heard ?? [];
  expect(heard.indexOf('token')).toBeLessThan(heard.indexOf('replica.committed'));
  expect(heard.slice(0, heard.indexOf('replica.committed')).filter((kind) => kind === 'token').length).toBeGreaterThan(
    5,
  );
  whole = answer.text;
});

test('what there is of a stopped answer is committed to, accepted and paid', async () => {
  const jobId = await ask();
  await pieces(jobId, 3);
  await network.client.api.call('jobs.stop', { jobId });
  const { state, answer, screen } = await answerTo(jobId);
  expect(state).toBe('done');
  expect(answer.finish).toBe('stopped');
  expect(screen?.text).toBe(answer.text);
  expect(answer.text.length).toBeLessThan(whole.length);
  expect(whole.startsWith(answer.text)).toBe(true);
  const paid = await logOf(network.client.api, 'payment.paid');
  expect(paid.filter(({ event }) => event.type === 'payment.paid' && event.jobId === jobId)).toHaveLength(1);
});

test('another provider goes on where a killed one ended', async () => {
  const jobId = await ask();
  await pieces(jobId, 5);
  const shown = screens.get(jobId)?.text ?? '';
  const first = network.providers.find(({ peerId }) => peerId === screens.get(jobId)?.provider);
  await first?.kill();
  const { state, answer, given, screen } = await answerTo(jobId);
  expect(state).toBe('done');
  expect(screen?.provider).not.toBe(first?.peerId);
  expect(answer).toEqual({ text: whole, finish: 'stop' });
  expect(screen?.text).toBe(whole);
  expect(shown.length).toBeGreaterThan(0);
  // It was given what was shown, or began again where everybody could see it.
  expect(given > 0 || (screen?.restarts ?? 0) > 0).toBe(true);
});
