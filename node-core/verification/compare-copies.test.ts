import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { InfernetError } from '../protocol/index.ts';
import { type Comparison, compareCopies, supportsReplication, tieBreakNeeded } from './compare-copies.ts';
import { disagreementTest, exceedsHonest, gather, nothingGathered } from './sequential.ts';
import type { Copy } from './tally.ts';

/** Copies by their answers: one letter per item; each by a provider of its own, unless named. */
function copiesOf(...answers: string[]): Copy[] {
  return answers.map((letters, i) => ({
    replicaId: `r${i}`,
    peerId: `p${i}`,
    itemHashes: [...letters],
  }));
}

const strict = { verifier: 'label', quorum: 2, honestDisagreementPpm: 0, badProbabilityPpm: 1000 } as const;
const compare = (copies: readonly Copy[], more: Partial<Comparison> = {}) =>
  compareCopies({ ...strict, copies, ...more });
const verdictsOf = (copies: readonly Copy[], more: Partial<Comparison> = {}) =>
  compare(copies, more).verdicts.map(({ verdict, itemsWrong }) => `${verdict} ${itemsWrong}`);

describe('comparing copies', () => {
  it('accepts two that agree', () => {
    expect(compare(copiesOf('abc', 'abc'))).toEqual({
      kind: 'agreed',
      winner: 'r0',
      holders: ['r0', 'r1'],
      items: ['r0', 'r0', 'r0'],
      verdicts: [
        { replicaId: 'r0', verdict: 'accepted', itemsWrong: 0, witnesses: [] },
        { replicaId: 'r1', verdict: 'accepted', itemsWrong: 0, witnesses: [] },
      ],
    });
  });

  it('finds no quorum when two differ, and names the items', () => {
    expect(compare(copiesOf('abcd', 'axcy'))).toEqual({
      kind: 'no-quorum',
      itemsWithout: [1, 3],
      holding: 0,
      verdicts: [
        { replicaId: 'r0', verdict: 'undecided', itemsWrong: 0, witnesses: [] },
        { replicaId: 'r1', verdict: 'undecided', itemsWrong: 0, witnesses: [] },
      ],
    });
  });

  it('rejects the one that differs from two, where none may differ', () => {
    expect(verdictsOf(copiesOf('abc', 'xbc', 'abc'))).toEqual(['accepted 0', 'rejected 1', 'accepted 0']);
  });

  it('forgives what honest disagreement explains', () => {
    const copies = copiesOf('aaaaaaaaaa', 'xaaaaaaaaa', 'aaaaaaaaaa');
    // One of ten differs with probability 9.6 % at 1 %; five of ten do not.
    expect(verdictsOf(copies, { honestDisagreementPpm: 10_000 })).toEqual(['accepted 0', 'accepted 1', 'accepted 0']);
    const worse = copiesOf('aaaaaaaaaa', 'xxxxxaaaaa', 'aaaaaaaaaa');
    expect(verdictsOf(worse, { honestDisagreementPpm: 10_000 })).toEqual(['accepted 0', 'rejected 5', 'accepted 0']);
  });

  it('asks what was gathered before, where it is told how', () => {
    const test = disagreementTest({ honestPpm: 10_000, falseAlarmPpm: 100 });
    let gathered = nothingGathered;
    const isExplained = (_: Copy, differed: number) => {
      if (differed > 0) gathered = gather(test, gathered, { compared: 10, differed });
      return !exceedsHonest(test, gathered);
    };
    const copies = copiesOf('aaaaaaaaaa', 'xxaaaaaaaa', 'aaaaaaaaaa');
    const shards = Array.from(
      { length: 3 },
      () => verdictsOf(copies, { honestDisagreementPpm: 10_000, isExplained })[1],
    );
    expect(shards).toEqual(['accepted 2', 'accepted 2', 'rejected 2']);
  });

  it('says whose word it is that a copy is wrong', () => {
    const outcome = compare(copiesOf('abc', 'xbc', 'abc', 'abd'), { honestDisagreementPpm: 100_000 });
    expect(outcome.verdicts.map(({ witnesses }) => witnesses)).toEqual([
      [],
      ['p0', 'p2', 'p3'],
      [],
      ['p0', 'p1', 'p2'],
    ]);
  });

  it('merges when nobody has all of the answer', () => {
    const outcome = compare(copiesOf('xbc', 'axc', 'abx'), { honestDisagreementPpm: 200_000 });
    expect(outcome).toMatchObject({ kind: 'agreed', winner: null, holders: [], items: ['r1', 'r0', 'r0'] });
    expect(outcome.verdicts.map(({ verdict }) => verdict)).toEqual(['accepted', 'accepted', 'accepted']);
  });

  it('finds no quorum where each item has one and fewer copies hold (I2)', () => {
    // Each item was given by two, and two of the three are too far from the whole.
    const copies = copiesOf('abc', 'xbc', 'axc');
    const none = { kind: 'no-quorum', itemsWithout: [], holding: 1 };
    expect(compare(copies)).toMatchObject(none);
    expect(verdictsOf(copies)).toEqual(['undecided 0', 'undecided 0', 'undecided 0']);
    const outcome = compare(copies);
    expect(tieBreakNeeded({ quorum: 2, copies, outcome })).toBe(true);
    expect(tieBreakNeeded({ quorum: 2, copies, outcome, more: 0 })).toBe(false);
    expect(
      tieBreakNeeded({ quorum: 2, copies, outcome: { ...none, kind: 'no-quorum', holding: 0, verdicts: [] } }),
    ).toBe(false);
    expect(verdictsOf(copiesOf('abc', 'xbc', 'axc', 'abc'))).toEqual([
      'accepted 0',
      'rejected 1',
      'rejected 1',
      'accepted 0',
    ]);
    // Also when it is what was gathered before that does not explain them.
    const isExplained = ({ replicaId }: Copy, wrong: number) => wrong === 0 && replicaId !== 'r9';
    expect(compare(copies, { honestDisagreementPpm: 300_000, isExplained })).toMatchObject(none);
  });

  it('takes for no item what only copies have said that are too far off', () => {
    // Seed 83 of cheats-5: on the first item those agree that are wrong elsewhere, and the two that hold differ on it.
    const copies = copiesOf('axxxbbbbbb', 'cbbbbbbbbb', 'dbbbbbbbbb', 'abbbxxxbbb');
    const options = { honestDisagreementPpm: 100_000, badProbabilityPpm: 80_000 };
    const outcome = compare(copies, options);
    expect(outcome).toMatchObject({ kind: 'no-quorum', itemsWithout: [0], holding: 2 });
    expect(tieBreakNeeded({ quorum: 2, copies, outcome })).toBe(true);
    const [, , , , ...further] = copiesOf('', '', '', '', 'abbbbbbbbb');
    expect(compare([...copies, ...further], options)).toMatchObject({ kind: 'agreed', winner: 'r4' });
  });

  it('counts holding copies by provider', () => {
    const copies = copiesOf('ab', 'ab', 'xb', 'ax').map((copy, i) => ({ ...copy, peerId: i < 2 ? 'p0' : copy.peerId }));
    expect(compare(copies)).toMatchObject({ kind: 'no-quorum', itemsWithout: [], holding: 1 });
  });

  it('does not reject what it could not prove: two others that agree on everything', () => {
    // r2 is far off; r0 has the whole answer, and nobody else has.
    const copies = copiesOf('aaaaaaaaaa', 'aaaaaaaaax', 'xxxxxxxxxa');
    expect(verdictsOf(copies, { honestDisagreementPpm: 20_000 }).at(2)).toBe('undecided 9');
    expect(compare(copies, { honestDisagreementPpm: 20_000 }).kind).toBe('agreed');
  });

  it('has no answer where two answers have a quorum each', () => {
    expect(compare(copiesOf('a', 'b', 'a', 'b'))).toMatchObject({ kind: 'no-quorum', itemsWithout: [0] });
    expect(compare(copiesOf('a', 'b', 'a', 'b', 'a'))).toMatchObject({ kind: 'agreed', winner: 'r0' });
  });

  it('gives a provider one vote, however many copies it ran', () => {
    const copies = copiesOf('a', 'a', 'b').map((copy, i) => ({ ...copy, peerId: i < 2 ? 'p0' : 'p2' }));
    expect(compare(copies).kind).toBe('no-quorum');
  });

  it('takes a single copy as it is with a quorum of 1, and doubts two that differ', () => {
    expect(compare(copiesOf('ab'), { quorum: 1 })).toMatchObject({ kind: 'agreed', winner: 'r0' });
    expect(compare(copiesOf('ab', 'ax'), { quorum: 1 })).toMatchObject({ kind: 'no-quorum', itemsWithout: [1] });
  });

  it('finds nothing in no copies', () => {
    expect(compare([])).toEqual({ kind: 'no-quorum', itemsWithout: [], holding: 0, verdicts: [] });
  });

  it('refuses copies of different length', () => {
    expect(() => compare(copiesOf('ab', 'a'))).toThrow(RangeError);
  });

  it.each(['numeric', 'token-divergence'] as const)('refuses class %s, which hashes cannot compare', (verifier) => {
    expect(supportsReplication(verifier)).toBe(false);
    expect(() => compare(copiesOf('a', 'a'), { verifier })).toThrow(InfernetError);
  });

  const letters = fc.constantFrom('a', 'b', 'c');
  const copies = fc
    .tuple(fc.integer({ min: 1, max: 6 }), fc.integer({ min: 1, max: 7 }))
    .chain(([items, count]) =>
      fc.array(fc.array(letters, { minLength: items, maxLength: items }), { minLength: count, maxLength: count }),
    )
    .map((answers) => copiesOf(...answers.map((answer) => answer.join(''))));
  const rate = fc.integer({ min: 0, max: 500_000 });
  const quorum = fc.integer({ min: 1, max: 4 });

  it('does not depend on the order of the copies', () => {
    fc.assert(
      fc.property(copies, quorum, rate, fc.infiniteStream(fc.nat()), (list, needed, ppm, order) => {
        const shuffled = list
          .map((copy) => ({ copy, key: order.next().value ?? 0 }))
          .sort((a, b) => a.key - b.key)
          .map(({ copy }) => copy);
        const sorted = (of: readonly Copy[]) => {
          const outcome = compare(of, { quorum: needed, honestDisagreementPpm: ppm });
          return { ...outcome, verdicts: [...outcome.verdicts].sort((a, b) => (a.replicaId < b.replicaId ? -1 : 1)) };
        };
        expect(sorted(shuffled)).toEqual(sorted(list));
      }),
    );
  });

  it('gives every item an answer that a quorum gave, and never rejects or doubts who has it all', () => {
    fc.assert(
      fc.property(copies, quorum, rate, (list, needed, ppm) => {
        const outcome = compare(list, { quorum: needed, honestDisagreementPpm: ppm });
        if (outcome.kind === 'no-quorum') {
          expect(outcome.verdicts.every(({ verdict }) => verdict === 'undecided')).toBe(true);
          return;
        }
        const byId = new Map(list.map((copy) => [copy.replicaId, copy]));
        const answer = outcome.items.map((replicaId, item) => byId.get(replicaId)?.itemHashes[item]);
        for (const [item, hash] of answer.entries()) {
          expect(
            list.some((copy, i) => outcome.verdicts[i]?.verdict === 'accepted' && copy.itemHashes[item] === hash),
          ).toBe(true);
          expect(list.filter((copy) => copy.itemHashes[item] === hash).length).toBeGreaterThanOrEqual(needed);
        }
        for (const [i, { verdict, itemsWrong }] of outcome.verdicts.entries()) {
          const differing = list[i]?.itemHashes.filter((hash, item) => hash !== answer[item]).length;
          expect(itemsWrong).toBe(differing);
          if (differing === 0) expect(verdict).toBe('accepted');
          // I8: who is rejected is shown to differ from two others that agree on everything.
          if (verdict === 'rejected') expect(outcome.holders.length).toBeGreaterThanOrEqual(2);
        }
        const holding = list.filter((_, i) => outcome.verdicts[i]?.verdict === 'accepted');
        expect(new Set(holding.map(({ peerId }) => peerId)).size).toBeGreaterThanOrEqual(needed);
        for (const holder of outcome.holders) expect(byId.get(holder)?.itemHashes).toEqual(answer);
      }),
    );
  });

  it('asks for a tie-breaker exactly when one could help', () => {
    fc.assert(
      fc.property(copies, quorum, (list, needed) => {
        const before = compare(list, { quorum: needed });
        const settled = before.kind === 'agreed';
        const items = list[0]?.itemHashes.length ?? 0;
        // The best that a further copy could be: per item, each possible answer.
        const columns = Array.from({ length: items }, (_, item) =>
          list.map((copy) => ({ ...copy, itemHashes: copy.itemHashes.slice(item, item + 1) })),
        );
        const voices = columns.every((column) =>
          ['a', 'b', 'c'].some((letter) => {
            const further: Copy = { replicaId: 'r9', peerId: 'p9', itemHashes: [letter] };
            const after = compare([...column, further], { quorum: needed });
            return after.kind === 'agreed' || after.itemsWithout.length === 0;
          }),
        );
        const holding = before.kind === 'agreed' ? needed : before.holding;
        const isWhole = columns.every((column) => {
          const alone = compare(column, { quorum: needed });
          return alone.kind === 'agreed' || alone.itemsWithout.length === 0;
        });
        const helps = voices && (!isWhole || holding + 1 >= needed);
        expect(tieBreakNeeded({ quorum: needed, copies: list, outcome: before })).toBe(!settled && helps);
      }),
    );
  });
});
