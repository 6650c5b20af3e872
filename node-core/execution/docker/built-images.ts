/**
 * Which images were built here, by template. A label alone says nothing: an image that its owner pulled, or built on one of
 * ours, may carry the label of a shipped template too. The file may be lost; then the templates are built again.
 */
import { Cid, z } from '../../protocol/index.ts';
import { readCache, writeCache } from '../cache-file.ts';

/** As many as one template has had: nobody goes back further than that. */
const keptMax = 16;
const imageId = z.string().regex(/^sha256:[0-9a-f]{64}$/);
const BuiltImages = z.record(Cid, z.array(imageId));
type BuiltImages = z.infer<typeof BuiltImages>;

export async function readBuilt(file: string): Promise<BuiltImages> {
  return (await readCache(file, BuiltImages)) ?? {};
}

/** @param image its id. */
export async function noteBuilt(file: string, template: Cid, image: string): Promise<void> {
  const known = await readBuilt(file);
  const others = (known[template] ?? []).filter((id) => id !== image);
  await writeCache(file, { ...known, [template]: [...others, image].slice(-keptMax) });
}
