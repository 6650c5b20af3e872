import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LineSplitter, Tail } from './line-splitter.ts';

describe('LineSplitter', () => {
  it('finds the same lines however the stream is cut', () => {
    fc.assert(
      fc.property(
        fc.array(fc.string({ unit: 'grapheme' }).map((text) => text.replaceAll('\n', ''))),
        fc.infiniteStream(fc.integer({ min: 1, max: 9 })),
        (lines, sizes) => {
          const bytes = Buffer.from(lines.map((line) => `${line}\n`).join(''));
          const got: string[] = [];
          const splitter = new LineSplitter(1000, (line) => got.push(line.toString('utf8')));
          for (let at = 0; at < bytes.length; ) {
            const size = sizes.next().value ?? 1;
            expect(splitter.push(bytes.subarray(at, at + size))).toBe(true);
            at += size;
          }
          expect(got).toEqual(lines.filter((line) => line !== ''));
        },
      ),
    );
  });

  it('refuses a line that is too long, whether it has ended or not', () => {
    const lines: string[] = [];
    const make = (): LineSplitter => new LineSplitter(4, (line) => lines.push(line.toString()));
    expect(make().push(Buffer.from('1234\n12345'))).toBe(false);
    expect(make().push(Buffer.from('12345\n'))).toBe(false);
    expect(lines).toEqual(['1234']);
  });
});

describe('Tail', () => {
  it('keeps the end', () => {
    const tail = new Tail(5);
    for (const part of ['abc', 'defgh', 'i']) tail.push(Buffer.from(part));
    expect(tail.text()).toBe('efghi');
  });
});
