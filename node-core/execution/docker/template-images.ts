/** Which image is a template's: the newest that was built here and has its id for a label. */
import type Docker from 'dockerode';
import type { Cid, Template } from '../../protocol/index.ts';
import { readBuilt } from './built-images.ts';
import { labelPrefix } from './container-spec.ts';

export const templateLabel = `${labelPrefix}template`;

/** @param builtImages file with what was built here. @returns ids of images by the templates that have any. */
export async function imagesOf(engine: Docker, builtImages: string): Promise<ReadonlyMap<Cid, string>> {
  const [listed, built] = await Promise.all([
    engine.listImages({ filters: { label: [templateLabel] } }),
    readBuilt(builtImages),
  ]);
  const newestLast = listed.sort((a, b) => a.Created - b.Created || (a.Id < b.Id ? 1 : -1));
  const labelled = newestLast.map(({ Id, Labels }) => [Labels[templateLabel] ?? '', Id] as const);
  return new Map(labelled.filter(([template, id]) => built[template]?.includes(id) === true));
}

/** @returns null where none was built. */
export async function imageOf(engine: Docker, template: Cid, builtImages: string): Promise<string | null> {
  return (await imagesOf(engine, builtImages)).get(template) ?? null;
}

/** @returns names of those that could run in a container and have no image. One whose jobs name the image needs none of its own. */
export function withoutImage(
  templates: ReadonlyArray<Pick<Template, 'id' | 'name' | 'runsIn' | 'customImage'>>,
  images: ReadonlyMap<Cid, string>,
): string[] {
  return templates
    .filter(({ runsIn, customImage }) => customImage !== true && (runsIn === undefined || runsIn.includes('docker')))
    .filter(({ id }) => !images.has(id))
    .map(({ name }) => name);
}
