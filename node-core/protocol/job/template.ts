/** Templates: what a provider can run. A template is a folder, identified by the hash of its content. */
import { type Cid, Json } from '../primitives.ts';
import { z } from '../zod.ts';

/**
 * How results of several providers are compared.
 * `exact`: canonical bytes are equal. `label`: equal after normalising. The others come with a later version.
 */
export const VerifierClass = z.enum(['exact', 'label', 'numeric', 'token-divergence']);
export type VerifierClass = z.infer<typeof VerifierClass>;

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
  streaming: z.boolean().describe('the runner can write tokens as they come'),
  stateless: z.boolean().describe('one warm runner may serve many jobs one after the other'),
  runner: z.string().max(200).describe('program, relative to the folder; reads and writes NDJSON'),
  files: z
    .array(z.string().max(200))
    .max(64)
    .describe('further files that the template’s hash covers, relative to the folder'),
  needsModel: z.boolean(),
  resources: z.strictObject({ memoryMiB: z.int().min(1), timeoutMs: z.int().min(1), outputBytesMax: z.int().min(1) }),
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
 * and agreement are the same thing, and a third party can judge by hashes alone.
 */
export function normaliseOutput(verifier: VerifierClass, output: Json): Json {
  if (verifier !== 'label' || output === null || typeof output !== 'object' || Array.isArray(output)) return output;
  const label = output['label'];
  if (typeof label !== 'string') return output;
  // Twice NFKC: lower-casing can leave what composes (J̌ → ǰ), and a normalised label must stay as it is.
  return { ...output, label: label.normalize('NFKC').toLowerCase().normalize('NFKC').trim() };
}
