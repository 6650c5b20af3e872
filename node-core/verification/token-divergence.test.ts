import { describe, expect, it } from 'vitest';
import type { TokenCheck } from '../ports/index.ts';
import { nothingGathered } from './sequential.ts';
import { type ClaimedAnswer, judgeTokens, tokenCheckFault } from './token-divergence.ts';

const claim: ClaimedAnswer = {
  text: 'abc',
  tokenIds: [...Array(100).keys()],
  finish: 'stop',
  given: 0,
  wasStopped: false,
};
const check: TokenCheck = { tokens: 100, agreed: 100, firstDisagreement: null, text: 'abc', finish: 'stop' };
const expected = { honestDisagreementPpm: 1000, thresholdPpm: 980_000 };
const judge = (claims: ClaimedAnswer[], checks: TokenCheck[], gathered = nothingGathered) =>
  judgeTokens({ claims, checks, expected, gathered, falseAlarmPpm: 100 });
const wrong = (count: number): TokenCheck => ({ ...check, agreed: 100 - count, firstDisagreement: 3 });

describe('claimed tokens', () => {
  it('agree when the checker would have chosen them, nearly all', () => {
    expect(judge([claim], [check])).toEqual({
      verdict: 'agrees',
      tokens: 100,
      agreed: 100,
      contradictions: [],
      gathered: nothingGathered,
    });
    expect(judge([claim], [wrong(1)]).verdict).toBe('agrees');
  });

  it('differ below the threshold, and are bad when honesty does not explain what was gathered', () => {
    const first = judge([claim], [wrong(3)]);
    expect(first.verdict).toBe('differs');
    const second = judge([claim], [wrong(3)], first.gathered);
    expect(second.verdict).toBe('bad');
    expect(judge([claim], [wrong(40)]).verdict).toBe('bad');
    // One in a hundred, time and again: above the threshold each time, and ten times the honest rate.
    let last = judge([claim], [wrong(1)]);
    for (let i = 0; i < 12 && last.verdict !== 'bad'; i++) last = judge([claim], [wrong(1)], last.gathered);
    expect(last.verdict).toBe('bad');
  });

  it('lie when the text is another, or the end is none', () => {
    expect(judge([claim, { ...claim, text: 'Buy!' }], [check, check])).toMatchObject({
      verdict: 'contradicted',
      contradictions: [{ item: 1, kind: 'text' }],
    });
    const open: TokenCheck = { ...check, finish: 'open' };
    expect(judge([claim], [open])).toMatchObject({ verdict: 'contradicted', contradictions: [{ kind: 'end' }] });
    expect(judge([{ ...claim, finish: 'stopped' }], [open]).verdict).toBe('contradicted');
    expect(judge([{ ...claim, finish: 'stopped', wasStopped: true }], [open]).verdict).toBe('agrees');
    expect(judge([{ ...claim, finish: 'length' }], [open])).toMatchObject({
      verdict: 'agrees',
      contradictions: [{ item: 0, kind: 'cut-short' }],
    });
    expect(judge([{ ...claim, finish: 'length' }], [{ ...check, finish: 'length' }]).contradictions).toEqual([]);
  });

  it('count without what was given', () => {
    const given = { ...claim, given: 60 };
    expect(judge([given], [{ ...check, tokens: 40, agreed: 40 }])).toMatchObject({ tokens: 40, verdict: 'agrees' });
    expect(() => judge([given], [check])).toThrow(RangeError);
  });
});

describe('a checker’s answer', () => {
  it.each<[string, TokenCheck[], RegExp]>([
    ['too few', [], /0 checks for 1/],
    ['other tokens', [{ ...check, tokens: 99 }], /is of 99 tokens, 100 were claimed/],
    ['more agreed than there are', [{ ...check, agreed: 101 }], /contradicts itself/],
    ['disagreement without a place', [{ ...check, agreed: 99 }], /contradicts itself/],
    ['a place without disagreement', [{ ...check, firstDisagreement: 1 }], /contradicts itself/],
    ['a place outside', [{ ...check, agreed: 9, firstDisagreement: 100 }], /contradicts itself/],
  ])('is refused with %s', (_, checks, message) => {
    expect(tokenCheckFault([claim], checks)).toMatch(message);
  });
});
