import { createHash } from 'node:crypto';
import canonicalize from 'canonicalize';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonicalBytes, canonicalJson, hashOf, signingBytes, utf8 } from './canonical.ts';
import rfc8785 from './vectors/rfc8785.json' with { type: 'json' };

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');

function fromIeee754(bits: string): number {
  return Buffer.from(bits, 'hex').readDoubleBE();
}

describe('canonical JSON agrees with the published vectors of RFC 8785', () => {
  it.each(rfc8785.documents)('document $name', ({ input, outputHex }) => {
    expect(hex(canonicalBytes(JSON.parse(input)))).toBe(outputHex);
  });

  it.each(rfc8785.numbers)('appendix B, number $ieee754', ({ ieee754, text }) => {
    expect(canonicalJson(fromIeee754(ieee754))).toBe(text);
  });

  it.each(['7fffffffffffffff', '7ff0000000000000', 'fff0000000000000'])('appendix B, %s is an error', (bits) => {
    expect(() => canonicalJson(fromIeee754(bits))).toThrow();
  });

  it('section 3.2.3, order of keys', () => {
    const sample = {
      '\u20ac': 'Euro Sign',
      '\r': 'Carriage Return',
      '\ufb33': 'Hebrew Letter Dalet With Dagesh',
      '1': 'One',
      '\ud83d\ude00': 'Emoji: Grinning Face',
      '\u0080': 'Control',
      '\u00f6': 'Latin Small Letter O With Diaeresis',
    };
    const text = canonicalJson(sample);
    const byPlace = Object.values(sample).sort((a, b) => text.indexOf(a) - text.indexOf(b));
    expect(byPlace).toEqual([
      'Carriage Return',
      'One',
      'Control',
      'Latin Small Letter O With Diaeresis',
      'Euro Sign',
      'Emoji: Grinning Face',
      'Hebrew Letter Dalet With Dagesh',
    ]);
  });
});

describe('canonical JSON', () => {
  it('says the same, in the same bytes, however often it is read and in whatever order it was built', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const text = canonicalJson(value);
        // −0 is 0 in JSON.
        expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(value)));
        expect(canonicalJson(JSON.parse(text))).toBe(text);
        expect(canonicalJson(reversed(value))).toBe(text);
      }),
    );
  });

  it('takes its short way only where the library says the same', () => {
    const strange = [
      { at: new Date(0), b: [undefined, 1], c: undefined },
      { a: [new Number(1)], b: { toJSON: () => 'c' }, toJSON: 3 },
      Object.assign(Object.create(null), { __proto__: 1, 'ü"\\': '\u0000\u007f\ud83d\ude00/' }),
      Array.from({ length: 200 }).reduce((inner) => [inner], {}),
    ];
    for (const value of strange) expect(canonicalJson(value)).toBe(canonicalize(value));
    fc.assert(
      fc.property(fc.anything({ withNullPrototype: true, withDate: true, withBoxedValues: true }), (value) => {
        const outcome = (encode: () => unknown): unknown => {
          try {
            return encode() ?? 'nothing';
          } catch {
            return 'nothing';
          }
        };
        expect(outcome(() => canonicalJson(value))).toBe(outcome(() => canonicalize(value)));
      }),
    );
  });

  it('refuses a cycle', () => {
    const cycle: Record<string, unknown> = {};
    cycle['a'] = [cycle, cycle];
    expect(() => canonicalJson(cycle)).toThrow('Circular');
  });

  it.each([
    ['undefined', undefined],
    ['a function', () => 1],
    ['NaN inside', { a: [Number.NaN] }],
    ['a lone surrogate', '\ud800'],
    ['a lone surrogate in a key', { '\udc00': 1 }],
  ])('refuses %s', (_, value) => {
    expect(() => canonicalJson(value)).toThrow();
  });

  it('is hashed as UTF-8', () => {
    const text = '{"a":[1,"é"],"b":null}';
    expect(hashOf({ b: null, a: [1, 'é'] })).toBe(createHash('sha256').update(text, 'utf8').digest('hex'));
  });
});

describe('bytes to sign', () => {
  it('are a domain and the canonical body', () => {
    expect(utf8.decode(signingBytes('quote', { b: '2', a: 1 }))).toBe('infernet/quote/1\n{"a":1,"b":"2"}');
  });

  it.each([1.5, 1e-7, 2 ** 53, -(2 ** 53), Number.NaN, Number.POSITIVE_INFINITY])('never hold the number %d', (n) => {
    for (const body of [n, [n], { a: { b: [0, n] } }]) expect(() => signingBytes('quote', body)).toThrow(TypeError);
  });

  it('name the field that is no integer', () => {
    expect(() => signingBytes('quote', { price: [{ micro: 0.5 }] })).toThrow('quote.price[0].micro is 0.5');
  });

  it('are equal for equal domain and body only', () => {
    const body = fc.dictionary(fc.string(), fc.oneof(fc.string(), fc.integer()));
    const domain = fc.stringMatching(/^[a-z]([a-z-]{0,20}[a-z])?$/);
    fc.assert(
      fc.property(domain, body, domain, body, (domainA, a, domainB, b) => {
        const same = domainA === domainB && canonicalJson(a) === canonicalJson(b);
        expect(hex(signingBytes(domainA, a)) === hex(signingBytes(domainB, b))).toBe(same);
      }),
    );
    expect(hex(signingBytes('leave', {}))).not.toBe(hex(signingBytes('node-record', {})));
  });
});

/** The same value with the keys of every object in the opposite order of insertion. */
function reversed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(reversed);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(
    Object.entries(value)
      .reverse()
      .map(([key, item]) => [key, reversed(item)]),
  );
}
