import { expect, it } from 'vitest';
import { failureOfContainer } from './end.ts';

const ended = (exitCode: number, oomKilled: boolean, error = '', lastWords = '') =>
  failureOfContainer({ exitCode, oomKilled, error }, lastWords);

it('a runner that the kernel ended for memory ran out of it', () => {
  expect(ended(137, true).code).toBe('out-of-memory');
  expect(ended(134, false, '', 'FATAL ERROR: JavaScript heap out of memory').code).toBe('out-of-memory');
});

it('a runner that ended for another reason did not, though a child of it was ended for memory once', () => {
  expect(ended(7, true, '', 'gave up')).toEqual({
    code: 'container',
    message: 'the runner ended with exit code 7 (a process of it was ended for memory before); it last wrote: gave up',
  });
  expect(ended(139, true).code).toBe('container');
  expect(ended(137, false).code).toBe('container');
});

it('the words of the engine are told', () => {
  expect(ended(127, false, 'no such file').message).toBe('the runner ended with exit code 127 (no such file)');
});
