import { describe, expect, it } from 'vitest';
import { phraseOf, seedOf } from './recovery-phrase.ts';

const zeros = new Uint8Array(32);
/** From BIP-39's test vectors (trezor/python-mnemonic). */
const zerosPhrase = `${'abandon '.repeat(23)}art`;

describe('recovery phrase', () => {
  it('agrees with BIP-39', () => {
    expect(phraseOf(zeros)).toBe(zerosPhrase);
    expect(phraseOf(new Uint8Array(32).fill(0x80))).toBe(
      `${'letter advice cage absurd amount doctor acoustic avoid '.repeat(2)}letter advice cage absurd amount doctor acoustic bless`,
    );
    expect(seedOf(zerosPhrase)).toEqual(zeros);
  });

  it('gives the seed back', () => {
    const seed = Uint8Array.from({ length: 32 }, (_, index) => (index * 37 + 11) % 256);
    expect(seedOf(phraseOf(seed))).toEqual(seed);
  });

  it('forgives case and spacing', () => {
    expect(seedOf(`  ${zerosPhrase.toUpperCase().replaceAll(' ', '\n ')} `)).toEqual(zeros);
  });

  it('names the wrong word, and the one that was meant', () => {
    expect(() => seedOf(zerosPhrase.replace(/^abandon abandon/, 'abandon abandom'))).toThrow(
      'word 2 of the recovery phrase, "abandom", is not in the list of words; did you mean "abandon"?',
    );
    expect(() => seedOf(zerosPhrase.replace('art', 'xyzzy'))).toThrow('word 24 of the recovery phrase, "xyzzy"');
  });

  it('counts the words', () => {
    expect(() => seedOf('abandon art')).toThrow('24 words; 2 were given');
    expect(() => seedOf('')).toThrow('24 words; 0 were given');
  });

  it('notices exchanged words', () => {
    expect(() => seedOf(zerosPhrase.replace('art', 'zoo'))).toThrow('a word was exchanged');
  });
});
