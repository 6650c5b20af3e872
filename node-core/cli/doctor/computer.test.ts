import { mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { NodeConfig } from '../../config/index.ts';
import { HardwarePassport } from '../../protocol/index.ts';
import { faultChecks, templateCheck } from './advice.ts';
import type { Check } from './check.ts';
import { clockCheck, executionChecks, hardwareCheck, nodeCheck } from './computer.ts';
import { folderChecks } from './folder.ts';
import { bootstrapChecks, portChecks } from './network.ts';

const noon = Date.UTC(2026, 2, 1, 12);
/** A hint at another text is no help: it has to be said what to do. */
const noHelp = /^(see|look)\b|see there|as it says|by hand/;

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'infernet-doctor-test-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** A clock that shows `at` and moves by `wallMs` while it is watched, which takes 50 ms. */
function clockAt(at: number, wallMs = 50) {
  let slept = 0;
  return {
    now: () => at + slept * wallMs,
    monotonicMs: () => slept * 50,
    sleep: async () => {
      slept += 1;
    },
  };
}

const passport = HardwarePassport.parse({
  os: 'linux',
  arch: 'x64',
  cpu: { model: 'Some CPU', cores: 2 },
  memoryBytes: 8 * 1024 ** 3,
  tier: 'cpu',
  gpus: [],
});

describe('the clock', () => {
  it('is well when it runs as time does', async () => {
    expect(await clockCheck(clockAt(noon), folder)).toMatchObject({ state: 'ok', fix: null });
  });

  it.each([
    ['of another century', clockAt(Date.UTC(1970, 0, 1)), /1970/],
    ['of the far future', clockAt(Date.UTC(2120, 0, 1)), /2120/],
    ['that jumps', clockAt(noon, 61_050), /jumped by 61000 ms/],
    ['that jumps back', clockAt(noon, -59_950), /jumped by -60000 ms/],
  ])('%s fails', async (_what, clocks, found) => {
    const check = await clockCheck(clocks, folder);
    expect(check).toMatchObject({ state: 'fail', found: expect.stringMatching(found) });
    expect(check.fix).toContain('timedatectl');
  });

  it('that went back since the node last wrote is warned of', async () => {
    const path = join(folder, 'node.db');
    writeFileSync(path, '');
    const at = (noon + 3_600_000) / 1000;
    utimesSync(path, at, at);
    const check = await clockCheck(clockAt(noon), folder);
    expect(check).toMatchObject({ state: 'warn', found: expect.stringContaining('it went back') });
    expect(check.fix).toContain('timedatectl');
  });
});

describe('what is wrong', () => {
  it('is told with what to do about it', async () => {
    const bad: Check[] = [
      nodeCheck('20.1.0'),
      hardwareCheck({ ...passport, memoryBytes: 2 ** 30 }),
      ...faultChecks([
        'clock: it is 60 min behind the clocks of 2 peers',
        'hardware: the graphics did not answer within 8000 ms',
        'model folder /m: EACCES',
        'model file /m/a.gguf is corrupt',
        'template folder /t: ENOENT',
        'template /t/a: template.json is missing',
        'something new',
      ]),
      templateCheck('chat', 'no model in /m'),
      templateCheck('own-image', 'docker: no container engine answers'),
      templateCheck('broken', 'it ended with code 1'),
      // More than any disk has: a provider takes no work.
      ...(await folderChecks(folder, Number.MAX_SAFE_INTEGER)).filter(({ name }) => name === 'disk'),
      ...(await portChecks(['/unix/x'], '127.0.0.1:0')).filter(({ state }) => state !== 'ok'),
      ...(await bootstrapChecks([], { mdns: false })),
      ...(await bootstrapChecks(['/unix/x', '/ip4/127.0.0.1/tcp/1'], { mdns: false })),
    ];
    for (const { name, state, fix } of bad) {
      expect({ name, state }).not.toEqual({ name, state: 'ok' });
      expect(fix, name).toMatch(/\w+ \w+/);
      expect(fix, name).not.toMatch(noHelp);
    }
    expect(new Set(bad.map(({ name }) => name))).toContain('disk');
    expect(bad.map(({ state }) => state)).toContain('warn');
  });

  it('with models and templates is found without a node', async () => {
    const execution = { modelFolders: [join(folder, 'models')], templateFolders: [join(folder, 'templates')] };
    const checks = await executionChecks(NodeConfig.parse({ dataFolder: folder, execution }), join(folder, 'cache'));
    const failed = checks.filter(({ state }) => state === 'fail');
    expect(failed.map(({ fix }) => fix).join('\n')).toMatch(/execution\.modelFolders/);
    for (const { name, state, fix } of checks) {
      if (state === 'ok') expect(fix, name).toBeNull();
      else expect(fix, name).not.toMatch(noHelp);
    }
  });

  it('is nothing on a computer that is well', () => {
    expect(nodeCheck('24.1.0')).toMatchObject({ state: 'ok' });
    expect(hardwareCheck(passport)).toMatchObject({ state: 'ok' });
  });
});
