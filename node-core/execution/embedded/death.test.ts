import { describe, expect, it } from 'vitest';
import { type Death, failureOf } from './death.ts';

const death = (changes: Partial<Death>): Death => ({
  exitCode: null,
  signal: null,
  stderrTail: '',
  oomKillsBefore: 3,
  oomKillsAfter: 3,
  ...changes,
});

describe('failureOf', () => {
  it.each([
    ['an exit', death({ exitCode: 7, stderrTail: 'bad luck' }), 'container', /exit code 7; it last wrote: bad luck/],
    ['a crash', death({ signal: 'SIGSEGV' }), 'container', /by SIGSEGV/],
    ['a kill by somebody', death({ signal: 'SIGKILL' }), 'container', /by SIGKILL/],
    ['the kernel’s kill for memory', death({ signal: 'SIGKILL', oomKillsAfter: 4 }), 'out-of-memory', /by SIGKILL/],
    [
      'V8’s heap',
      death({ signal: 'SIGABRT', stderrTail: 'FATAL: JavaScript heap out of memory' }),
      'out-of-memory',
      /heap/,
    ],
    ['no counter', death({ signal: 'SIGKILL', oomKillsBefore: null, oomKillsAfter: null }), 'container', /SIGKILL/],
  ])('judges %s', (_, given, code, message) => {
    expect(failureOf(given)).toMatchObject({ code, message: expect.stringMatching(message) });
  });
});
