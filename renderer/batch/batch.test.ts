import { describe, expect, it } from 'vitest';
import { csvText, parseCsv } from './csv.ts';
import { formatOf, readBatch, type Schema } from './items.ts';

const review = { type: 'object', properties: { text: { type: 'string' }, prompt: { type: 'string' } } };
const question = {
  type: 'object',
  required: ['prompt'],
  properties: { prompt: { type: 'string' }, messages: { type: 'array' } },
};
const read = (text: string, format: 'txt' | 'csv' | 'jsonl', schema: Schema = review, column: string | null = null) =>
  readBatch(text, format, schema, column).items;

describe('inputs', () => {
  it('come from lines, lists and JSON lines, texts under the name that the template gives them', () => {
    expect(read('one\r\n\ntwo', 'txt')).toEqual([{ text: 'one' }, { text: 'two' }]);
    expect(read('one', 'txt', question)).toEqual([{ prompt: 'one' }]);
    expect(read('["one", {"prompt":"two"}]', 'jsonl', question)).toEqual([{ prompt: 'one' }, { prompt: 'two' }]);
    expect(read('{"prompt":"a"}\n"b"\n', 'jsonl', question)).toEqual([{ prompt: 'a' }, { prompt: 'b' }]);
  });

  it('come from tables: known columns by name, else the one that is named, else the longest', () => {
    expect(read('id,prompt\n1,"a, ""b"""\n2,c', 'csv', question)).toEqual([{ prompt: 'a, "b"' }, { prompt: 'c' }]);
    const table = 'id;comment\n1;a long comment\n2;another one';
    expect(read(table, 'csv')).toEqual([{ text: 'a long comment' }, { text: 'another one' }]);
    expect(read(table, 'csv', review, 'id')).toEqual([{ text: '1' }, { text: '2' }]);
  });

  it.each([
    ['{"a":1}\n{', 'jsonl', /Line 2 is not JSON/],
    ['a,b\n1', 'csv', /Row 1 has 1 cell, the head names 2/],
    ['a\n"b', 'csv', /quotation mark/],
  ] as const)('that are wrong are told with their place: %j', (text, format, message) => {
    expect(() => read(text, format)).toThrow(message);
  });

  it('are known by their name, or by their look', () => {
    expect(formatOf('a.CSV', '')).toBe('csv');
    expect(formatOf(null, ' [1]')).toBe('jsonl');
    expect(formatOf(null, 'hello, world')).toBe('txt');
  });
});

it('writes tables that read back the same, and in which a spreadsheet finds no formula', () => {
  const rows = [
    ['a', 'b'],
    ['x, "y"\nz', '-3.5'],
  ];
  expect(parseCsv(csvText(rows), '')).toEqual(rows);
  expect(csvText([['=1+1', '@x']])).toBe("'=1+1,'@x\r\n");
});
