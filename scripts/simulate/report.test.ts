import { expect, it } from 'vitest';
import type { RunResult } from '../../node-core/simulation/run.ts';
import { type Answer, nothing } from './pool.ts';
import { report } from './report.ts';

function answerOf(result: Partial<RunResult>): Answer {
  const whole = { ...nothing, scenario: 'calm', seed: 1, nodes: 8, broken: null, ...result };
  return { result: whole, timeline: [], tookMs: 0, cpuMs: 500, memoryBytes: 0 };
}

/** The only row of a report, by column. */
function rowOf(answers: readonly Answer[]): Record<string, string> {
  const [header = [], , cells = []] = report(answers)
    .split('\n')
    .map((line) => line.split('|').map((cell) => cell.trim()));
  return Object.fromEntries(header.map((name, i) => [name, cells[i] ?? '']));
}

it('a report says with how many nodes, and what each side lost beside what it may lose', () => {
  const row = rowOf([
    answerOf({ providersLostMicro: '7000', providersLimitMicro: '8000', clientsLostMicro: '0', jobsDone: 2 }),
    answerOf({ nodes: 30, providersLostMicro: '1', providersLimitMicro: '16000', mostUnpaidMicro: '900', jobsDone: 1 }),
  ]);
  expect(row).toMatchObject({
    scenario: 'calm',
    nodes: '8–30',
    runs: '2',
    red: '0',
    done: '3',
    'clients lost': '0',
    'providers lost': '7001',
    'of at most': '24000',
    'most unpaid': '900',
    CPU: '1 s',
  });
});

it('counts what is red, why jobs failed, and what ended before its fault', () => {
  const row = rowOf([
    answerOf({ broken: { invariant: 'I3', message: 'I3 broke' }, jobsFailed: { price: 2 }, faults: ['0 a kill'] }),
    answerOf({ jobsFailed: { price: 1, timeout: 1 }, itemsWanted: 10, itemsRun: 15 }),
  ]);
  expect(row).toMatchObject({
    nodes: '8',
    red: '1',
    'no fault': '1',
    'failed, by reason': '3 price, 1 timeout',
    'extra work': '+50.0 %',
  });
});

it('says nothing of faults where a scenario has none', () => {
  expect(rowOf([answerOf({}), answerOf({})])['no fault']).toBe('–');
});

it('has a row for each scenario', () => {
  const lines = report([answerOf({}), answerOf({ scenario: 'churn' }), answerOf({})]).split('\n');
  expect(lines).toHaveLength(4);
});
