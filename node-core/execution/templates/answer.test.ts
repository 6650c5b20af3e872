/** How the shipped runners turn tokens into text and choose them: pure parts of resources/templates/lib. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Answer } from '../../../resources/templates/lib/answer.mjs';
import { agrees, choose } from '../../../resources/templates/lib/sampler.mjs';

type Model = ConstructorParameters<typeof Answer>[0];
type Token = Answer['tokenIds'][number];

/** A tokenizer of bytes: each token is one, so that characters lie in several. 256 ends. */
const end = 256;
const bytes: Pick<Model, 'detokenize' | 'isEogToken'> = {
  detokenize: (tokens, _special, before = []) => {
    const decode = (list: readonly number[]) => new TextDecoder().decode(Uint8Array.from(list));
    return decode([...before, ...tokens]).slice(decode(before).length);
  },
  isEogToken: (token) => token === end,
};
// The two methods are all of a model that an answer asks for.
const answerOf = (stop: readonly string[], tokensMax: number) => new Answer(bytes as Model, stop, tokensMax);
const tokensOf = (text: string) => [...new TextEncoder().encode(text)] as Token[];

function grow(tokens: readonly Token[], stop: readonly string[], tokensMax: number) {
  const answer = answerOf(stop, tokensMax);
  let shown = '';
  for (const token of tokens) {
    answer.push(token);
    shown += answer.takeText();
    if (answer.finish !== null) break;
  }
  if (answer.finish === null) answer.end('stopped');
  return { answer, shown: shown + answer.takeText() };
}

describe('an answer', () => {
  const text = fc.string({ unit: fc.constantFrom('a', 'b', 'é', '€', '🦊', ' '), maxLength: 40 });
  const stops = fc.array(fc.string({ unit: fc.constantFrom('a', 'b', 'é', '🦊'), minLength: 1, maxLength: 4 }), {
    maxLength: 3,
  });

  it('ends before the first stop text, and shows all of the text before it and nothing else', () => {
    fc.assert(
      fc.property(text, stops, (whole, stop) => {
        const { answer, shown } = grow(tokensOf(whole), stop, 1000);
        expect(shown).toBe(answer.text);
        const ends = stop.map((one) => whole.indexOf(one)).filter((at) => at >= 0);
        if (ends.length === 0) expect(answer.text).toBe(whole);
        else expect(stop.some((one) => whole.startsWith(answer.text + one))).toBe(true);
        expect(stop.some((one) => answer.text.includes(one))).toBe(false);
        expect(answer.finish).toBe(ends.length === 0 ? 'stopped' : 'stop');
      }),
      { numRuns: 500 },
    );
  });

  it('has the same text whether it is looked at or not, also when cut within a character', () => {
    fc.assert(
      fc.property(text, stops, fc.integer({ min: 1, max: 50 }), (whole, stop, tokensMax) => {
        const { answer, shown } = grow(tokensOf(whole), stop, tokensMax);
        const unseen = answerOf(stop, tokensMax);
        for (const token of tokensOf(whole)) if (unseen.finish === null) unseen.push(token);
        if (unseen.finish === null) unseen.end('stopped');
        expect([unseen.text, unseen.finish]).toEqual([answer.text, answer.finish]);
        expect(shown).toBe(answer.text);
      }),
      { numRuns: 500 },
    );
  });

  it('counts the end marker among its ids and not among its tokens', () => {
    const { answer } = grow([...tokensOf('hé'), end as Token], [], 1000);
    expect(answer).toMatchObject({ text: 'hé', tokens: 3, finish: 'stop' });
    expect(answer.tokenIds).toHaveLength(4);
  });
});

describe('the sampler', () => {
  const candidates = new Map<Token, number>([
    [1 as Token, 0.5],
    [2 as Token, 0.3],
    [3 as Token, 0.2],
  ]);

  it('takes each token as often as it is likely, whatever the seed', () => {
    for (const seed of [0, 1, 2, 0xffff_ffff, 12_345]) {
      const counts = new Map<number, number>();
      for (let at = 0; at < 20_000; at++) {
        const token = choose(candidates, 1, seed, at);
        counts.set(token, (counts.get(token) ?? 0) + 1);
      }
      for (const [token, share] of candidates) expect((counts.get(token) ?? 0) / 20_000).toBeCloseTo(share, 1.7);
    }
  });

  it('draws alike for neighbouring seeds no more often than chance', () => {
    const draws = (seed: number) => Array.from({ length: 5000 }, (_, at) => choose(candidates, 1, seed, at));
    const [a, b] = [draws(7), draws(8)];
    // 0.5² + 0.3² + 0.2²
    expect(a.filter((token, at) => token === b[at]).length / 5000).toBeCloseTo(0.38, 1);
  });

  it('agrees with itself, and with what rounding may turn into', () => {
    fc.assert(
      fc.property(fc.nat(0xffff_ffff), fc.nat(10_000), (seed, at) => {
        for (const temperature of [0, 1]) {
          const token = choose(candidates, temperature, seed, at);
          expect(agrees(candidates, temperature, seed, at, token)).toBe(true);
        }
        // Another computer has probabilities that differ a little; it may take another token, which is a near-tie.
        const rounded = new Map(
          [...candidates].map(([token, share]) => [token, share + (token === 1 ? 0.004 : -0.002)]),
        );
        expect(agrees(candidates, 1, seed, at, choose(rounded, 1, seed, at))).toBe(true);
      }),
    );
    expect(agrees(candidates, 0, 0, 0, 2 as Token)).toBe(false);
    expect(agrees(candidates, 1, 0, 0, 9 as Token)).toBe(false);
    const tie = new Map<Token, number>([
      [1 as Token, 0.501],
      [2 as Token, 0.499],
    ]);
    expect(agrees(tie, 0, 0, 0, 2 as Token)).toBe(true);
  });
});
