/** The unit for systemd: what its head tells an administrator to do ends in a node that can start. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { requires } from '../../e2e/capabilities.ts';

const repository = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '');
const unit = readFileSync(join(repository, 'resources/service/infernet.service'), 'utf8');
const configPath = '/etc/infernet/node.yaml';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'infernet-unit-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe('infernet.service', () => {
  it('starts a node by the file that its head creates: an empty one', () => {
    // What the head creates is what is started with.
    expect(unit).toMatch(new RegExp(`^#.* install .* /dev/null ${configPath}$`, 'm'));
    const empty = join(folder, 'node.yaml');
    writeFileSync(empty, '');
    const line = /^ExecStart=(?<line>.*)$/m.exec(unit)?.groups?.['line'] ?? '';
    const [program = '', ...words] = line
      .replaceAll('/opt/infernet', repository)
      .replaceAll(configPath, empty)
      .split(' ');
    expect(line).toContain(configPath);
    const printed = execFileSync(program, [...words, '--print-config'], { cwd: repository, encoding: 'utf8' });
    expect(JSON.parse(printed)).toMatchObject({ dataFolder: '/var/lib/infernet' });
  });

  requires('systemd-analyze')('is understood by systemd', () => {
    const here = join(folder, 'infernet.service');
    writeFileSync(here, unit.replaceAll('/opt/infernet', repository));
    const said = execFileSync('systemd-analyze', ['verify', here], { encoding: 'utf8', stdio: 'pipe' });
    expect(said).toBe('');
  });
});
