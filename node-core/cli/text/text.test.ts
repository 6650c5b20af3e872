import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CsvError, csvLine, parseCsv } from './csv.ts';
import { tableLines } from './table.ts';
import { clipped, plain, Terminal, widthOf } from './terminal.ts';
import { bytesText, creditsText, durationText } from './units.ts';

describe('units', () => {
  it.each([
    ['0', '0 credits'],
    ['1', '0.000001 credits'],
    ['1000000', '1 credit'],
    ['1250000', '1.25 credits'],
    ['123456789012345678901234', '123456789012345678.901234 credits'],
  ])('%s micro-credits are %s', (micro, text) => expect(creditsText(micro)).toBe(text));

  it.each([
    [0, '0 ms'],
    [999, '999 ms'],
    [1500, '1.5 s'],
    [59_999, '59 s'],
    [200_000, '3 min 20 s'],
    [3_600_000, '1 h'],
    [90_000_000, '1 d 1 h'],
  ])('%d ms are %s', (ms, text) => expect(durationText(ms)).toBe(text));

  it.each([
    [512, '512 bytes'],
    [1536, '1.5 KiB'],
    [24 * 1024 ** 3, '24.0 GiB'],
    [200 * 1024 ** 2, '200 MiB'],
  ])('%d bytes are %s', (bytes, text) => expect(bytesText(bytes)).toBe(text));
});

describe('comma-separated values', () => {
  it('are read back as they were written', () => {
    const cell = fc.string({ unit: fc.constantFrom('a', '"', ',', '\n', '\r\n', ' ', 'ü') });
    fc.assert(
      fc.property(fc.array(fc.array(cell, { minLength: 2, maxLength: 4 }), { maxLength: 5 }), (rows) => {
        expect(parseCsv(rows.map((row) => `${csvLine(row)}\n`).join(''))).toEqual(rows);
      }),
    );
  });

  it('may have a byte order mark, foreign line ends and no last one', () => {
    expect(parseCsv('\ufeffa,b\r\n1,"2\r\n"')).toEqual([
      ['a', 'b'],
      ['1', '2\r\n'],
    ]);
  });

  it('name the line of a quote that is wrong', () => {
    expect(() => parseCsv('a\n"b')).toThrow(new CsvError('line 2: a quote is opened and never closed'));
    expect(() => parseCsv('a\nb"c')).toThrow(/^line 2: a quote in the middle/);
    expect(() => parseCsv('"a"b')).toThrow(/^line 1/);
  });
});

describe('terminal', () => {
  const fake = (isTTY: boolean, env: Record<string, string> = {}) => {
    const written: string[] = [];
    const terminal = new Terminal({ isTTY, columns: 20, write: (text) => written.push(text) }, env);
    return { terminal, written };
  };

  it('has colours for people, unless they say no, and never in a file', () => {
    expect(fake(true).terminal.paint('red', 'x')).not.toBe('x');
    expect(fake(true, { NO_COLOR: '1' }).terminal.paint('red', 'x')).toBe('x');
    expect(fake(true, { TERM: 'dumb' }).terminal.paint('red', 'x')).toBe('x');
    expect(fake(false).terminal.paint('red', 'x')).toBe('x');
  });

  it('draws anew over what it drew, in lines that do not wrap', () => {
    const { terminal, written } = fake(true);
    terminal.draw(['one', 'two']);
    terminal.draw([`${'x'.repeat(30)}`]);
    terminal.say('end');
    expect(written).toEqual(['one\ntwo\n', `\x1b[2A\x1b[0J${'x'.repeat(18)}…\n`, '\x1b[1A\x1b[0Jend\n']);
  });

  it('cuts by what is seen, not by what is written', () => {
    const red = `\x1b[31m${'x'.repeat(10)}\x1b[39m`;
    expect(clipped(red, 10)).toBe(red);
    expect(widthOf(clipped(red, 5))).toBe(5);
  });

  it('shows nothing of others that would move the cursor', () => {
    expect(plain('a\x1b[2Jb\nc\td\u202ee')).toBe('a [2Jb c d e');
  });

  it('aligns columns by what is seen', () => {
    const { terminal } = fake(false);
    const rows = [
      ['1', '\x1b[31mab\x1b[39m', 'x'],
      ['22', 'a', 'y'],
    ];
    expect(tableLines(terminal, [{ title: 'n', align: 'right' }, { title: 'w' }, { title: 'z' }], rows)).toEqual([
      ' n  w   z',
      ' 1  \x1b[31mab\x1b[39m  x',
      '22  a   y',
    ]);
  });
});
