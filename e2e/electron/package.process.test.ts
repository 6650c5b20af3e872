// What electron-builder packs, against a stand-in for Electron's distribution: the content of the archive, what lies
// beside it, the fuses, and the packed main and command line started from it. Not covered here, since Electron's own program
// cannot be had: that it reads the archive, and the installers (README, “What was verified”).

import { execFileSync, spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createPackage, extractAll, listPackage } from '@electron/asar';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from '../../node-core/protocol/index.ts';
import { requires } from '../capabilities.ts';
import { launchApp } from './launch.ts';
import { scriptBytes } from './script-bytes.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
/** Where @electron/fuses finds the wire in Electron's program: https://github.com/electron/fuses */
const sentinel = 'dL7pKGdnNz796PbbjQWNKmHXBZaB9tsX';
const fuses = [
  'RunAsNode',
  'EnableCookieEncryption',
  'EnableNodeOptionsEnvironmentVariable',
  'EnableNodeCliInspectArguments',
  'EnableEmbeddedAsarIntegrityValidation',
  'OnlyLoadAppFromAsar',
  'LoadBrowserProcessSpecificV8Snapshot',
  'GrantFileProtocolExtraPrivileges',
  'WasmTrapHandlers',
];

const PackageJson = z.object({ dependencies: z.record(z.string(), z.string()).default({}) });

