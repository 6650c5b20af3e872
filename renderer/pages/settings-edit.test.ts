import { expect, test } from 'vitest';
import { hintOf, kindOf, readSetting, typedText } from './settings-edit.ts';
import type { Setting } from './settings-tree.ts';

const of = (schema: Setting['schema']): Setting => ({
  path: ['provider', 'it'],
  description: '',
  schema,
  value: undefined,
  valueText: '',
  isChanged: false,
  isWaiting: false,
});

test.each<[string, Setting['schema'], string, ReturnType<typeof readSetting>]>([
  ['a number', { type: 'integer' }, ' 7 ', { value: 7 }],
  ['a word for a number', { type: 'integer' }, 'many', null],
  ['nothing for a number', { type: 'number' }, '', null],
  ['a list', { type: 'array', items: { type: 'string' } }, 'a, b\nc', { value: ['a', 'b', 'c'] }],
  [
    'folders with spaces',
    { type: 'array', items: { type: 'string' } },
    '/my models, /b',
    { value: ['/my models', '/b'] },
  ],
  [
    'addresses side by side',
    { type: 'array', items: { type: 'string' } },
    '/ip4/1 /dns/a',
    { value: ['/ip4/1', '/dns/a'] },
  ],
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

test('takes amounts in credits, and knows them by their name', () => {
  const micro: Setting['schema'] = { type: 'string', pattern: '^(0|[1-9]\\d{0,23})$', default: '16000' };
  const limit: Setting = { ...of(micro), path: ['provider', 'creditLimitMicro'], value: '16000', valueText: '16000' };
  expect(kindOf(limit)).toBe('credits');
  expect(typedText(limit)).toBe('0.016');
  expect(hintOf(limit)).toBe('default: 0.016 cr');
  expect(readSetting(limit, ' 0.5 ')).toEqual({ value: '500000' });
  for (const wrong of ['', '-1', 'much', '0.0000001']) expect(readSetting(limit, wrong), wrong).toBeNull();
  const cap: Setting = {
    ...of({ anyOf: [micro, { type: 'null' }], default: null }),
    path: ['spending', 'dayMicroMax'],
  };
  expect([kindOf(cap), typedText(cap), readSetting(cap, ''), readSetting(cap, '2')]).toEqual([
    'credits',
    '',
    { value: null },
    { value: '2000000' },
  ]);
});

test('knows a price, and a price by template, by what they are made of', () => {
  const part = { type: 'string' };
  const price = { type: 'object', properties: { shardMicro: part, itemMicro: part } };
  const standard = { shardMicro: '1000', itemMicro: '100' };
  expect(kindOf(of(price))).toBe('price');
  expect(hintOf(of({ ...price, default: standard }))).toBe('default: 0.001 cr per shard, 0.0001 cr per item');
  const prices = of({ type: 'object', additionalProperties: price, default: {} });
  expect([kindOf(prices), hintOf(prices)]).toEqual(['prices', 'default: none']);
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
