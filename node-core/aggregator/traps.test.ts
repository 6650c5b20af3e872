import { describe, expect, it } from 'vitest';
import { Chance } from '../simulation/chance.ts';
import type { ClaimedAnswer } from '../verification/index.ts';
import type { AggregatorContext } from './context.ts';
import { drawTrap, isCaught, withoutTrap, withTrap } from './traps.ts';

const answer = (tokenIds: number[], given = 0): ClaimedAnswer => ({
  text: 'so',
  tokenIds,
  finish: 'stop',
  given,
  wasStopped: false,
});
const job = { job: { template: 't', model: null } } as Parameters<typeof drawTrap>[1];

function draws(claims: readonly ClaimedAnswer[], { streak = 0, trapPpm = 50_000, count = 200 } = {}) {
  const random = new Chance(7);
  const context = {
    checks: { standing: () => ({ streak, isSuspect: false }) },
    verification: { trapPpm },
    random,
  } as unknown as AggregatorContext;
  return Array.from({ length: count }, () => drawTrap(context, job, 'p', claims));
}

describe('a trap', () => {
  const claims = [answer([1, 2, 3, 0]), answer([4, 5, 6, 7, 0], 2), answer([8, 0])];

  it('is one wrong token of the provider’s own, never the last, and all else is as claimed', () => {
    for (const trap of draws(claims)) {
      if (trap === null) continue;
      const given = withTrap(claims, trap);
      const changed = given.flatMap(({ tokenIds }, item) =>
        tokenIds.flatMap((token, at) => (token === claims[item]?.tokenIds[at] ? [] : [{ item, at }])),
      );
      expect(changed).toEqual([{ item: trap.item, at: trap.at }]);
      const { tokenIds, given: before } = claims[trap.item] ?? answer([]);
      expect(trap.at).toBeGreaterThanOrEqual(before);
      expect(trap.at).toBeLessThan(tokenIds.length - 1);
      expect(withoutTrap(claims, trap)).toEqual(claims.filter((_, item) => item !== trap.item));
    }
    expect(withTrap(claims, undefined)).toEqual(claims);
    expect(withoutTrap(claims, undefined)).toEqual(claims);
  });

  it('is set for newcomers always, then more and more rarely, and not at all where the owner wants none', () => {
    const set = (options: Parameters<typeof draws>[1]) => draws(claims, options).filter((trap) => trap !== null).length;
    expect(set({})).toBeGreaterThan(190);
    expect(set({ streak: 9 })).toBeLessThan(50);
    expect(set({ streak: 1_000 })).toBeGreaterThan(0);
    expect(set({ trapPpm: 0 })).toBe(0);
  });

  it('is not where it would leave nothing to judge, or there is no other token', () => {
    expect(draws([answer([1, 2, 3, 0])]).every((trap) => trap === null)).toBe(true);
    expect(draws([answer([1, 2, 3, 0]), answer([5, 0], 2)]).every((trap) => trap === null)).toBe(true);
    expect(draws([answer([1, 1, 1]), answer([1, 1])]).every((trap) => trap === null)).toBe(true);
  });

  it('is seen by who finds a wrong token there or before', () => {
    const trap = { item: 1, at: 3, fromItem: 0, fromAt: 0 };
    const seen = (firstDisagreement: number | null) =>
      isCaught(trap, [
        { tokens: 4, agreed: 4, firstDisagreement: null, text: '', finish: 'stop' },
        { tokens: 5, agreed: 4, firstDisagreement, text: '', finish: 'stop' },
      ]);
    expect([seen(3), seen(2), seen(4), seen(null)]).toEqual([true, true, false, false]);
  });
});
