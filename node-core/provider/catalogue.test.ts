import { expect, it } from 'vitest';
import { NodeConfig } from '../config/schema.ts';
import type { ExecutorInventory } from '../ports/index.ts';
import { contentIdOf, type Template, utf8 } from '../protocol/index.ts';
import { makeCatalogue } from './catalogue.ts';

const schema = { type: 'object' };
const templateOf = (name: string, changes: Partial<Template> = {}): Template => ({
  id: contentIdOf(utf8.encode(name)),
  name,
  version: '1.0.0',
  title: name,
  description: '',
  verifier: 'exact',
  honestDisagreementPpm: 0,
  streaming: false,
  stateless: true,
  runner: 'runner.mjs',
  files: [],
  needsModel: false,
  resources: { memoryMiB: 1, timeoutMs: 1, outputBytesMax: 1 },
  params: schema,
  input: schema,
  output: schema,
  ...changes,
});

const inventory: ExecutorInventory = {
  hardware: { os: 'test', cpu: { model: 'test', cores: 1 }, memoryBytes: 1, gpus: [], tier: 'cpu' },
  templates: [templateOf('plain'), templateOf('bench', { offeredByDefault: false })].map((template) => ({
    template,
    models: [],
    runnable: { ok: true },
    tokensPerSecondMilli: {},
  })),
  models: [],
  faults: [],
};

it('offers what is not offered by default only where the owner names it', () => {
  const offersWith = (templates: string[] | null) => {
    const { provider } = NodeConfig.parse({ dataFolder: 'x', provider: { templates } });
    const { offers, notOffered } = makeCatalogue(inventory, provider);
    return { offered: offers.map(({ templateName }) => templateName), not: notOffered.map(({ reason }) => reason) };
  };
  expect(offersWith(null)).toEqual({
    offered: ['plain'],
    not: ['it is offered only where the owner names it (provider.templates)'],
  });
  expect(offersWith(['bench', 'plain'])).toEqual({ offered: ['plain', 'bench'], not: [] });
});
