/** Which image is a template's: the newest that has its id for a label. */
import type Docker from 'dockerode';
import type { Cid, Template } from '../../protocol/index.ts';
import { labelPrefix } from './container-spec.ts';

export const templateLabel = `${labelPrefix}template`;

/** @returns ids of images by the templates that have any. */
export async function imagesOf(engine: Docker): Promise<ReadonlyMap<Cid, string>> {
  const listed = await engine.listImages({ filters: { label: [templateLabel] } });
  const newestLast = listed.sort((a, b) => a.Created - b.Created || (a.Id < b.Id ? 1 : -1));
  return new Map(newestLast.map(({ Id, Labels }) => [Labels[templateLabel] ?? '', Id]));
}

/** @returns null where none was built. */
export async function imageOf(engine: Docker, template: Cid): Promise<string | null> {
  return (await imagesOf(engine)).get(template) ?? null;
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
