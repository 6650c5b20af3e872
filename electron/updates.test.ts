import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { Logger } from '../node-core/ports/index.ts';

const app = { isPackaged: false };
const autoUpdater = { autoDownload: true, checkForUpdatesAndNotify: vi.fn(async () => null) };
vi.mock('electron', () => ({ app }));
vi.mock('electron-updater', () => ({ default: { autoUpdater } }));
const { checkForUpdates } = await import('./updates.ts');

const warnings: string[] = [];
const log: Logger = { debug() {}, info() {}, warn: (_, text) => void warnings.push(text), error() {} };
let resources: string;

beforeEach(() => {
  resources = mkdtempSync(join(tmpdir(), 'infernet-updates-'));
  vi.stubGlobal('process', Object.assign(Object.create(process), { resourcesPath: resources }));
  autoUpdater.checkForUpdatesAndNotify.mockClear();
  autoUpdater.autoDownload = true;
  warnings.length = 0;
});
afterEach(() => {
  vi.unstubAllGlobals();
  rmSync(resources, { recursive: true, force: true });
});

it('asks nobody for updates until a feed is configured, and never in an app that is not packed', async () => {
  app.isPackaged = true;
  expect(await checkForUpdates(log)).toBe(false);
  app.isPackaged = false;
  writeFileSync(join(resources, 'app-update.yml'), 'provider: generic\nurl: https://example.invalid/\n');
  expect(await checkForUpdates(log)).toBe(false);
  expect(autoUpdater.checkForUpdatesAndNotify).not.toHaveBeenCalled();
});

it('asks the feed that is configured, downloads nothing by itself, and lives on when the feed is away', async () => {
  app.isPackaged = true;
  writeFileSync(join(resources, 'app-update.yml'), 'provider: generic\nurl: https://example.invalid/\n');
  expect(await checkForUpdates(log)).toBe(true);
  expect(autoUpdater.checkForUpdatesAndNotify).toHaveBeenCalledOnce();
  expect(autoUpdater.autoDownload).toBe(false);
  autoUpdater.checkForUpdatesAndNotify.mockRejectedValueOnce(new Error('no such host'));
  expect(await checkForUpdates(log)).toBe(true);
  expect(warnings).toEqual(['the check for updates failed']);
});
