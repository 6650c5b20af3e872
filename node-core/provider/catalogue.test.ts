import { expect, it } from 'vitest';
import { NodeConfig } from '../config/schema.ts';
import type { ExecutorInventory } from '../ports/index.ts';
import { contentIdOf, type Template, utf8 } from '../protocol/index.ts';
import { keepingFindings, makeCatalogue, without, withSpeed } from './catalogue.ts';

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

it('asks for each template what the owner set for it, and for the others the usual price', () => {
  const price = { shardMicro: '7', itemMicro: '1' };
  const { provider } = NodeConfig.parse({
    dataFolder: 'x',
    provider: { templates: ['plain', 'bench'], prices: { bench: price } },
  });
  const { offers, served } = makeCatalogue(inventory, provider);
  expect(Object.fromEntries(offers.map((offer) => [offer.templateName, offer.price]))).toEqual({
    plain: provider.defaultPrice,
    bench: price,
  });
  // What is asked for is what is charged.
  expect([...served.values()].map((each) => each.price)).toEqual(offers.map((offer) => offer.price));
});

it('keeps what was found out when the owner changes settings', () => {
  const catalogueWith = (provider: object) =>
    makeCatalogue(inventory, NodeConfig.parse({ dataFolder: 'x', provider }).provider);
  const both = catalogueWith({ templates: ['plain', 'bench'] });
  const [plain, bench] = both.offers;
  if (plain === undefined || bench === undefined) throw new Error('two are offered');
  const found = without(withSpeed(both, plain, 900), bench.template, null, 'it crashes');
  const price = { shardMicro: '7', itemMicro: '1' };
  const next = keepingFindings(catalogueWith({ templates: ['plain', 'bench'], defaultPrice: price }), found);
  expect(next.offers).toEqual([{ ...plain, price, tokensPerSecondMilli: 900 }]);
  expect(next.notOffered).toEqual([{ template: 'bench', reason: 'it crashes' }]);
  expect([...next.served.keys()]).toEqual([plain.template]);
});

it('says in an offer which graphics card its runs get, and nothing where they get none', () => {
  const { provider } = NodeConfig.parse({ dataFolder: 'x', provider: { templates: ['plain', 'bench'] } });
  const templates = inventory.templates.map((installed) =>
    installed.template.name === 'bench' ? { ...installed, gpu: 'NVIDIA GeForce RTX 3090' } : installed,
  );
  const { offers } = makeCatalogue({ ...inventory, templates }, provider);
  expect(offers.map((offer) => ('gpu' in offer ? offer.gpu : null))).toEqual([null, 'NVIDIA GeForce RTX 3090']);
});
