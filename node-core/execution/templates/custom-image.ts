/** Jobs that name the image that they run in: which the owner of this computer allows. Nothing is ever fetched for them. */
import { type Json, pinnedImage, type Template, z } from '../../protocol/index.ts';
import type { Failure } from '../runner/failure.ts';

export const ImageReference = z
  .string()
  .max(512)
  .regex(pinnedImage, 'expected an image by its digest, name@sha256:…, or by its id, sha256:…');

export interface CustomImages {
  readonly allow: 'off' | 'listed' | 'any';
  /** Those that count where `allow` is `listed`. */
  readonly images: readonly string[];
}

export const noCustomImages: CustomImages = { allow: 'off', images: [] };

/** The image that a job names; null where its template has its own. */
export function customImageOf(template: Template, params: Readonly<Record<string, Json>>): string | null {
  return template.customImage === true ? (ImageReference.safeParse(params['image']).data ?? null) : null;
}

/** Why such a job does not run here; null where it may. */
export function customImageRefusal(
  template: Template,
  params: Readonly<Record<string, Json>>,
  { allow, images }: CustomImages,
): Failure | null {
  if (template.customImage !== true) return null;
  const off = customImagesOff(template, { allow, images });
  if (off !== null) return { code: 'policy', message: off };
  const image = customImageOf(template, params);
  if (image === null) return { code: 'bad-input', message: 'params: expected `image`, by its digest or id' };
  if (allow === 'any' || images.includes(image)) return null;
  return { code: 'policy', message: `the provider does not run the image ${image}` };
}

/** Why the template as a whole is not offered; null where it is. */
export function customImagesOff(template: Template, { allow, images }: CustomImages): string | null {
  if (template.customImage !== true || allow === 'any' || (allow === 'listed' && images.length > 0)) return null;
  return allow === 'off'
    ? 'images that jobs name are off (execution.customImages)'
    : 'no image is listed (execution.customImagesListed)';
}
