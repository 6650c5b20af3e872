import { expect, test } from 'vitest';
import { printable } from './failure.ts';

test('a message that goes to a terminal commands nothing there', () => {
  const message = 'one\n\ttwo \u001b[2J \u009b31m \u202egnp.exe \u{e0041} \ud800 \r ünïcödé';
  expect(printable({ code: 'container', message })).toEqual({
    code: 'container',
    message: 'one\n\ttwo \\u{1b}[2J \\u{9b}31m \\u{202e}gnp.exe \\u{e0041} \ufffd \\u{d} ünïcödé',
  });
});
