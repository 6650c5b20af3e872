import { expect, it } from 'vitest';
import { resultsCsv, resultsJsonl } from './results.ts';

const outputs = [
  { index: 0, output: { label: 'positive' }, how: 'checked' as const },
  { index: 1, output: null, how: 'missing' as const },
];

it('writes results with their inputs, a column for each part', () => {
  expect(resultsCsv(outputs, [{ text: 'good, very' }, { text: 'bad' }])).toBe(
    'index,input,label,how\r\n0,"good, very",positive,checked\r\n1,bad,,missing\r\n',
  );
  expect(resultsCsv(outputs, undefined).split('\r\n')[0]).toBe('index,label,how');
});

it('says in a column of its own what speaks against an answer', () => {
  const doubted = [
    { index: 0, output: 'a', how: 'unchecked-by-policy' as const, given: 3, mark: 'doubted' as const },
    { index: 1, output: 'b', how: 'checked' as const },
  ];
  expect(resultsCsv(doubted, undefined)).toBe(
    'index,output,how,given,mark\r\n0,a,unchecked-by-policy,3,doubted\r\n1,b,checked,,\r\n',
  );
});

it('writes JSON lines that say the same', () => {
  const lines = resultsJsonl(outputs, ['a', 'b']).trim().split('\n');
  expect(lines.map((line) => JSON.parse(line))).toEqual([
    { index: 0, input: 'a', output: { label: 'positive' }, how: 'checked' },
    { index: 1, input: 'b', output: null, how: 'missing' },
  ]);
});
