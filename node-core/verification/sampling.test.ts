import { describe, expect, it } from 'vitest';
import { auditChancePpm, isDrawn } from './sampling.ts';

const adaptive = { type: 'adaptive', streak: 10, floorPpm: 20_000, tieBreakers: 3 } as const;
const sample = { type: 'sample', ratePpm: 50_000, tieBreakers: 3 } as const;

describe('the chance of an audit', () => {
  it.each([
    [0, 1_000_000],
    [9, 1_000_000],
    [10, 100_000],
    [40, 25_000],
    [1000, 20_000],
  ])('after %i good checks is %i per million, if adaptive', (streak, ppm) => {
    expect(auditChancePpm(adaptive, { streak, isSuspect: false })).toBe(ppm);
  });

  it('is what was asked for, if sampled', () => {
    expect(auditChancePpm(sample, { streak: 0, isSuspect: false })).toBe(50_000);
  });

  it('is certain for who is suspect', () => {
    for (const policy of [adaptive, sample])
      expect(auditChancePpm(policy, { streak: 1000, isSuspect: true })).toBe(1_000_000);
  });
});

it('is drawn as often as the chance says, never at 0 and always at a million', () => {
  const of = (...bytes: number[]) => Uint8Array.from(bytes);
  expect(isDrawn(0, of(0, 0, 0, 0, 0, 0))).toBe(false);
  expect(isDrawn(1_000_000, of(255, 255, 255, 255, 255, 255))).toBe(true);
  expect(isDrawn(500_000, of(127, 255, 255, 255, 255, 255))).toBe(true);
  expect(isDrawn(500_000, of(128, 0, 0, 0, 0, 0))).toBe(false);
});
