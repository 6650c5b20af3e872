import { expect, test } from 'vitest';
import { priceRows, priceText, readPrice, readPrices } from './price-edit.ts';

test('what is shown is read as what it was', () => {
  const price = { shardMicro: '1000', itemMicro: '2500000' };
  expect(priceText(price)).toEqual({ shardMicro: '0.001', itemMicro: '2.50' });
  expect(readPrice(priceText(price))).toEqual(price);
  const prices = { 'text-generation': price, embeddings: { shardMicro: '0', itemMicro: '1' } };
  expect(priceRows(prices).map(({ template }) => template)).toEqual(['embeddings', 'text-generation']);
  expect(readPrices(priceRows(prices))).toEqual(prices);
  expect(readPrices([])).toEqual({});
});

test.each([
  ['nothing', ''],
  ['a word', 'cheap'],
  ['less than nothing', '-1'],
  ['a seventh decimal', '0.0000001'],
])('%s is no price', (_, typed) => {
  const text = { shardMicro: typed, itemMicro: '1' };
  expect(readPrice(text)).toBeNull();
  expect(readPrices([{ template: 'embeddings', text }])).toBeNull();
});

test('what is there in another form is shown as unset', () => {
  expect(priceText('cheap')).toEqual({ shardMicro: '', itemMicro: '' });
  expect(priceRows([1])).toEqual([]);
});
