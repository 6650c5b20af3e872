import { describe, expect, it } from 'vitest';
import { Cid } from '../../protocol/index.ts';
import { manifestOf } from '../testing.ts';
import { customImageOf, customImageRefusal, customImagesOff } from './custom-image.ts';

const id = Cid.parse('bafyreidhje6xu4wqawucqxjppu6qwtk27zgt3qzxstzt4gcvkthwzjd2ai');
const custom = { ...manifestOf({ customImage: true, runsIn: ['docker'] }), id };
const own = { ...manifestOf(), id };
const image = `sha256:${'a'.repeat(64)}`;
const other = `team/reader@sha256:${'b'.repeat(64)}`;

describe('an image that a job names', () => {
  it.each([
    ['off', [image], image, 'policy'],
    ['listed', [], image, 'policy'],
    ['listed', [other], image, 'policy'],
    ['listed', [other, image], image, null],
    ['any', [], other, null],
    ['any', [], 'node:24', 'bad-input'],
    ['any', [], undefined, 'bad-input'],
  ] as const)('%s, with %j listed: %s gives %s', (allow, images, named, code) => {
    const params = named === undefined ? {} : { image: named };
    expect(customImageRefusal(custom, params, { allow, images })?.code ?? null).toBe(code);
  });

  it('is offered by whoever would run one', () => {
    expect(customImagesOff(custom, { allow: 'off', images: [] })).toContain('execution.customImages');
    expect(customImagesOff(custom, { allow: 'listed', images: [] })).toContain('customImagesListed');
    expect(customImagesOff(custom, { allow: 'listed', images: [image] })).toBeNull();
  });

  it('is no matter of templates with an image of their own', () => {
    const off = { allow: 'off', images: [] } as const;
    expect(customImageRefusal(own, { image }, off)).toBeNull();
    expect(customImagesOff(own, off)).toBeNull();
    expect(customImageOf(own, { image })).toBeNull();
    expect(customImageOf(custom, { image })).toBe(image);
  });
});
