import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { creditLimitOf } from './limits.ts';

const rules = {
  creditLimitMicro: '1000',
  creditLimitMaxMicro: '1500',
  creditEarnedPercent: 10,
  strangersPerHourMicro: '0',
};
const nothing = { receivedMicro: '0', givenMicro: '0', unpaidShownMicro: '0' };

describe('the credit of a client', () => {
  it.each([
    ['begins with what everybody has', nothing, '0', ['1000', '0', '0', '1000']],
    ['is never less than a shard to begin with', nothing, '1200', ['1200', '0', '0', '1200']],
    ['is not raised by vouchers alone', { ...nothing, receivedMicro: '9000' }, '0', ['1000', '0', '0', '1000']],
    ['is not raised by our own vouchers', { ...nothing, givenMicro: '9000' }, '0', ['1000', '0', '0', '1000']],
    [
      'grows by a share of the work done for work',
      { ...nothing, receivedMicro: '3000', givenMicro: '2009' },
      '0',
      ['1000', '200', '0', '1200'],
    ],
    [
      'stays below its maximum',
      { ...nothing, receivedMicro: '90000', givenMicro: '90000' },
      '0',
      ['1000', '500', '0', '1500'],
    ],
    [
      'is lowered by results that were seen and never paid',
      { ...nothing, unpaidShownMicro: '300' },
      '0',
      ['1000', '0', '300', '700'],
    ],
    ['falls to nothing, not below', { ...nothing, unpaidShownMicro: '3000' }, '0', ['1000', '0', '1000', '0']],
    [
      'forgives a tenth',
      { ...nothing, receivedMicro: '3000', unpaidShownMicro: '300' },
      '0',
      ['1000', '0', '0', '1000'],
    ],
  ])('%s', (_, dealings, shard, [baseMicro, earnedMicro, lostMicro, limitMicro]) => {
    expect(creditLimitOf(rules, dealings, shard)).toEqual({ baseMicro, earnedMicro, lostMicro, limitMicro });
  });

  it('is at most its maximum, or one shard, and adds up', () => {
    const amount = fc.bigInt({ min: 0n, max: 10n ** 23n }).map(String);
    fc.assert(
      fc.property(amount, amount, amount, amount, (receivedMicro, givenMicro, unpaidShownMicro, shard) => {
        const limit = creditLimitOf(rules, { receivedMicro, givenMicro, unpaidShownMicro }, shard);
        const most = BigInt(shard) > 1500n ? BigInt(shard) : 1500n;
        expect(BigInt(limit.limitMicro) <= most).toBe(true);
        expect(BigInt(limit.limitMicro)).toBe(
          BigInt(limit.baseMicro) + BigInt(limit.earnedMicro) - BigInt(limit.lostMicro),
        );
      }),
    );
  });
});
