import { describe, expect, it } from 'vitest';
import type { Journal } from '../journal/index.ts';
import type { LogEntry, NodeEvent } from '../protocol/index.ts';
import { Chance } from '../simulation/chance.ts';
import { NodeClock, VirtualTime } from '../simulation/clock.ts';
import { Checks, type ChecksState, checksProjection } from './checks.ts';

const exclusionMs = 1_000_000;

/** A log of checks of one provider, ten items each. */
function book(falseAlarmPpm = 10) {
  const time = new VirtualTime();
  const clock = new NodeClock(time);
  let state: ChecksState = checksProjection.initial();
  const log: LogEntry[] = [];
  const journal = {
    register: () => ({
      get state() {
        return state;
      },
    }),
  } as unknown as Journal;
  const checks = new Checks({ journal, clock, config: { falseAlarmPpm, exclusionMs } });
  const subject = { provider: 'p', template: 't', model: null, unit: 'items', honestPpm: 10_000 } as const;
  return {
    checks,
    log,
    /** @returns the types of the events. */
    check(differed: number, ok = true, compared = 10): string[] {
      return this.commit(checks.record([{ ...subject, replicaId: 'r', compared, differed, ok }]));
    },
    /** It gave another answer than these, on all of ten items. */
    outvoted(provider: string, witnesses: string[], replicaId = `r${log.length}`): string[] {
      const counted = { compared: 10, differed: 10, ok: false };
      return this.commit(checks.record([{ ...subject, provider, replicaId, witnesses, ...counted }]));
    },
    commit(events: readonly NodeEvent[]): string[] {
      for (const event of events) {
        const entry = { seq: log.length + 1, at: clock.now(), event };
        log.push(entry);
        checksProjection.apply(state, entry);
      }
      return events.map(({ type }) => type);
    },
    standing: () => checks.standing(subject),
    isExplained: (differed: number) => checks.isExplained(subject, { compared: 10, differed }),
    replay() {
      const again = checksProjection.initial();
      for (const entry of log) checksProjection.apply(again, entry);
      expect(again).toEqual(state);
      state = structuredClone(again);
    },
    pass: (ms: number) => time.skipTo(time.elapsed + ms),
  };
}

