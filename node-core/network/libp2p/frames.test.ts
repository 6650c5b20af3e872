import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { protocolLimits } from '../../protocol/index.ts';
import { encodeFrame, encodeGoodbye, FrameReader } from './frames.ts';

function readAll(bytes: Uint8Array, chunkSizes: readonly number[]): string[] {
  const seen: string[] = [];
  const reader = new FrameReader(
    (frame) => seen.push(`frame ${Buffer.from(frame).toString('hex')}`),
    (reason) => seen.push(`goodbye ${reason}`),
  );
  for (let at = 0, i = 0; at < bytes.length; i++) {
    const size = chunkSizes[i % chunkSizes.length] ?? 1;
    reader.push(bytes.subarray(at, at + size));
    at += size;
  }
  return seen;
}

describe('frames', () => {
  it('come out as they went in, however the stream is cut', () => {
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 10 }),
        fc.array(fc.integer({ min: 1, max: 64 }), { minLength: 1 }),
        (frames, chunkSizes) => {
          const bytes = Buffer.concat([...frames.map(encodeFrame), encodeGoodbye('done')]);
          const expected = [...frames.map((frame) => `frame ${Buffer.from(frame).toString('hex')}`), 'goodbye done'];
          expect(readAll(bytes, chunkSizes)).toEqual(expected);
        },
      ),
    );
  });

  it('over the limit are refused by their header alone', () => {
    const header = Buffer.alloc(4);
    header.writeUInt32BE(protocolLimits.frameBytesMax + 1);
    expect(() => readAll(header, [4])).toThrow('at most');
    header.writeUInt32BE(0x8000_0401);
    expect(() => readAll(header, [1])).toThrow('at most');
  });

  it('carry a reason of any length, cut where it must be', () => {
    expect(readAll(encodeGoodbye('x'.repeat(5000)), [7])).toEqual([`goodbye ${'x'.repeat(1024)}`]);
  });
});
