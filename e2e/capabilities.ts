// What a test may need beyond Node and npm, and what happens where it is missing.
//
//   requires('chromium')('the page has no violations', async () => { … });
//
// A missing capability skips the test, visibly and by name: "[needs chromium] the page has …". Under INFERNET_STRICT=1
// it fails the test and says which Debian package brings it, so that CI cannot be green by lack of equipment.
// Electron's binary and a GPU are the exceptions: no Debian package brings them (see README, "What was verified").

import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { delimiter, dirname, join } from 'node:path';
import { test } from 'vitest';

export type Capability =
  | 'root'
  | 'container-engine'
  | 'chromium'
  | 'electron'
  | 'gpu'
  | 'systemd-analyze'
  | 'systemd-notify'
  | 'x11';

const chromiumPaths = [
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
];

/** The browser that tests drive, or undefined. INFERNET_CHROMIUM names another one. */
export const chromiumPath = [process.env.INFERNET_CHROMIUM, ...chromiumPaths].find(
  (path) => path !== undefined && existsSync(path),
);

/** Electron fetches its program on first use, which needs its release page. */
export const hasElectron = existsSync(
  join(dirname(createRequire(import.meta.url).resolve('electron/package.json')), 'dist', 'version'),
);

const isRoot = process.getuid?.() === 0;

interface Need {
  readonly isThere: () => boolean;
  /** How a CI gets it; undefined where it cannot. */
  readonly remedy?: string;
}

const needs: Readonly<Record<Capability, Need>> = {
  root: { isThere: () => isRoot, remedy: 'run the tests as root' },
  'container-engine': {
    // Tests start a daemon of their own, which they also kill.
    isThere: () => isRoot && onPath('dockerd') && onPath('setpriv'),
    remedy: 'apt-get install --no-install-recommends docker.io, and run the tests as root',
  },
  chromium: { isThere: () => chromiumPath !== undefined, remedy: 'apt-get install --no-install-recommends chromium' },
  electron: { isThere: () => hasElectron },
  'systemd-analyze': {
    isThere: () => onPath('systemd-analyze'),
    remedy: 'apt-get install --no-install-recommends systemd',
  },
  'systemd-notify': {
    isThere: () => onPath('systemd-notify') && onPath('python3'),
    remedy: 'apt-get install --no-install-recommends systemd python3',
  },
  x11: {
    isThere: () => ['Xvfb', 'xprop', 'openbox'].every(onPath),
    remedy: 'apt-get install --no-install-recommends xvfb x11-utils openbox',
  },
  gpu: { isThere: () => existsSync('/dev/nvidia0') || existsSync('/dev/kfd') },
};

type TestBody = () => unknown;
type TestFunction = (name: string, body: TestBody, timeoutMs?: number) => void;

/** vitest's `test`, or what stands in for it where a capability is missing. */
export function requires(...capabilities: readonly [Capability, ...Capability[]]): TestFunction {
  const missing = capabilities.find((capability) => !needs[capability].isThere());
  if (missing === undefined) return (name, body, timeoutMs) => test(name, body, timeoutMs);
  const { remedy } = needs[missing];
  if (process.env.INFERNET_STRICT === '1' && remedy !== undefined) {
    return (name) =>
      test(`[needs ${missing}] ${name}`, () => {
        throw new Error(`This test needs ${missing}, and INFERNET_STRICT=1 allows no skip: ${remedy}.`);
      });
  }
  return (name, body) => test.skip(`[needs ${missing}] ${name}`, body);
}

function onPath(program: string): boolean {
  return (process.env['PATH'] ?? '').split(delimiter).some((folder) => existsSync(join(folder, program)));
}
