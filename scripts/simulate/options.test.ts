import { describe, expect, it } from 'vitest';
import { scenarios } from '../../node-core/simulation/scenarios/index.ts';
import { readOptions, UsageError, usage } from './options.ts';

describe('the options of the simulator', () => {
  it('are read', () => {
    expect(readOptions(['--scenario', 'calm', '--seeds', '3..7', '--nodes', '8'])).toMatchObject({
      scenario: 'calm',
      seeds: { from: 3, to: 7 },
      nodes: 8,
      workers: 2,
    });
    expect(readOptions(['--scenario', 'calm', '--seed', '3', '--without', '1,2'])).toMatchObject({ without: [1, 2] });
  });

  it('that only ask for a report mean one of everything', () => {
    expect(readOptions(['--report'])).toEqual(readOptions(['--all', '--report']));
    expect(readOptions(['--report', '--scenario', 'calm'])).toMatchObject({ all: false, scenario: 'calm' });
  });

  it.each([
    [[], 'say one of'],
    [['--bogus'], "Unknown option '--bogus'"],
    [['calm'], "Unexpected argument 'calm'"],
    [['--all', '--scenario', 'calm'], 'say one of'],
    [['--scenario', 'calm', '--seed', 'x'], '--seed wants a whole number'],
    [['--scenario', 'calm', '--seeds', '7..3'], '--seeds ends before it begins'],
    [['--scenario', 'calm', '--nodes', '0'], '--nodes wants a number above 0'],
    [['--scenario', 'calm', '--soak'], '--soak goes with --all'],
    [['--all', '--only', 'x'], '--only goes with --mutants or --bars'],
  ])('%j are refused, with the reason', (args, reason) => {
    expect(() => readOptions(args)).toThrow(UsageError);
    expect(() => readOptions(args)).toThrow(reason);
  });

  it('and all scenarios are in the usage', () => {
    const text = usage(scenarios);
    for (const { name } of scenarios) expect(text).toContain(name);
    expect(text).toContain('--without N,N');
    expect(text).toContain('Exit codes: 0');
  });
});
