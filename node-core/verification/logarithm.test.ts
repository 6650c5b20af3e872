import fc from 'fast-check';
import { expect, it } from 'vitest';
import { lnMicroCeil, lnMicroFloor } from './logarithm.ts';

const positive = fc.integer({ min: 1, max: 1_000_000_000 });

it('is the logarithm, rounded to the side that was asked for', () => {
  fc.assert(
    fc.property(positive, positive, (a, b) => {
      const exact = Math.log(a / b) * 1e6;
      expect(lnMicroFloor(a, b)).toBeGreaterThan(exact - 1 - 1e-4);
      expect(lnMicroFloor(a, b)).toBeLessThanOrEqual(exact + 1e-4);
      expect(lnMicroCeil(a, b) - lnMicroFloor(a, b)).toBe(a === b ? 0 : 1);
    }),
  );
  expect(lnMicroFloor(2, 1)).toBe(693_147);
  expect(lnMicroCeil(1, 2)).toBe(-693_147);
  expect(lnMicroFloor(7, 7)).toBe(0);
});

it.each([0, -1, 0.5, Number.NaN])('refuses %s', (n) => {
  expect(() => lnMicroFloor(n, 1)).toThrow(RangeError);
});
