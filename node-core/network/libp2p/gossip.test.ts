import { afterEach, describe, expect, it, vi } from 'vitest';
import { Standings } from './gossip.ts';

afterEach(() => {
  vi.useRealTimers();
});

describe('standings', () => {
  it('fall with each rejected message and are forgiven in time', () => {
    vi.useFakeTimers({ now: 0 });
    const standings = new Standings();
    expect(standings.scoreOf('a')).toBeCloseTo(0);
    for (let i = 0; i < 3; i++) standings.rejected('a');
    expect(standings.scoreOf('a')).toBeCloseTo(-12);
    expect(standings.scoreOf('b')).toBeCloseTo(0);
    vi.setSystemTime(60_000);
    expect(standings.scoreOf('a')).toBeCloseTo(-6);
    standings.rejected('a');
    expect(standings.scoreOf('a')).toBeCloseTo(-10);
    vi.setSystemTime(20 * 60_000);
    expect(standings.scoreOf('a')).toBeCloseTo(0);
  });

  it('are kept for a bounded number of peers', () => {
    const standings = new Standings();
    for (let i = 0; i < 1_001; i++) standings.rejected(`peer ${i}`);
    expect(standings.scoreOf('peer 0')).toBeCloseTo(0);
    expect(standings.scoreOf('peer 1000')).toBeLessThan(-3);
  });
});
