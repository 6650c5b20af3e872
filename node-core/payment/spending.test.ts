import { describe, expect, it } from 'vitest';
import { cappedBy, leftOf, nextDay, noSpending, spendOn, spentOn } from './spending.ts';

const day = 24 * 3_600_000;
const outlay = (spent: number, reserved: number) => ({ spentMicro: String(spent), reservedMicro: String(reserved) });

describe('spending', () => {
  it('is counted by day and peer, and begins anew at midnight UTC', () => {
    const spending = noSpending();
    spendOn(spending, 5 * day, 'a', '10');
    spendOn(spending, 6 * day - 1, 'b', '5');
    expect([null, 'a', 'b', 'c'].map((peer) => spentOn(spending, 6 * day - 1, peer))).toEqual(['15', '10', '5', '0']);
    expect(spentOn(spending, 6 * day, null)).toBe('0');
    expect(nextDay(5 * day)).toBe(6 * day);
    spendOn(spending, 6 * day, 'a', '1');
    expect(spending).toEqual({ day: 6, spentMicro: '1', byPeer: { a: '1' } });
    // A clock that was set back gives nothing anew.
    spendOn(spending, 5 * day, 'a', '2');
    expect(spentOn(spending, 5 * day, null)).toBe('3');
  });

  it.each([
    ['no cap', null, outlay(1e9, 0), '1', null],
    ['room', '100', outlay(50, 40), '10', null],
    ['what is reserved counts, and may come back at any moment', '100', outlay(50, 45), '10', 3 * day + 7],
    ['what is spent comes back tomorrow', '100', outlay(95, 0), '10', 4 * day],
    ['more than the cap never fits', '100', outlay(0, 0), '101', 'never'],
  ])('%s', (_, max, spent, price, freeAt) => {
    const capped = cappedBy(max, 'the cap', spent, price, 3 * day + 7);
    if (freeAt === null) expect(capped).toBe(null);
    else
      expect(capped).toMatchObject({
        freeAt: freeAt === 'never' ? null : freeAt,
        message: expect.stringMatching(/^the cap of 100 /),
      });
  });

  it('leaves nothing, and not less, when a cap is lowered below what is out', () => {
    expect(leftOf('10', outlay(50, 40))).toBe('0');
  });
});
