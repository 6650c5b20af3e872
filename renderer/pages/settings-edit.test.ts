import { expect, test } from 'vitest';
import { hintOf, kindOf, readSetting } from './settings-edit.ts';
import type { Setting } from './settings-tree.ts';

const of = (schema: Setting['schema']): Setting => ({
  path: ['provider', 'it'],
  description: '',
  schema,
  value: undefined,
  valueText: '',
  isChanged: false,
});

test.each<[string, Setting['schema'], string, ReturnType<typeof readSetting>]>([
  ['a number', { type: 'integer' }, ' 7 ', { value: 7 }],
  ['a word for a number', { type: 'integer' }, 'many', null],
  ['nothing for a number', { type: 'number' }, '', null],
  ['a list', { type: 'array', items: { type: 'string' } }, 'a, b\nc', { value: ['a', 'b', 'c'] }],
  [
    'no list where there may be none',
    { anyOf: [{ type: 'array', items: { type: 'string' } }, { type: 'null' }] },
    '',
    { value: null },
  ],
  ['an object', { type: 'object' }, '{"a":1}', { value: { a: 1 } }],
  ['half an object', { type: 'object' }, '{"a":', null],
  ['a text', { type: 'string' }, ' x ', { value: 'x' }],
])('reads %s', (_, schema, typed, read) => {
  expect(readSetting(of(schema), typed)).toEqual(read);
});

test('says what may be typed', () => {
  expect(hintOf(of({ type: 'integer', minimum: 1, maximum: 5_000, default: 64 }))).toBe(
    'from 1 to 5,000 · default: 64',
  );
  expect(hintOf(of({ type: 'integer', minimum: 0, maximum: Number.MAX_SAFE_INTEGER }))).toBe('at least 0');
  expect(hintOf(of({ type: 'boolean', default: true }))).toBe('');
  expect(hintOf(of({ anyOf: [{ type: 'string' }, { type: 'null' }], default: null }))).toBe('default: none');
  expect(kindOf(of({ anyOf: [{ type: 'integer' }, { type: 'null' }] }))).toBe('number');
});
