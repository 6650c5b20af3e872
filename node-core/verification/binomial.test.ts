import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { tailIsBelow } from './binomial.ts';

/** P(X ≥ k) by adding up all 2ⁿ outcomes. */
function bruteForceTail(n: number, k: number, p: number): number {
  let sum = 0;
  for (let outcome = 0; outcome < 2 ** n; outcome++) {
    let differing = 0;
    for (let bit = 0; bit < n; bit++) if (outcome & (1 << bit)) differing++;
    if (differing >= k) sum += p ** differing * (1 - p) ** (n - differing);
  }
  return sum;
}

describe('the binomial tail', () => {
  it('is that of all outcomes added up', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 9 }).chain((n) => fc.tuple(fc.constant(n), fc.integer({ min: 0, max: n }))),
        fc.integer({ min: 0, max: 500_000 }),
        fc.integer({ min: 1, max: 999_999 }),
        ([n, k], ppm, boundPpm) => {
          const tail = bruteForceTail(n, k, ppm / 1e6);
          const bound = boundPpm / 1e6;
          fc.pre(Math.abs(tail - bound) > 1e-9);
          expect(tailIsBelow(n, k, ppm, boundPpm)).toBe(tail < bound);
        },
      ),
      { numRuns: 300 },
    );
  });

  it('falls with k, and rises with the rate', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 200 }).chain((n) => fc.tuple(fc.constant(n), fc.integer({ min: 0, max: n - 1 }))),
        fc.integer({ min: 0, max: 400_000 }),
        fc.integer({ min: 1, max: 999_999 }),
        ([n, k], ppm, boundPpm) => {
          if (tailIsBelow(n, k, ppm, boundPpm)) expect(tailIsBelow(n, k + 1, ppm, boundPpm)).toBe(true);
          if (tailIsBelow(n, k, ppm + 50_000, boundPpm)) expect(tailIsBelow(n, k, ppm, boundPpm)).toBe(true);
        },
      ),
      { numRuns: 100 },
    );
  });

  it('decides exactly at the bound', () => {
    // P(X ≥ 1) for one item that differs one time in a thousand is a thousandth: not below it.
    expect(tailIsBelow(1, 1, 1000, 1000)).toBe(false);
    expect(tailIsBelow(1, 1, 1000, 1001)).toBe(true);
    expect(tailIsBelow(1, 1, 999, 1000)).toBe(true);
  });

  it('is 1 for no difference, and 0 for any where none is honest', () => {
    expect(tailIsBelow(10, 0, 0, 999_999)).toBe(false);
    expect(tailIsBelow(10, 1, 0, 1)).toBe(true);
    expect(tailIsBelow(10, 10, 0, 1)).toBe(true);
  });

  it('stays exact for the largest shard, where floating point underflows', () => {
    // 0.3^1000 is about 10⁻⁵²³.
    expect(tailIsBelow(1000, 1000, 300_000, 1)).toBe(true);
    expect(tailIsBelow(1000, 300, 300_000, 400_000)).toBe(false);
    expect(tailIsBelow(1000, 400, 300_000, 1)).toBe(true);
  });

  it.each([
    [3, 4, 0],
    [3, -1, 0],
    [3, 1, 1_000_000],
    [3, 1, -1],
    [Number.NaN, 0, 0],
  ])('refuses n=%s k=%s ppm=%s', (n, k, ppm) => {
    expect(() => tailIsBelow(n, k, ppm, 1000)).toThrow(RangeError);
  });
});
