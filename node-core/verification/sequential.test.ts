import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type Counted,
  type DisagreementTest,
  disagreementTest,
  exceedsHonest,
  type Gathered,
  gather,
  nothingGathered,
} from './sequential.ts';

/** xorshift32: a seed gives the same simulation everywhere. */
function chanceOf(seed: number): () => number {
  let state = seed | 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}

function draw(chance: () => number, compared: number, ppm: number): Counted {
  let differed = 0;
  for (let i = 0; i < compared; i++) if (chance() * 1e6 < ppm) differed++;
  return { compared, differed };
}

/** Checks until the alarm; null when there is none. */
function checksUntilAlarm(test: DisagreementTest, checks: number, next: (check: number) => Counted): number | null {
  let gathered: Gathered = nothingGathered;
  for (let check = 1; check <= checks; check++) {
    gathered = gather(test, gathered, next(check));
    if (exceedsHonest(test, gathered)) return check;
  }
  return null;
}

const all = (tests: DisagreementTest, checks: Counted[]) =>
  checks.reduce<Gathered>((gathered, counted) => gather(tests, gathered, counted), nothingGathered);

describe('honest providers', () => {
  it.each([
    [10_000, 10, 1000],
    [10_000, 10, 100],
    [5000, 10, 1000],
    [20_000, 1, 1000],
    [100_000, 10, 1000],
    [300_000, 10, 1000],
    [1000, 300, 1000],
  ])(
    'that differ on exactly %i per million, %i at a time, stay below %i alarms in a million checks',
    (ppm, compared, falseAlarmPpm) => {
      const test = disagreementTest({ honestPpm: ppm, falseAlarmPpm });
      const [providers, checks] = [300, 200];
      let alarms = 0;
      for (let provider = 0; provider < providers; provider++) {
        const chance = chanceOf(0x9e37_79b9 * (provider + 1));
        if (checksUntilAlarm(test, checks, () => draw(chance, compared, ppm)) !== null) alarms++;
      }
      // The bound is on the expectation; the measured rate lies at a fifth of it or lower, so this is no matter of luck.
      expect(alarms / (providers * checks)).toBeLessThan((falseAlarmPpm / 1e6) * 0.5);
    },
  );

  it('are not accused however many items a check has', () => {
    const test = disagreementTest({ honestPpm: 10_000, falseAlarmPpm: 100 });
    const chance = chanceOf(77);
    expect(checksUntilAlarm(test, 50, (check) => draw(chance, check * 50, 10_000))).toBeNull();
  });
});

describe('others', () => {
  // [honest, real, items a check, checks until nine of ten are found]
  it.each([
    [10_000, 1_000_000, 10, 1],
    [10_000, 330_000, 10, 5],
    [10_000, 90_000, 10, 22],
    [5000, 90_000, 10, 15],
    [1000, 115_000, 50, 3],
    [1000, 9000, 280, 9],
    [0, 10_000, 10, 30],
  ])(
    'with an honest rate of %i and a real one of %i, %i items a check, are found within %i checks',
    (honestPpm, ppm, compared, within) => {
      const test = disagreementTest({ honestPpm, falseAlarmPpm: 100 });
      const found = Array.from({ length: 400 }, (_, seed) => {
        const chance = chanceOf(seed * 7919 + 13);
        return checksUntilAlarm(test, 400, () => draw(chance, compared, ppm)) ?? Number.POSITIVE_INFINITY;
      }).sort((a, b) => a - b);
      expect(found[360]).toBeLessThanOrEqual(within);
    },
  );

  it('get no credit for having been honest', () => {
    const test = disagreementTest({ honestPpm: 10_000, falseAlarmPpm: 100 });
    const chance = chanceOf(5);
    const fresh = checksUntilAlarm(test, 100, () => draw(chance, 10, 330_000));
    const again = chanceOf(5);
    const sleeper = checksUntilAlarm(test, 1100, (check) =>
      check <= 1000 ? { compared: 10, differed: 0 } : draw(again, 10, 330_000),
    );
    expect(fresh).not.toBeNull();
    expect((sleeper ?? 0) - 1000).toBe(fresh);
  });
});

describe('the sum', () => {
  const counted = fc
    .tuple(fc.nat(50), fc.nat(50))
    .map(([agreed, differed]): Counted => ({ compared: agreed + differed, differed }));
  const test = disagreementTest({ honestPpm: 10_000, falseAlarmPpm: 100 });

  it('never falls below 0, and forgets what it rested on when it is 0', () => {
    fc.assert(
      fc.property(fc.array(counted, { maxLength: 30 }), (checks) => {
        const gathered = all(test, checks);
        expect(gathered.evidenceMicro.every((sum) => Number.isSafeInteger(sum) && sum >= 0)).toBe(true);
        if (gathered.evidenceMicro.every((sum) => sum === 0)) expect(gathered).toEqual(nothingGathered);
        expect(gathered.differed).toBeLessThanOrEqual(gathered.compared);
      }),
    );
  });

  it('rises with every difference', () => {
    fc.assert(
      fc.property(fc.array(counted, { maxLength: 10 }), counted, (checks, { compared, differed }) => {
        fc.pre(differed < compared);
        const before = all(test, checks);
        const less = gather(test, before, { compared, differed });
        const more = gather(test, before, { compared, differed: differed + 1 });
        more.evidenceMicro.forEach((sum, i) => {
          expect(sum).toBeGreaterThanOrEqual(less.evidenceMicro[i] ?? 0);
        });
        if (exceedsHonest(test, less)) expect(exceedsHonest(test, more)).toBe(true);
      }),
    );
  });

  it('stays what it is as JSON, is bounded, and survives a template with other rates', () => {
    const full = Array.from({ length: 5000 }, () => ({ compared: 65_536_000, differed: 65_536_000 }));
    const gathered = all(test, full);
    expect(JSON.parse(JSON.stringify(gathered))).toEqual(gathered);
    expect(gathered.evidenceMicro.every(Number.isSafeInteger)).toBe(true);
    const fewer = disagreementTest({ honestPpm: 10_000, falseAlarmPpm: 100, ratesPpm: [500_000] });
    expect(gather(fewer, gathered, { compared: 1, differed: 0 }).evidenceMicro).toHaveLength(1);
    expect(
      gather(test, { evidenceMicro: [5], compared: 1, differed: 1 }, { compared: 1, differed: 1 }).evidenceMicro,
    ).toHaveLength(3);
  });

  it('decides at the first difference where none is honest', () => {
    const strict = disagreementTest({ honestPpm: 0, falseAlarmPpm: 100 });
    expect(exceedsHonest(strict, all(strict, [{ compared: 1000, differed: 0 }]))).toBe(false);
    expect(exceedsHonest(strict, all(strict, [{ compared: 1, differed: 1 }]))).toBe(true);
  });

  it('refuses what cannot be', () => {
    expect(() => gather(test, nothingGathered, { compared: 1, differed: 2 })).toThrow(RangeError);
    expect(() => gather(test, nothingGathered, { compared: 1, differed: -1 })).toThrow(RangeError);
    expect(() => disagreementTest({ honestPpm: 1_000_000, falseAlarmPpm: 1 })).toThrow(RangeError);
    expect(() => disagreementTest({ honestPpm: 5, falseAlarmPpm: 1, ratesPpm: [5] })).toThrow(RangeError);
    expect(() => disagreementTest({ honestPpm: 5, falseAlarmPpm: 0 })).toThrow(RangeError);
  });
});
