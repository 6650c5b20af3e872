import { describe, expect, it } from 'vitest';
import { NodeConfig } from '../config/schema.ts';
import {
  ApiError,
  compileSchema,
  contentIdOf,
  JobSpec,
  type JobSpecInput,
  protocolLimits,
  type Template,
  utf8,
} from '../protocol/index.ts';
import { simulatedTemplate } from '../simulation/executor.ts';
import type { Known, KnownTemplate } from './context.ts';
import { shardsOf } from './plan.ts';
import { resolveSpec } from './submit.ts';

const cidOf = (text: string) => contentIdOf(utf8.encode(text));
const model = { cid: cidOf('model'), name: 'tiny' };

function template(change: Partial<Template> = {}, models: string[] = []): KnownTemplate {
  const manifest = { ...simulatedTemplate, ...change };
  return {
    template: manifest,
    models,
    checkParams: compileSchema(manifest.params),
    checkInput: compileSchema(manifest.input),
    checkOutput: compileSchema(manifest.output),
  };
}

const older = template({ id: cidOf('old'), version: '0.9.0' });
const newer = template();
const writer = template({ id: cidOf('writer'), name: 'writer', needsModel: true }, [model.cid]);
const teller = template({ id: cidOf('teller'), name: 'teller', verifier: 'numeric' });
const strict = template({
  id: cidOf('strict'),
  name: 'strict',
  params: { type: 'object', properties: { seed: { type: 'integer' } }, additionalProperties: false },
});
const known: Known = {
  templates: new Map([older, newer, writer, teller, strict].map((one) => [one.template.id, one])),
  models: new Map([[model.cid, { ...model, bytes: 1, license: '', contextTokens: null } as never]]),
};
const { aggregator: config } = NodeConfig.parse({ dataFolder: 'x' });

const resolve = (change: Partial<JobSpecInput>) =>
  resolveSpec(JobSpec.parse({ template: 'colours', inputs: [{ n: 1 }], budgetMicro: '1', ...change }), known, config);

describe('a job spec', () => {
  it('gets the newest template of a name, or the very one', () => {
    expect(resolve({}).planned).toMatchObject({
      template: newer.template.id,
      templateName: 'colours',
      model: null,
      items: 1,
    });
    expect(resolve({ template: older.template.id }).planned.template).toBe(older.template.id);
    expect(resolve({}).planned).not.toHaveProperty('inputs');
  });

  it('gets the template’s model, one by name, or one by a content id that is not known here', () => {
    for (const name of [null, 'tiny', model.cid])
      expect(resolve({ template: 'writer', model: name }).planned).toMatchObject({
        model: model.cid,
        modelName: 'tiny',
      });
    const foreign = cidOf('foreign');
    expect(resolve({ template: 'writer', model: foreign }).planned).toMatchObject({ model: foreign, modelName: null });
  });

  const long = 'x'.repeat(protocolLimits.inlineBytesMax);
  it.each<[string, Partial<JobSpecInput>, RegExp]>([
    [
      'an unknown template',
      { template: 'colors' },
      /no template is called "colors"; known here: colours, strict, teller, writer/,
    ],
    ['an unknown model', { template: 'writer', model: 'huge' }, /no model is called "huge"; known here: tiny/],
    ['a model where none is needed', { model: 'tiny' }, /colours needs no model/],
    ['parameters that break the schema', { template: 'strict', params: { seed: 'x' } }, /params of strict: .*seed/],
    ['parameters without a bound', { params: { x: long } }, /params of colours have \d+ bytes; at most 131072/],
    ['an input that breaks the schema', { inputs: [{ n: 1 }, { n: 'two' }] }, /input 1 of colours: .*n/],
    [
      'an input that is too large',
      { inputs: [{ n: 1, long }] },
      /bad-input: input 0 has \d+ bytes; .*524288 bytes \(inlineBytesMax\)/,
    ],
    ['no money', { budgetMicro: '0' }, /the budget is 0: .*jobs\.plan.*ownNode: "only"/],
    ['answers that cannot be compared', { template: 'teller' }, /verifier class numeric/],
    ['a foreign aggregator', { aggregator: '12D3KooWDpJ7As7BWAwRMfu1VU2WCqNjvq387JEYKDBj4kx6nXTN' }, /later version/],
    [
      'more copies than attempts',
      { policy: { type: 'replicate', copies: 7, quorum: 4 } },
      /7 copies .* at most 6 attempts .*aggregator\.attemptsPerShardMax/,
    ],
  ])('with %s is refused, and says what would do', (_, change, message) => {
    expect(() => resolve(change)).toThrow(ApiError);
    expect(() => resolve(change)).toThrow(message);
  });

  it('needs no money where only the own node runs it', () => {
    expect(resolve({ budgetMicro: '0', ownNode: 'only' }).planned.ownNode).toBe('only');
  });

  it('without any template known says so', () => {
    const none: Known = { templates: new Map(), models: new Map() };
    const spec = JobSpec.parse({ template: 'colours', inputs: [1], budgetMicro: '1' });
    expect(() => resolveSpec(spec, none, config)).toThrow(/known here: none/);
  });
});

describe('shards', () => {
  it('hold arrays that fit into inlineBytesMax, to the byte', () => {
    const jobId = '0'.repeat(32);
    const of = (bytes: number) => 'x'.repeat(bytes - 2);
    const half = protocolLimits.inlineBytesMax / 2;
    // Two items, a comma and two brackets.
    for (const [second, shards] of [
      [half - 3, 1],
      [half - 2, 2],
    ] as const) {
      const inputs = [of(half), of(second)];
      const plan = shardsOf(jobId, inputs, 10);
      expect(plan).toHaveLength(shards);
      expect(JSON.stringify(inputs).length <= protocolLimits.inlineBytesMax).toBe(shards === 1);
    }
    const largest = of(protocolLimits.inlineBytesMax - 2);
    expect(shardsOf(jobId, [largest, 1], 10)).toHaveLength(2);
    expect(JSON.stringify([largest]).length).toBe(protocolLimits.inlineBytesMax);
  });
});
