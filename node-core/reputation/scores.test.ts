import { describe, expect, it } from 'vitest';
import { decay, newStanding, scoreAt, weights } from './scores.ts';

const day = 24 * 3_600_000;
const start = 20_000 * day;

describe('scores', () => {
  it('put a stranger at one half', () => {
    expect(scoreAt(undefined, start).score).toBe(0.5);
    expect(scoreAt(newStanding(start), start).score).toBe(0.5);
  });

  it('follow the beta expectation with a prior of two outcomes on each side', () => {
    const standing = { ...newStanding(start), goodMilli: 6 * weights.good };
    expect(scoreAt(standing, start).score).toBe(8 / 10);
    standing.badMilli = weights.bad;
    expect(scoreAt(standing, start).score).toBe(8 / 20);
  });

  it('fade by half in thirty days, towards not knowing', () => {
    const standing = { ...newStanding(start), goodMilli: 1_000_000 };
    decay(standing, start + 30 * day);
    expect(standing.goodMilli).toBeGreaterThan(499_000);
    expect(standing.goodMilli).toBeLessThan(501_000);
    expect(scoreAt(standing, start + 2_000 * day).score).toBe(0.5);
  });

  it('fade alike in one step and in many, and not at all when the clock goes back', () => {
    const once = { ...newStanding(start), goodMilli: 123_456, badMilli: 654_321 };
    const often = { ...once };
    for (let i = 1; i <= 40; i++) decay(often, start + i * day);
    decay(once, start + 40 * day);
    expect(often).toEqual(once);
    decay(often, start);
    expect(often).toEqual(once);
    expect(scoreAt(often, start)).toEqual(scoreAt(once, start + 40 * day));
  });
});