describe('checks', () => {
  it('make a streak, which a bad one ends', () => {
    const b = book();
    expect(b.standing()).toEqual({ streak: 0, isSuspect: false });
    for (let i = 0; i < 12; i++) b.check(0);
    b.check(1);
    expect(b.standing()).toEqual({ streak: 13, isSuspect: false });
    b.check(10, false);
    expect(b.standing()).toEqual({ streak: 0, isSuspect: true });
    b.replay();
    expect(b.standing().isSuspect).toBe(true);
  });

  it('exclude after the third bad one, and no sooner, until the time is over', () => {
    const b = book();
    expect(b.check(10, false)).toEqual(['check.recorded']);
    expect(b.check(10, false)).toEqual(['check.recorded']);
    expect(b.isExplained(0)).toBe(true);
    expect(b.isExplained(5)).toBe(false);
    expect(b.check(10, false)).toEqual(['check.recorded', 'peer.excluded']);
    expect([b.checks.isExcluded('p'), b.checks.excluded()]).toEqual([true, ['p']]);
    b.replay();
    b.pass(exclusionMs - 1);
    expect(b.checks.isExcluded('p')).toBe(true);
    b.pass(1);
    expect(b.standing()).toEqual({ streak: 0, isSuspect: false });
  });

  it.each([0.12, 0.2, 0.35])('exclude who differs on %d of the items, within 20 checked shards', (rate) => {
    const counts = Array.from({ length: 100 }, (_, seed) => {
      const chance = new Chance(seed);
      const b = book();
      let shards = 0;
      while (!b.checks.isExcluded('p')) {
        shards++;
        b.check(Array.from({ length: 10 }, () => chance.happens(rate)).filter(Boolean).length);
      }
      return shards;
    });
    const most = counts.sort((a, b) => a - b)[rate < 0.2 ? 49 : 99];
    expect(most).toBeLessThanOrEqual(20);
  });

  it('exclude nobody who differs as honest ones do', () => {
    for (let seed = 0; seed < 20; seed++) {
      const chance = new Chance(seed);
      const b = book();
      for (let i = 0; i < 1000; i++)
        b.check(Array.from({ length: 10 }, () => chance.happens(0.01)).filter(Boolean).length);
      expect(b.checks.isExcluded('p')).toBe(false);
    }
  });

  describe('of whom it turns out that they cheat', () => {
    it('lose their weight: who was excluded by them is readmitted, and begins with what is left', () => {
      const b = book();
      b.outvoted('p', ['liar', 'other']);
      b.outvoted('p', ['liar', 'third']);
      expect(b.outvoted('p', ['a', 'b'])).toEqual(['check.recorded', 'peer.excluded']);
      expect(b.checks.exclusionOf('p')).toMatchObject({
        differed: 30,
        witnesses: ['a', 'b', 'liar', 'other', 'third'],
      });
      b.outvoted('liar', ['a', 'b']);
      b.outvoted('liar', ['b', 'c']);
      expect(b.outvoted('liar', ['a', 'c'])).toEqual([
        'check.recorded',
        'peer.excluded',
        'check.voided',
        'check.voided',
        'peer.readmitted',
      ]);
      expect([b.checks.excluded(), b.checks.exclusionOf('p')]).toEqual([['liar'], null]);
      expect(b.checks.gathered({ provider: 'p', template: 't', model: null, unit: 'items' })).toMatchObject({
        differed: 10,
      });
      expect(b.standing()).toEqual({ streak: 0, isSuspect: true });
      b.replay();
      // Two more, and it is again.
      b.outvoted('p', ['a', 'c']);
      expect(b.outvoted('p', ['b', 'c'])).toContain('peer.excluded');
      b.replay();
    });

    it('exclude nobody while as much speaks against them; the word of others does', () => {
      const b = book();
      for (const liar of ['liar', 'second', 'third']) b.outvoted(liar, ['a', 'b']);
      // A ring against who is honest, before it is found out.
      b.outvoted('p', ['liar', 'second']);
      b.outvoted('p', ['second', 'third']);
      expect(b.outvoted('p', ['liar', 'third'])).toEqual(['check.recorded']);
      expect(b.standing()).toMatchObject({ streak: 0, isSuspect: true });
      b.replay();
      // A cheater wins one check by having one of those who outvote it accused.
      b.outvoted('a', ['liar', 'second']);
      b.outvoted('liar', ['b', 'c']);
      expect(b.outvoted('liar', ['b', 'd'])).toEqual(['check.recorded']);
      expect(b.outvoted('liar', ['c', 'd'])).toContain('peer.excluded');
      // Those without a stain are heard at once.
      b.outvoted('p', ['c', 'd']);
      b.outvoted('p', ['c', 'e']);
      expect(b.outvoted('p', ['d', 'e'])).toContain('peer.excluded');
      b.replay();
    });

    it('lose it also while nobody is excluded by them', () => {
      const b = book();
      b.outvoted('p', ['liar', 'other']);
      expect(b.standing().isSuspect).toBe(true);
      for (const two of [
        ['a', 'b'],
        ['a', 'c'],
        ['b', 'c'],
      ])
        b.outvoted('liar', two);
      expect(b.standing().isSuspect).toBe(false);
      expect(b.outvoted('p', ['liar', 'other'])).toEqual(['check.recorded', 'check.voided']);
      expect(b.standing().isSuspect).toBe(false);
      b.replay();
    });

    it('keep it where two others said the same, or it is nobody’s word', () => {
      const b = book();
      b.outvoted('p', ['a', 'b', 'liar']);
      b.outvoted('p', []);
      for (const two of [
        ['a', 'b'],
        ['a', 'c'],
        ['b', 'c'],
      ])
        b.outvoted('liar', two);
      expect(b.checks.gathered({ provider: 'p', template: 't', model: null, unit: 'items' })).toMatchObject({
        differed: 20,
      });
    });

    it('is the same to the byte from a snapshot, whatever comes when', () => {
      for (let seed = 0; seed < 30; seed++) {
        const chance = new Chance(seed);
        const b = book();
        const all = ['p', 'q', 'r', 's', 't', 'u'];
        for (let i = 0; i < 60; i++) {
          const [provider = 'p', ...witnesses] = [...all].sort(() => chance.fraction() - 0.5).slice(0, 3);
          b.outvoted(provider, witnesses);
          if (i % 20 === 19) b.replay();
        }
        b.replay();
      }
    });
  });
});