/** What of the package's dependencies, and of theirs, Node would not find below the folder. */
function missingBelow(root: string, name: string, from = root, seen = new Set<string>()): string[] {
  let place = from;
  while (!existsSync(join(place, 'node_modules', name, 'package.json'))) {
    if (place === root) return [`${name}, of ${relative(root, from)}`];
    place = dirname(place);
  }
  const folder = join(place, 'node_modules', name);
  if (seen.has(folder)) return [];
  seen.add(folder);
  const { dependencies } = PackageJson.parse(JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')));
  return Object.keys(dependencies).flatMap((dependency) => missingBelow(root, dependency, folder, seen));
}

describe('the packed app', () => {
  const folder = mkdtempSync(join(tmpdir(), 'infernet-pack-'));
  const packed = join(folder, 'dist/linux-unpacked');
  const resources = join(packed, 'resources');
  const program = join(packed, 'infernet-desktop');
  let files: string[] = [];

  beforeAll(async () => {
    const dist = join(folder, 'electron');
    mkdirSync(join(dist, 'locales'), { recursive: true });
    mkdirSync(join(dist, 'resources'));
    mkdirSync(join(folder, 'default-app'));
    writeFileSync(join(folder, 'default-app/package.json'), '{"name":"default","version":"1.0.0","main":"main.js"}');
    writeFileSync(join(folder, 'default-app/main.js'), '');
    await createPackage(join(folder, 'default-app'), join(dist, 'resources/default_app.asar'));
    // Acts as Node, as Electron does under ELECTRON_RUN_AS_NODE; and holds a wire of fuses, all off.
    writeFileSync(
      join(dist, 'electron'),
      `#!/bin/sh\nexec "${process.execPath}" "$@"\n# ${sentinel}\x01${String.fromCharCode(fuses.length)}${'0'.repeat(fuses.length)}\n`,
    );
    chmodSync(join(dist, 'electron'), 0o755);
    for (const [name, text] of [
      ['version', '45.4.1'],
      ['LICENSE', ''],
      ['LICENSES.chromium.html', ''],
      ['locales/en-US.pak', ''],
    ] as const) {
      writeFileSync(join(dist, name), text);
    }
    execFileSync(
      process.execPath,
      [
        join(root, 'node_modules/electron-builder/cli.js'),
        '--dir',
        '--linux',
        `-c.electronDist=${dist}`,
        `-c.directories.output=${join(folder, 'dist')}`,
      ],
      { cwd: root, stdio: ['ignore', 'ignore', 'inherit'], env: { ...process.env, NODE_ENV: 'production' } },
    );
    files = listPackage(join(resources, 'app.asar'), { isPack: false });
  }, 240_000);
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test('holds what it needs, and nothing of the workshop', () => {
    for (const name of ['main', 'cli', 'writer.worker', 'reader.worker', 'hash.worker']) {
      expect(files).toContain(`/out/main/${name}.js`);
    }
    expect(files).toContain('/out/preload/preload.cjs');
    expect(files).toContain('/out/renderer/index.html');
    const own = files.filter((path) => !path.startsWith('/node_modules/'));
    expect(own.filter((path) => !/^\/(out(\/|$)|package\.json$|node_modules$)/.test(path))).toEqual([]);
    const unwanted =
      /\.(map|tsbuildinfo|d\.ts)$|(^|\/)(\.env|\.git|\.npmrc|key\.json|control\.json|id_\w+)$|\.(test|spec)\.[cm]?[jt]s$|\.pem$/;
    expect(files.filter((path) => unwanted.test(path))).toEqual([]);
    expect(files.some((path) => /^\/node_modules\/(electron|vitest|@playwright|svelte|typescript)\//.test(path))).toBe(
      false,
    );
  });

  test('has a page whose JavaScript is less than 150 kB, gzipped, all parts of it', async () => {
    const { all, first } = await scriptBytes();
    expect(all).toBeLessThan(150_000);
    expect(first).toBeLessThan(100_000);
  });

  test('has natives, runners, models and its command beside the archive', () => {
    for (const path of [
      'app.asar.unpacked/node_modules/better-sqlite3',
      'app.asar.unpacked/node_modules/node-llama-cpp',
      'templates/text-classification/template.json',
      'models/infernet-tiny.gguf',
      'icons/tray.png',
      'bin/infernet-desktop',
      'service/infernet.service',
    ]) {
      expect(existsSync(join(resources, path)), path).toBe(true);
    }
  });

  test('has beside the archive all that node-llama-cpp imports, and of its sources only what release they are', () => {
    const beside = join(resources, 'app.asar.unpacked');
    expect(missingBelow(beside, 'node-llama-cpp')).toEqual([]);
    expect(readdirSync(join(beside, 'node_modules/node-llama-cpp/llama')).toSorted()).toEqual([
      'binariesGithubRelease.json',
      'llama.cpp.info.json',
      'package.json',
    ]);
  });

  test('has its fuses set: RunAsNode on, for runners and --headless; inspection and NODE_OPTIONS off', () => {
    const binary = readFileSync(program, 'latin1');
    const at = binary.indexOf(sentinel) + sentinel.length + 2;
    const on = fuses.filter((_, index) => binary[at + index] === '1');
    expect(on).toEqual([
      'RunAsNode',
      'EnableCookieEncryption',
      'EnableEmbeddedAsarIntegrityValidation',
      'OnlyLoadAppFromAsar',
    ]);
  });

  describe('started', () => {
    beforeAll(() => {
      // Only Electron reads inside an archive: here it is unfolded beside itself.
      extractAll(join(resources, 'app.asar'), join(resources, 'app'));
    }, 120_000);

    test('runs without a window by its command', () => {
      const command = join(resources, 'bin/infernet-desktop');
      const config = execFileSync(command, ['--headless', '--print-config', '--data', join(folder, 'data')], {
        encoding: 'utf8',
      });
      expect(JSON.parse(config)).toMatchObject({ dataFolder: join(folder, 'data') });
      expect(execFileSync(command, ['--help'], { encoding: 'utf8' })).toMatch(/submit/);
    });

    test('runs by the line that its unit for systemd has for it', () => {
      const unit = readFileSync(join(resources, 'service/infernet.service'), 'utf8');
      const line = /^#ExecStart=\/opt\/Infernet\/resources\/(?<command>\S+) (?<words>.*)$/m.exec(unit)?.groups;
      const empty = join(folder, 'empty.yaml');
      writeFileSync(empty, '');
      const words = (line?.['words'] ?? '').replace('/etc/infernet/node.yaml', empty).split(' ');
      const config = execFileSync(join(resources, line?.['command'] ?? ''), [...words, '--print-config'], {
        encoding: 'utf8',
      });
      expect(JSON.parse(config)).toMatchObject({ dataFolder: '/var/lib/infernet' });
    });

    test('runs a language model by its command, with what lies beside the archive', () => {
      // Unfolded under the archive's own name, since the place of the packages follows from it.
      renameSync(join(resources, 'app.asar'), join(resources, 'archive'));
      renameSync(join(resources, 'app'), join(resources, 'app.asar'));
      try {
        const command = join(resources, 'bin/infernet-desktop');
        const words = ['templates', 'test', 'text-classification', '--in', 'embedded', '--json'];
        const { stdout, stderr } = spawnSync(command, [...words, '--data', join(folder, 'data')], { encoding: 'utf8' });
        expect(JSON.parse(stdout), stderr).toMatchObject({
          results: [{ template: 'text-classification', state: 'passed' }],
        });
      } finally {
        renameSync(join(resources, 'app.asar'), join(resources, 'app'));
        renameSync(join(resources, 'archive'), join(resources, 'app.asar'));
      }
    });

    requires('chromium')(
      'opens its window, and its node finds its templates and models',
      async () => {
        const config = join(folder, 'node.json');
        writeFileSync(
          config,
          JSON.stringify({
            dataFolder: join(folder, 'node'),
            network: { listen: ['/ip4/127.0.0.1/tcp/0'] },
            execution: { measure: false },
          }),
        );
        const app = await launchApp({
          mainFile: join(resources, 'app/out/main/main.js'),
          userData: folder,
          config,
          env: { STAND_IN_PACKAGED: '1', STAND_IN_RESOURCES: resources },
        });
        try {
          await app.page.getByRole('button', { name: 'Continue' }).click();
          await app.page
            .getByText(/infernet-tiny/)
            .first()
            .waitFor();
          expect(await app.page.getByText('Something is wrong').count()).toBe(0);
        } finally {
          await app.end();
        }
      },
      90_000,
    );
  });
});
