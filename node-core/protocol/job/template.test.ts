import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Json } from '../primitives.ts';
import { normaliseOutput } from './template.ts';

describe('normalised outputs', () => {
  it.each([
    [' Positive ', 'positive'],
    ['ＰＯＳＩＴＩＶＥ', 'positive'],
    ['\u00a0straße\n', 'straße'],
    ['J\u030c', '\u01f0'],
  ])('the label %j is %j', (label, normal) => {
    expect(normaliseOutput('label', { label, score: 0.5 })).toEqual({ label: normal, score: 0.5 });
  });

  it('stay as they are when normalised again', () => {
    // Any letter, and often one that combines with the letter before it.
    const letter = fc.integer({ min: 0, max: 0x10f7ff }).map((n) => String.fromCodePoint(n < 0xd800 ? n : n + 0x800));
    const label = fc.string({ unit: fc.oneof(letter, fc.constantFrom('J', 'İ', 'Σ', ' ', '\u030c', '\u0345')) });
    fc.assert(
      fc.property(label, (text) => {
        const once = normaliseOutput('label', { label: text });
        expect(normaliseOutput('label', once)).toEqual(once);
      }),
      { numRuns: 500 },
    );
  });

  it('are untouched by other classes, and where there is no label', () => {
    const values: Json[] = [null, 'A', 5, ['A'], { text: 'A' }, { label: 5 }];
    for (const value of values) expect(normaliseOutput('label', value)).toBe(value);
    for (const verifier of ['exact', 'numeric', 'token-divergence'] as const) {
      const output = { label: ' A ' };
      expect(normaliseOutput(verifier, output)).toBe(output);
    }
  });
});
