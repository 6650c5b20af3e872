import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonicalJson, type Json } from '../protocol/index.ts';
import { compareNumeric, cosineDistance, isWithin, type NumericCopy } from './numeric.ts';

/** One item for each output; each copy by a provider of its own. */
const copiesOf = (...outputs: Json[][]): NumericCopy[] =>
  outputs.map((list, i) => ({
    replicaId: `r${i}`,
    peerId: `p${i}`,
    outputs: list,
    itemHashes: list.map((output) => canonicalJson(output)),
  }));

const tolerance = { absoluteMax: 0.1 };
const compare = (copies: NumericCopy[], more: Partial<Parameters<typeof compareNumeric>[0]> = {}) =>
  compareNumeric({ copies, tolerance, quorum: 2, honestDisagreementPpm: 0, badProbabilityPpm: 1000, ...more });

describe('comparing numbers', () => {
  it('accepts copies that lie within the tolerance, and rejects the one that does not', () => {
    const outcome = compare(copiesOf([[1, 2]], [[1.05, 2]], [[5, 2]]));
    expect(outcome).toMatchObject({ kind: 'agreed', holders: ['r0', 'r1'] });
    expect(outcome.verdicts.map(({ verdict }) => verdict)).toEqual(['accepted', 'accepted', 'rejected']);
  });

  it('takes the middle of a chain for its centre, and finds no quorum where none agree', () => {
    expect(compare(copiesOf([0], [0.08], [0.16]))).toMatchObject({ kind: 'agreed', holders: ['r0', 'r1', 'r2'] });
    expect(compare(copiesOf([0], [1]))).toMatchObject({ kind: 'no-quorum', itemsWithout: [0] });
    expect(compare(copiesOf([0], [0.01], [1], [1.01]))).toMatchObject({ kind: 'no-quorum', itemsWithout: [0] });
  });

  it('gives a provider one vote', () => {
    const copies = copiesOf([1], [1], [9]).map((copy, i) => ({ ...copy, peerId: i < 2 ? 'p0' : 'p2' }));
    expect(compare(copies).kind).toBe('no-quorum');
  });

  it('ends also where arithmetic gives no number', () => {
    const huge = [1e300, 1e300];
    const cosine = { cosineDistanceMaxPpm: 100 };
    expect(compare(copiesOf([huge], [huge]), { tolerance: cosine }).kind).toBe('agreed');
    expect(compare(copiesOf([huge], [[1e300, -1e300]]), { tolerance: cosine }).kind).toBe('no-quorum');
  });

  const value = fc.integer({ min: 0, max: 20 }).map((n) => n / 20);
  const copies = fc
    .tuple(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 6 }))
    .chain(([items, count]) =>
      fc.array(fc.array(fc.array(value, { minLength: 2, maxLength: 2 }), { minLength: items, maxLength: items }), {
        minLength: count,
        maxLength: count,
      }),
    )
    .map((lists) => copiesOf(...lists));

  it('does not depend on the order of the copies', () => {
    fc.assert(
      fc.property(copies, fc.infiniteStream(fc.nat()), fc.integer({ min: 1, max: 3 }), (list, order, quorum) => {
        const shuffled = list
          .map((copy) => ({ copy, key: order.next().value ?? 0 }))
          .sort((a, b) => a.key - b.key)
          .map(({ copy }) => copy);
        const judged = (of: NumericCopy[]) => {
          const outcome = compare(of, { quorum });
          return { ...outcome, verdicts: [...outcome.verdicts].sort((a, b) => (a.replicaId < b.replicaId ? -1 : 1)) };
        };
        expect(judged(shuffled)).toEqual(judged(list));
      }),
    );
  });

  it('gives every item an answer that a quorum lies near, within twice the tolerance of each other', () => {
    fc.assert(
      fc.property(copies, fc.integer({ min: 1, max: 4 }), (list, quorum) => {
        const outcome = compare(list, { quorum });
        if (outcome.kind !== 'agreed') return;
        for (const [item, replicaId] of outcome.items.entries()) {
          const answer = list.find((copy) => copy.replicaId === replicaId)?.outputs[item] ?? null;
          const near = list.filter(({ outputs }) => isWithin(outputs[item] ?? null, answer, { absoluteMax: 0.200001 }));
          expect(near.length).toBeGreaterThanOrEqual(quorum);
        }
      }),
    );
  });
});

describe('agreement of two outputs', () => {
  const cosine = { cosineDistanceMaxPpm: 100 };

  it('takes each list of numbers by itself, and all else as it is', () => {
    expect(isWithin({ vector: [1, 0], dimensions: 2 }, { vector: [1, 0.01], dimensions: 2 }, cosine)).toBe(true);
    expect(isWithin({ vector: [1, 0], dimensions: 2 }, { vector: [1, 0.02], dimensions: 2 }, cosine)).toBe(false);
    expect(isWithin({ vector: [1, 0], dimensions: 2 }, { vector: [1, 0], dimensions: 3 }, cosine)).toBe(false);
    expect(isWithin([1, 0], [1, 0, 0], cosine)).toBe(false);
    expect(isWithin({ a: 1 }, { a: 1, b: 1 }, cosine)).toBe(false);
    expect(isWithin({ a: 1, b: null }, { a: 1, c: null }, cosine)).toBe(false);
    expect(isWithin([{ x: 1 }, 'a'], [{ x: 1.05 }, 'a'], tolerance)).toBe(true);
    expect(isWithin([{ x: 1 }, 'a'], [{ x: 1.05 }, 'b'], tolerance)).toBe(false);
    expect(isWithin([0, 0], [0, 0], cosine)).toBe(true);
    expect(isWithin([0, 0], [1, 0], cosine)).toBe(false);
  });

  it('wants both limits where both are given', () => {
    expect(isWithin([10, 0], [20, 0], { ...cosine, absoluteMax: 1 })).toBe(false);
    expect(isWithin([10, 0], [10.5, 0], { ...cosine, absoluteMax: 1 })).toBe(true);
    expect(isWithin([1, 0], [0, 1], { ...cosine, absoluteMax: 1 })).toBe(false);
  });

  it('is the cosine’s', () => {
    expect(cosineDistance([3, 0], [5, 0])).toBe(0);
    expect(cosineDistance([1, 0], [0, 1])).toBe(1);
    expect(cosineDistance([1, 0], [-1, 0])).toBe(2);
    expect(cosineDistance([1, 1], [1, 0])).toBeCloseTo(1 - Math.SQRT1_2, 12);
  });
});
