/** Templates: what a provider can run. A template is a folder, identified by the hash of its content. */
import { type Cid, Json } from '../primitives.ts';
import { z } from '../zod.ts';

/**
 * How results of several providers are compared.
 * `exact`: canonical bytes are equal. `label`: equal after normalising. `numeric`: within a tolerance.
 * `token-divergence`: a checker forces the claimed tokens through its own model.
 */
export const VerifierClass = z.enum(['exact', 'label', 'numeric', 'token-divergence']);
export type VerifierClass = z.infer<typeof VerifierClass>;

const ppm = z.int().min(0).max(1_000_000);

/** How far apart two results of class `numeric` may lie and still agree: within every limit that is given. */
export const Tolerance = z
  .strictObject({
    cosineDistanceMaxPpm: ppm.optional().describe('1 − cosine of the two vectors, per million'),
    absoluteMax: z.number().min(0).optional().describe('largest difference of two components'),
  })
  .refine((given) => Object.keys(given).length > 0, 'expected at least one limit');
export type Tolerance = z.infer<typeof Tolerance>;

/** What a check of claimed tokens is held against. */
export const TokenDivergence = z.strictObject({
  honestDisagreementPpm: ppm
    .max(500_000)
    .describe('tokens per million that an honest checker would not have chosen, near-ties left out'),
  thresholdPpm: ppm.describe(
    'share of the tokens of a result that a checker must agree with, or it is checked further',
  ),
});
export type TokenDivergence = z.infer<typeof TokenDivergence>;

/** Where runners can run: in a process of the computer itself, or in a container. */
export const RunnerPlace = z.enum(['embedded', 'docker']);
export type RunnerPlace = z.infer<typeof RunnerPlace>;

/** A repository with a digest, or an image’s id. A tag may be another image tomorrow. */
export const pinnedImage = /^(?:[a-z0-9][a-z0-9._:/-]*@)?sha256:[0-9a-f]{64}$/;

/** `template.json` in a template's folder. */
export const TemplateManifest = z.strictObject({
  name: z.string().regex(/^[a-z][a-z0-9-]{0,62}$/, 'lower-case letters, digits and dashes'),
  version: z.string().regex(/^\d+\.\d+\.\d+$/, 'expected a version as 1.2.3'),
  title: z.string().max(80).describe('for people'),
  description: z.string().max(400),
  verifier: VerifierClass,
  honestDisagreementPpm: z
    .int()
    .min(0)
    .max(500_000)
    .describe(
      'items per million on which two honest providers may differ (other CPU, other build); the sequential test starts from it',
    ),
  tolerance: Tolerance.optional().describe('of class `numeric`'),
  tokenDivergence: TokenDivergence.optional().describe(
    'the runner can check claimed tokens: results may also be verified by class `token-divergence`, which needs one check instead of a second run',
  ),
  offeredByDefault: z
    .boolean()
    .optional()
    .describe('false: served only where the owner names it (`provider.templates`); true where left out'),
  streaming: z
    .boolean()
    .describe(
      'the runner can write tokens as they come; its outputs have `text` and `tokenIds`, of which those are a prefix',
    ),
  stateless: z.boolean().describe('one warm runner may serve many jobs one after the other'),
  runsIn: z
    .array(RunnerPlace)
    .min(1)
    .max(2)
    .optional()
    .describe('where the runner can run; both where left out. `docker`: it needs programs that only its image has'),
  imageBase: z
    .enum(['node', 'tesseract'])
    .optional()
    .describe(
      'what its Dockerfile builds on: `node` has Node and llama.cpp, `tesseract` Node and Tesseract; `node` where left out',
    ),
  customImage: z
    .boolean()
    .optional()
    .describe('true: a job names the image to run, in the parameter `image`; the one of the template is an example'),
  runner: z.string().max(200).describe('program, relative to the folder; reads and writes NDJSON'),
  files: z
    .array(z.string().max(200))
    .max(64)
    .describe('further files that the template’s hash covers, relative to the folder'),
  needsModel: z.boolean(),
  resources: z.strictObject({
    memoryMiB: z.int().min(1),
    timeoutMs: z.int().min(1),
    outputBytesMax: z.int().min(1),
    gpu: z
      .enum(['wanted', 'needed'])
      .optional()
      .describe(
        'a graphics card for its container, where the provider gives cards away: `wanted` = it runs without one too; `needed` = it does not. None where left out',
      ),
  }),
  params: z.record(z.string(), Json).describe('JSON Schema of the parameters of a job'),
  input: z.record(z.string(), Json).describe('JSON Schema of one input item'),
  output: z.record(z.string(), Json).describe('JSON Schema of one output item'),
});
export type TemplateManifest = z.infer<typeof TemplateManifest>;

export interface Template extends TemplateManifest {
  /** Content id of the folder: the template's identity on the network. */
  readonly id: Cid;
}

/** A model file that a node holds. */
export interface ModelInfo {
  readonly cid: Cid;
  readonly name: string;
  readonly sizeBytes: number;
}

/**
 * The form of an output that is hashed and compared. Providers normalise before they commit, so that equal canonical bytes
 * and agreement are the same thing, and a third party can judge by hashes alone. Not so for `numeric`, whose results agree
 * within a tolerance (the runner rounds them, as its template states), and `token-divergence`, whose claims are checked:
 * there the hash binds the whole output, token ids included, to what is compared.
 */
export function normaliseOutput(verifier: VerifierClass, output: Json): Json {
  if (verifier !== 'label' || output === null || typeof output !== 'object' || Array.isArray(output)) return output;
  const label = output['label'];
  if (typeof label !== 'string') return output;
  // Twice NFKC: lower-casing can leave what composes (J̌ → ǰ), and a normalised label must stay as it is.
  return { ...output, label: label.normalize('NFKC').toLowerCase().normalize('NFKC').trim() };
}
