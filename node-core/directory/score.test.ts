import { describe, expect, it } from 'vitest';
import { priceOf } from '../protocol/index.ts';
import { type Facts, rank } from './score.ts';
import { hardware, model, offer, seededRandom, template, testCid } from './testing.ts';
import type { FitQuery } from './types.ts';

const query: FitQuery = { template, model, items: 10 };
const options = { goneMs: 25_000, price: (each: typeof offer) => Number(priceOf(each.price, query.items)) };

function facts(peerId: string, change: Partial<Facts> = {}): Facts {
  return {
    peerId,
    offers: [offer],
    hardware,
    liveness: 'heard',
    silentMs: 1000,
    nextMs: 12_000,
    load: { running: 0, queued: 0, queueMax: 63, warm: [model] },
    reputation: 1,
    inFlight: 0,
    ...change,
  };
}

const only = (fact: Facts, asked = query) => rank([fact], asked, options, 10)[0];
const terms = (fact: Facts) => only(fact)?.terms ?? {};

describe('rank', () => {
  it('gives 1 to a provider that is the best in everything', () => {
    expect(only(facts('a'))).toEqual({
      peerId: 'a',
      offer,
      score: 1,
      terms: { fits: 1, liveness: 1, load: 1, speed: 1, warm: 1, reputation: 1, price: 1, share: 1 },
    });
  });

  it('puts whom the owner favours before others, unless they are much better', () => {
    const favoured = new Set(['a']);
    const order = (reputation: number) =>
      rank([facts('a', { reputation }), facts('b')], query, { ...options, favoured }, 10);
    expect(order(0.3).map(({ peerId, terms }) => [peerId, terms['favoured']])).toEqual([
      ['a', 1],
      ['b', 0.25],
    ]);
    expect(order(0.2).map(({ peerId }) => peerId)).toEqual(['b', 'a']);
  });

  it('has no candidate that lacks what is asked for', () => {
    const out = (fact: Partial<Facts>, asked: Partial<FitQuery> = {}) =>
      rank([facts('a', fact)], { ...query, ...asked }, options, 10);
    expect(out({})).toHaveLength(1);
    expect(out({}, { template: testCid('other') })).toEqual([]);
    expect(out({}, { model: testCid('other') })).toEqual([]);
    expect(out({}, { model: null })).toEqual([]);
    expect(out({}, { items: 101 })).toEqual([]);
    expect(out({ liveness: 'gone' })).toEqual([]);
    expect(out({}, { requirements: { memoryBytes: 16 * 2 ** 30 } })).toHaveLength(1);
    expect(out({}, { requirements: { memoryBytes: 16 * 2 ** 30 + 1 } })).toEqual([]);
    expect(out({}, { requirements: { tier: 'gpu-8g' } })).toEqual([]);
    expect(out({ hardware: { ...hardware, tier: 'gpu-16g' } }, { requirements: { tier: 'gpu-8g' } })).toHaveLength(1);
    expect(out({ hardware: null }, { requirements: { tier: 'cpu' } })).toEqual([]);
  });

  it('counts on who is late less and less, and on who was never heard least', () => {
    const liveness = (change: Partial<Facts>) => terms(facts('a', change))['liveness'];
    expect(liveness({ liveness: 'connected', silentMs: 90_000 })).toBe(1);
    expect(liveness({ silentMs: 12_000 })).toBe(1);
    expect(liveness({ silentMs: 18_500 })).toBeCloseTo(0.625);
    expect(liveness({ silentMs: 25_000 })).toBe(0.25);
    expect(liveness({ liveness: 'unproven', silentMs: null, nextMs: null })).toBe(0.25);
  });

  it('prefers the idle, and is neutral about unknown load', () => {
    const load = (value: Facts['load']) => terms(facts('a', { load: value }))['load'];
    expect(load({ running: 1, queued: 15, queueMax: 62 })).toBe(0.75);
    expect(load({ running: 1, queued: 1000, queueMax: 62 })).toBeCloseTo(1 / 64);
    expect(load({ running: 0, queued: 0, queueMax: 0 })).toBe(1);
    expect(load(null)).toBe(0.5);
  });

  it('compares speed with the fastest, price with the cheapest, and is neutral about what was not measured', () => {
    const slow = facts('slow', { offers: [{ ...offer, tokensPerSecondMilli: 250_000 }] });
    const unmeasured = facts('unmeasured', { offers: [{ ...offer, tokensPerSecondMilli: 0 }] });
    const dear = facts('dear', { offers: [{ ...offer, price: { shardMicro: '7003', itemMicro: '100' } }] });
    const free = facts('free', { offers: [{ ...offer, price: { shardMicro: '0', itemMicro: '0' } }] });
    const byId = (list: Facts[]) => new Map(rank(list, query, options, 10).map((each) => [each.peerId, each.terms]));
    const ranked = byId([facts('a'), slow, unmeasured, dear]);
    expect(ranked.get('slow')?.['speed']).toBe(0.25);
    expect(ranked.get('unmeasured')?.['speed']).toBe(0.5);
    expect(ranked.get('dear')?.['price']).toBe(0.25);
    expect(byId([facts('a'), free]).get('a')?.['price']).toBe(0.001);
    expect(byId([facts('a'), free]).get('free')?.['price']).toBe(1);
  });

  it('prefers a model that is in memory, where there is one', () => {
    const idle = { running: 0, queued: 0, queueMax: 64 };
    const warm = (load: Facts['load']) => terms(facts('a', { load }))['warm'];
    expect(warm({ ...idle, warm: [testCid('other'), offer.model ?? ''] })).toBe(1);
    expect(warm({ ...idle, warm: [testCid('other')] })).toBe(0.8);
    expect(warm(idle)).toBe(0.9);
    expect(warm(null)).toBe(0.9);
    const plain = facts('a', { offers: [{ ...offer, model: null }], load: { ...idle, warm: [] } });
    expect(only(plain, { ...query, model: null })?.terms['warm']).toBe(1);
  });

  it('spreads work, and follows reputation', () => {
    expect(terms(facts('a', { inFlight: 3 }))['share']).toBe(0.25);
    expect(terms(facts('a', { reputation: 0.4 }))['reputation']).toBe(0.4);
    expect(terms(facts('a', { reputation: 0 }))['reputation']).toBe(0.001);
    expect(terms(facts('a', { reputation: 2 }))['reputation']).toBe(1);
  });

  it('takes the cheapest of several offers that fit', () => {
    const cheap = { ...offer, price: { shardMicro: '1', itemMicro: '1' } };
    const other = { ...offer, model: testCid('other'), price: { shardMicro: '0', itemMicro: '0' } };
    expect(only(facts('a', { offers: [offer, other, cheap] }))?.offer).toBe(cheap);
  });

  it('has scores that are the product of their terms, in one order whatever the order of the facts', () => {
    const list = ['d', 'b', 'a', 'c'].map((id) => facts(id, id === 'd' ? {} : { inFlight: 1, reputation: 0.7 }));
    const ranked = rank(list, query, options, 10);
    expect(ranked.map(({ peerId }) => peerId)).toEqual(['d', 'a', 'b', 'c']);
    expect(rank([...list].reverse(), query, options, 10)).toEqual(ranked);
    for (const { score, terms: named } of ranked) {
      expect(score).toBeCloseTo(
        Object.values(named).reduce((product, each) => product * each, 1),
        12,
      );
      for (const each of Object.values(named)) expect(each > 0 && each <= 1).toBe(true);
    }
  });

  it('gives the first of all when fewer are asked for', () => {
    const random = seededRandom(5);
    const list = Array.from({ length: 300 }, (_, i) =>
      facts(`p${i}`, { reputation: Math.round(random.fraction() * 20) / 20, inFlight: i % 3 }),
    );
    const all = rank(list, query, options, 300);
    expect(all).toHaveLength(300);
    const sorted = [...all].sort((a, b) => b.score - a.score || (a.peerId < b.peerId ? -1 : 1));
    expect(all).toEqual(sorted);
    expect(rank(list, query, options, 7)).toEqual(all.slice(0, 7));
    expect(rank(list, query, options, 0)).toEqual([]);
  });
});
