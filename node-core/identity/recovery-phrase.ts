/**
 * The recovery phrase: the 32-byte seed as 24 English words (BIP-39), to be written on paper. The seed is the phrase's
 * entropy itself, without BIP-39's key derivation: so the phrase can also be read back from the key file.
 */
import { entropyToMnemonic, mnemonicToEntropy } from '@scure/bip39';
import { wordlist } from '@scure/bip39/wordlists/english.js';

const phraseWords = 24;
/** No two words of the list share their first four letters, so these tell which one was meant. */
const tellingLetters = 4;
const words: ReadonlySet<string> = new Set(wordlist);

export class RecoveryPhraseError extends Error {
  override readonly name = 'RecoveryPhraseError';
}

/** @param seed 32 bytes. */
export function phraseOf(seed: Uint8Array): string {
  return entropyToMnemonic(seed, wordlist);
}

/**
 * Upper case, line breaks and repeated spaces are forgiven.
 * @throws RecoveryPhraseError that names what is wrong.
 */
export function seedOf(phrase: string): Uint8Array {
  const given = phrase
    .normalize('NFKD')
    .toLowerCase()
    .split(/\s+/)
    .filter((word) => word !== '');
  const unknown = given.findIndex((word) => !words.has(word));
  if (unknown !== -1) throw new RecoveryPhraseError(wrongWord(given[unknown] ?? '', unknown + 1));
  if (given.length !== phraseWords) {
    throw new RecoveryPhraseError(`the recovery phrase has ${phraseWords} words; ${given.length} were given`);
  }
  try {
    return mnemonicToEntropy(given.join(' '), wordlist);
  } catch {
    throw new RecoveryPhraseError(
      'each word is in the list, but together they are no recovery phrase: a word was exchanged, or their order; compare with what you wrote down',
    );
  }
}

function wrongWord(word: string, position: number): string {
  const start = word.slice(0, tellingLetters);
  const meant = start.length === tellingLetters ? wordlist.find((entry) => entry.startsWith(start)) : undefined;
  const hint = meant === undefined ? '' : `; did you mean ${JSON.stringify(meant)}?`;
  return `word ${position} of the recovery phrase, ${JSON.stringify(word)}, is not in the list of words${hint}`;
}
