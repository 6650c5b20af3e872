/** The door for jobs: a spec becomes a job with everything resolved and checked, or an error that says what to change. */
import {
  ApiError,
  type Cid,
  canonicalBytes,
  copiesOf,
  InfernetError,
  type JobSpec,
  type PlannedJob,
  protocolLimits,
  toBase64Url,
} from '../protocol/index.ts';
import { canBeCompared } from '../verification/index.ts';
import type { AggregatorContext, Known, KnownTemplate } from './context.ts';

export interface Resolved {
  readonly template: KnownTemplate;
  readonly planned: PlannedJob;
  readonly itemBytes: number;
}

/** Parameters travel with the inputs of every shard, in one frame. */
const paramsBytesMax = protocolLimits.inlineBytesMax / 4;

/** @throws ApiError `invalid-params`, naming what was found and what would do. */
export function resolveSpec(spec: JobSpec, known: Known, config: AggregatorContext['config']): Resolved {
  const template = findTemplate(spec.template, known);
  const model = findModel(spec.model, template, known);
  const { template: manifest } = template;
  if (spec.aggregator !== null)
    throw invalid('aggregator: foreign aggregators come with a later version; leave it out');
  const params = template.checkParams(spec.params);
  if (params !== null) throw invalid(`params of ${manifest.name}: ${params}`);
  const paramsBytes = canonicalBytes(spec.params).length;
  if (paramsBytes > paramsBytesMax)
    throw invalid(`params of ${manifest.name} have ${paramsBytes} bytes; at most ${paramsBytesMax}`);
  const attemptsMax = config.attemptsPerShardMax;
  if (copiesOf(spec.policy) > attemptsMax) {
    throw invalid(
      `policy: ${copiesOf(spec.policy)} copies are wanted; this node makes at most ${attemptsMax} attempts at a shard (aggregator.attemptsPerShardMax)`,
    );
  }
  let itemBytes = 0;
  for (const [index, input] of spec.inputs.entries()) {
    const fault = template.checkInput(input);
    if (fault !== null) throw invalid(`input ${index} of ${manifest.name}: ${fault}`);
    const bytes = canonicalBytes(input).length;
    if (bytes > protocolLimits.inlineBytesMax - 2) {
      throw invalid(
        `bad-input: input ${index} has ${bytes} bytes; at most ${protocolLimits.inlineBytesMax} bytes (inlineBytesMax) travel inside a message`,
      );
    }
    itemBytes += bytes;
  }
  if (spec.ownNode !== 'only') {
    if (BigInt(spec.budgetMicro) === 0n) {
      throw invalid(
        'the budget is 0: providers are paid for what they answer. Give a budget in micro-credits (`jobs.plan` says what the job is expected to cost), or let only the own node run it (ownNode: "only")',
      );
    }
    if (!canBeCompared(manifest)) {
      throw invalid(
        new InfernetError(
          'policy',
          `results of ${manifest.name} (verifier class ${manifest.verifier}) cannot be compared: its template states no tolerance, or needs another check`,
        ).message,
      );
    }
  }
  if (spec.stream && !manifest.streaming)
    throw invalid(`stream: ${manifest.name} gives its answers as a whole; leave it out`);
  if (spec.stream && spec.inputs.length > config.streamedItemsMax) {
    throw invalid(
      `stream: ${spec.inputs.length} items; the answers of at most ${config.streamedItemsMax} are shown as they come (aggregator.streamedItemsMax)`,
    );
  }
  const { inputs, template: _, model: __, ...rest } = spec;
  return {
    template,
    itemBytes,
    planned: {
      ...rest,
      template: manifest.id,
      templateName: manifest.name,
      model,
      modelName: model === null ? null : (known.models.get(model)?.name ?? null),
      items: inputs.length,
    },
  };
}

function findTemplate(name: string, known: Known): KnownTemplate {
  const byId = known.templates.get(name);
  if (byId !== undefined) return byId;
  const found = [...known.templates.values()].filter(({ template }) => template.name === name);
  const newest = found.sort((a, b) => (a.template.version < b.template.version ? 1 : -1))[0];
  if (newest !== undefined) return newest;
  const names = [...new Set([...known.templates.values()].map(({ template }) => template.name))].sort();
  throw invalid(`no template is called ${JSON.stringify(name)}; known here: ${names.join(', ') || 'none'}`);
}

function findModel(name: string | null, { template, models }: KnownTemplate, known: Known): Cid | null {
  if (!template.needsModel) {
    if (name !== null) throw invalid(`${template.name} needs no model; leave it out`);
    return null;
  }
  if (name === null) {
    const standard = models[0] ?? known.models.keys().next().value;
    if (standard === undefined)
      throw invalid(`${template.name} needs a model, and none is known here; name one by its content id`);
    return standard;
  }
  if (known.models.has(name)) return name;
  const found = [...known.models.values()].find((model) => model.name === name);
  if (found !== undefined) return found.cid;
  // A model that only providers have is named by its content id.
  if (/^b[a-z2-7]{50,110}$/.test(name)) return name;
  const names = [...known.models.values()].map((model) => model.name).sort();
  throw invalid(
    `no model is called ${JSON.stringify(name)}; known here: ${names.join(', ') || 'none'}; others are named by their content id`,
  );
}

function invalid(message: string): ApiError {
  return new ApiError('invalid-params', message);
}

/** Random bytes that make the hashes of this job's outputs unguessable; the same for all its copies. */
export function newItemSalt(context: AggregatorContext): string {
  return toBase64Url(context.random.bytes(16));
}
