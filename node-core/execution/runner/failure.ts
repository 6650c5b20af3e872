import { FailureCode } from '../../protocol/index.ts';

/** How a run ended without outputs; a part of the port's RunOutcome. */
export interface Failure {
  readonly code: FailureCode | 'cancelled';
  readonly message: string;
}

const memoryWords = /heap out of memory|bad_alloc|failed to allocate|unable to allocate|cannot allocate memory/i;

const lastWordsMax = 500;

/**
 * A runner that ended although nobody ended it.
 * @param how as in "with exit code 1". @param ranOut the system says that it took too much memory; its last words may say so too.
 */
export function failureOfEnd(how: string, ranOut: boolean, lastWords: string): Failure {
  const tail = lastWords === '' ? '' : `; it last wrote: ${lastWords.slice(-lastWordsMax)}`;
  return ranOut || memoryWords.test(lastWords)
    ? { code: 'out-of-memory', message: `the runner ran out of memory and ended ${how}${tail}` }
    : { code: 'container', message: `the runner ended ${how}${tail}` };
}

const messageCharsMax = 1000;

/** From a runner's `error`: a code that the protocol does not know says nothing to others, so it becomes `container`. */
export function failureFrom(code: string, message: string): Failure {
  const text = message.slice(0, messageCharsMax);
  if (code === 'cancelled') return { code, message: text };
  const known = FailureCode.safeParse(code);
  return { code: known.success ? known.data : 'container', message: text };
}

/** Controls of terminals, and signs that turn the order of others round; not the ends of lines, nor tabs. */
const unprintable = /(?![\n\t])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;

/** A message may hold what a runner wrote, and is shown in terminals: what is no text in it is written out. */
export function printable({ code, message }: Failure): Failure {
  const escaped = (sign: string): string => `\\u{${sign.codePointAt(0)?.toString(16)}}`;
  return { code, message: message.toWellFormed().replace(unprintable, escaped) };
}
