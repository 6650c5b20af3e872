/** A job whose answers are numbers: two computers' vectors are compared within the template's tolerance, and paid. */
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { z } from '../../node-core/protocol/index.ts';
import { briskWith, ended, logOf, NodeGroup, type SmallNetwork, startNetwork, submit } from './nodes.ts';

vi.setConfig({ testTimeout: 60_000 });

const config = briskWith({ provider: { templates: ['embeddings'] } });
const Vector = z.object({ vector: z.array(z.number()).min(1), dimensions: z.int() });

let group: NodeGroup;
let network: SmallNetwork;
beforeAll(async () => {
  group = await NodeGroup.make('infernet-e2e-');
  network = await startNetwork(group, { providers: 2, client: config, provider: config });
});
afterAll(() => group?.stop());

test('two copies of embeddings agree and are accepted', async () => {
  const { client } = network;
  const texts = ['The soup was not good.', 'What is 47 + 38?', 'A brave owl.'];
  const jobId = await submit(client.api, {
    template: 'embeddings',
    inputs: texts.map((text) => ({ text })),
    policy: { type: 'replicate', copies: 2, quorum: 2 },
  });
  const job = await ended(client.api, jobId, 50_000);
  expect(job).toMatchObject({ state: 'done', shardsAccepted: 1, shardsTotal: 1 });
  expect(job.spentMicro).not.toBe('0');
  const { outputs } = await client.api.call('jobs.results', { jobId });
  expect(outputs.map(({ how }) => how)).toEqual(['checked', 'checked', 'checked']);
  for (const { output } of outputs) {
    const { vector, dimensions } = Vector.parse(output);
    expect(vector).toHaveLength(dimensions);
  }
  const judged = await logOf(client.api, 'replica.judged');
  expect(judged.map(({ event }) => event.verdict)).toEqual(['accepted', 'accepted']);
});
