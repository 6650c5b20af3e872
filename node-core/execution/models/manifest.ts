/** `models.json` in a folder of models: which files belong there, and by which hashes to know them. */
import { Cid, Sha256, z } from '../../protocol/index.ts';

export const ModelEntry = z.strictObject({
  name: z.string().regex(/^[a-z0-9][a-z0-9._-]{0,127}$/, 'lower-case letters, digits, dots, dashes and underscores'),
  title: z.string().max(80).describe('for people'),
  file: z.string().regex(/^[^/\\]{1,200}\.gguf$/, 'expected the name of a .gguf file in the same folder'),
  cid: Cid.describe('content id of the file'),
  sha256: Sha256,
  sizeBytes: z.int().min(1),
  licence: z.string().max(80),
  provenance: z.string().max(1000).describe('where the file comes from'),
  contextTokens: z.int().min(1),
  note: z.string().max(400),
});
export type ModelEntry = z.infer<typeof ModelEntry>;

export const ModelsManifest = z.strictObject({ v: z.literal(1), models: z.array(ModelEntry).max(256) });
export const modelsManifestName = 'models.json';
