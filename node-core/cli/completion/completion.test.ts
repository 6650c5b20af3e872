import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { commands } from '../table.ts';
import { runCli } from '../testing.ts';
import { bashScript } from './bash.ts';

const bash = '/bin/bash';

/** What bash offers after these words. */
function offered(...words: readonly string[]): string[] {
  const script = `${bashScript(commands)}
COMP_WORDS=("$@"); COMP_CWORD=$(( $# - 1 ))
_infernet_desktop
printf '%s\\n' "\${COMPREPLY[@]}"`;
  const out = execFileSync(bash, ['--norc', '-c', script, 'bash', 'infernet-desktop', ...words], { encoding: 'utf8' });
  return out.split('\n').filter((line) => line !== '');
}

describe.skipIf(!existsSync(bash))('bash', () => {
  it('offers commands, members of groups, options and their values', () => {
    expect(offered('can')).toEqual(['cancel']);
    expect(offered('identity', '')).toEqual(['export', 'import']);
    expect(offered('submit', '--items')).toEqual(['--items-per-shard']);
    expect(offered('submit', '--own-node', '')).toEqual(['never', 'if-alone', 'only']);
    expect(offered('jobs', '--state', 'd')).toEqual(['done']);
    expect(offered('identity', 'export', '--fo')).toEqual(['--force']);
    expect(offered('completion', '')).toEqual(['bash', 'zsh', 'fish']);
    expect(offered('config', 'check', 'package.js')).toEqual(['package.json']);
    expect(offered('submit', '--copies', '')).toEqual([]);
  });
});

/** By `-n` each of these shells reads a script and runs nothing. */
for (const shell of ['bash', 'zsh', 'fish'] as const) {
  const program = ['/bin', '/usr/bin'].map((folder) => `${folder}/${shell}`).find((path) => existsSync(path));
  it.skipIf(program === undefined)(`${shell} finds no fault in its script`, async () => {
    const { out } = await runCli(['completion', shell]);
    const folder = mkdtempSync(join(tmpdir(), 'infernet-completion-'));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    writeFileSync(join(folder, 'script'), out);
    expect(execFileSync(program ?? '', ['-n', join(folder, 'script')], { encoding: 'utf8' })).toBe('');
  });
}

it.each(['bash', 'zsh', 'fish'])('%s knows every command and option', async (shell) => {
  const { exit, out } = await runCli(['completion', shell]);
  expect(exit).toBe('ok');
  for (const { name, flags } of commands) {
    for (const word of name.split(' ')) expect(out).toContain(word);
    for (const { flags: text } of flags.values()) {
      const long = /--(?<long>[a-z-]+)/.exec(text)?.groups?.['long'];
      if (long !== undefined) expect(out).toContain(shell === 'fish' ? `-l ${long}` : `--${long}`);
    }
  }
});
