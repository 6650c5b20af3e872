import { describe, expect, it } from 'vitest';
import packageJson from '../../package.json' with { type: 'json' };
import { ApiError, type ApiErrorKind } from '../protocol/index.ts';
import { commands } from './table.ts';
import { clientOf, runCli } from './testing.ts';
import { parseCredits, parseDuration } from './values.ts';

describe('the command table', () => {
  it.each(commands.map((command) => [command.name, command] as const))(
    '%s tells how it is used',
    async (name, command) => {
      const { exit, out, err } = await runCli([...name.split(' '), '--help']);
      expect({ exit, err }).toEqual({ exit: 'ok', err: '' });
      expect(out).toContain(`Usage: infernet-desktop ${name}`);
      expect(out).toContain('Examples:');
      expect(out).toContain('Exit codes:');
      for (const { line } of command.examples) {
        expect(out).toContain(`infernet-desktop ${line}`);
        expect(line.startsWith(name)).toBe(true);
      }
      for (const [key, { flags }] of command.flags) {
        // The parser gives values the names of their flags.
        const long = /--(?<long>[a-z-]+)|[<[](?<word>[a-z]+)/.exec(flags)?.groups;
        const camel = (long?.['long'] ?? long?.['word'] ?? '').replaceAll(/-(.)/g, (_, letter: string) =>
          letter.toUpperCase(),
        );
        expect(camel).toBe(key);
      }
      if (name !== 'completion') expect(command.flags.get('json')?.flags).toBe('--json');
    },
  );

  it('has all that the design asks for', () => {
    const names = new Set(commands.map(({ name }) => name.split(' ')[0]));
    for (const name of [
      'submit',
      'chat',
      'jobs',
      'job',
      'cancel',
      'results',
      'peers',
      'offers',
      'status',
      'wallet',
      'logs',
      'export',
      'doctor',
      'identity',
      'config',
      'plan',
      'completion',
      'templates',
    ]) {
      expect(names).toContain(name);
    }
  });
});

describe('wrong usage', () => {
  it.each([
    [['sumbit'], 'Did you mean submit?'],
    [['jobs', '--nope'], "unknown option '--nope'"],
    [['jobs', '--limit', 'many'], '--limit: expected a whole number from 1 to 1000, found "many"'],
    [['jobs', '--state', 'gone'], '--state: expected one of planning, running, done, failed, cancelled, found "gone"'],
    [['jobs', 'stray'], 'too many arguments'],
    [['cancel'], "missing required argument 'job'"],
    [['cancel', 'xyz'], '<job>: expected the id of a job'],
    [['submit', '--copies', '2', '--quorum', '1', '--text', 'a'], '--quorum: 1 is no majority of 2 copies'],
    [['submit', '--quorum', '3', '--text', 'a'], '--quorum: 3 of 2 copies cannot agree'],
    [['submit', 'a.txt', '--text', 'a'], 'not both'],
    [['submit', '--text', 'a', '--rate', '5'], '--rate goes with --check sample'],
    [['submit', '--text', 'a', '--check', 'adaptive', '--rate', '5'], '--rate goes with --check sample'],
    [['submit', '--text', 'a', '--check', 'sample', '--rate', '101'], '--rate: expected percent from 0 to 100'],
    [['submit', '--text', 'a', '--priority', '10'], '--priority: expected a whole number from 0 to 9'],
    [['chat', 'a', '--priority', 'high'], '--priority: expected a whole number from 0 to 9'],
    [['submit', '--text', 'a', '--out', 'x', '--no-wait'], '--out is written at the end'],
    [['submit', '--text', 'a', '--deadline', 'soon'], '--deadline: expected a time from 1s to 7d'],
    [['submit', '--text', 'a', '--budget', '-1'], '--budget'],
    [['wallet', '--peer', 'abcd'], '--peer goes with --ledger'],
    [['logs', '--type', 'job.over'], '--type: expected one of'],
    [['export', '--since', 'yesterday'], '--since: expected how long ago'],
    [['templates', 'build', '--base', 'node:24'], '--base: expected an image by its digest or id, not by a tag'],
    [['templates', 'test', '--update'], '--update goes with one template and --in'],
    [['templates', 'new', 'My Template'], '<name>: expected lower-case letters'],
    [['completion', 'tcsh'], '<shell>: expected one of bash, zsh, fish'],
  ])('%j is told apart and explained', async (words, message) => {
    const { exit, out, err } = await runCli(words);
    expect({ exit, out }).toEqual({ exit: 'usage', out: '' });
    expect(err).toContain(message);
    expect(err).toContain('--help');
  });

  it('is also to say nothing: then it helps', async () => {
    expect(await runCli([])).toMatchObject({ exit: 'usage', err: expect.stringContaining('Commands:') });
    expect(await runCli(['--version'])).toMatchObject({ exit: 'ok', out: `${packageJson.version}\n` });
  });
});

describe('how it ends', () => {
  it('without a node', async () => {
    expect(await runCli(['status'])).toMatchObject({ exit: 'no-node', err: expect.stringContaining('no node runs') });
  });

  it.each<[ApiErrorKind, string]>([
    ['not-allowed', 'not-allowed'],
    ['not-found', 'not-found'],
    ['invalid-params', 'refused'],
    ['insufficient-funds', 'refused'],
    ['method-not-found', 'refused'],
    ['unavailable', 'no-node'],
    ['internal', 'internal'],
  ])('when the node says %s', async (kind, exit) => {
    const client = clientOf({
      'jobs.list': () => {
        throw new ApiError(kind, 'because \x1b[2Jof\nthat');
      },
    });
    const run = await runCli(['jobs'], { connect: () => client });
    expect(run).toMatchObject({ exit, out: '' });
    expect(run.err).toContain('infernet: because  [2Jof\nthat');
  });
});

describe('values', () => {
  it.each([
    ['90s', 90_000],
    ['1.5h', 5_400_000],
    ['10 min', 600_000],
    ['7d', 604_800_000],
    ['10', null],
    ['-5s', null],
    ['5x', null],
  ])('the time %s', (text, ms) => expect(parseDuration(text)).toBe(ms));

  it.each([
    ['0.25', '250000'],
    ['1', '1000000'],
    ['0', '0'],
    ['250000micro', '250000'],
    ['007micro', '7'],
    ['0.1234567', null],
    ['1e3', null],
    ['-1', null],
  ])('the amount %s', (text, micro) => expect(parseCredits(text)).toBe(micro));
});
