import { describe, expect, it } from 'vitest';
import { CliError } from '../exit-codes.ts';
import { formatOf, itemsOf, textItem } from './inputs.ts';

const string = { type: 'string' };
const classification = { type: 'object', properties: { text: string, prompt: string } };
const generation = {
  type: 'object',
  required: ['prompt'],
  properties: { messages: { type: 'array' }, prompt: string, seed: { type: 'integer' } },
};
const form = (schema: typeof classification | typeof generation | typeof string, field: string | null = null) => ({
  schema,
  field,
});

describe('a text', () => {
  it('goes where the template’s schema takes one', () => {
    expect(textItem('a', form(classification))).toEqual({ text: 'a' });
    expect(textItem('a', form(generation))).toEqual({ prompt: 'a' });
    expect(textItem('a', form(string))).toBe('a');
    expect(textItem('a', form(classification, 'prompt'))).toEqual({ prompt: 'a' });
  });

  it('is refused where more than a text is required', () => {
    const schema = { type: 'object', required: ['a', 'b'], properties: { a: string, b: string } };
    expect(() => textItem('a', { schema, field: null })).toThrow(/JSON lines/);
  });
});

describe('files', () => {
  it('are known by their names', () => {
    expect(['a.jsonl', 'a.NDJSON', 'a.csv', 'a.txt', 'a'].map(formatOf)).toEqual([
      'jsonl',
      'jsonl',
      'csv',
      'txt',
      'txt',
    ]);
  });

  it('have a text per line, without empty ones', () => {
    expect(itemsOf('\ufeffa\r\n\n b\n', 'x', 'txt', form(classification))).toEqual([{ text: 'a' }, { text: ' b' }]);
  });

  it('have a JSON value per line; a bare text is a text', () => {
    expect(itemsOf('{"text":"a","n":1}\n"b"\n', 'x', 'jsonl', form(classification))).toEqual([
      { text: 'a', n: 1 },
      { text: 'b' },
    ]);
    expect(() => itemsOf('{"a":1}\n{', 'x.jsonl', 'jsonl', form(classification))).toThrow(/^x\.jsonl:2: not JSON/);
  });

  it('have columns that the template knows, by their types', () => {
    const csv = 'id,prompt,seed\n1,hello,7\n2,"a, b",\n';
    expect(itemsOf(csv, 'x', 'csv', form(generation))).toEqual([{ prompt: 'hello', seed: 7 }, { prompt: 'a, b' }]);
  });

  it('have one column with the text: the one that is named, or the only one', () => {
    expect(itemsOf('id,review\n1,good\n', 'x', 'csv', form(classification, 'review'))).toEqual([{ text: 'good' }]);
    expect(itemsOf('review\ngood\n', 'x', 'csv', form(classification))).toEqual([{ text: 'good' }]);
    expect(() => itemsOf('id,review\n1,good\n', 'x', 'csv', form(classification))).toThrow(/--field/);
    expect(() => itemsOf('id\n1\n', 'x', 'csv', form(classification, 'review'))).toThrow(
      /no column "review"; it has id/,
    );
    expect(() => itemsOf('a,b\n1\n', 'x', 'csv', form(classification, 'a'))).toThrow(/row 1 has 1 cells/);
  });

  it('are refused when they have nothing', () => {
    for (const format of ['txt', 'jsonl', 'csv'] as const) {
      expect(() => itemsOf(format === 'csv' ? 'text\n' : '\n', 'x', format, form(classification))).toThrow(CliError);
    }
  });
});
