/** The check for updates: off until a feed is configured (`publish` in electron-builder.yml), since there is no release yet. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { app } from 'electron';
import type { Logger } from '../node-core/ports/index.ts';

/** electron-builder writes this file beside the archive when a feed is configured. */
const feedFile = 'app-update.yml';

export async function checkForUpdates(log: Logger): Promise<boolean> {
  if (!app.isPackaged || !existsSync(join(process.resourcesPath, feedFile))) return false;
  const { default: updater } = await import('electron-updater');
  updater.autoUpdater.autoDownload = false;
  try {
    await updater.autoUpdater.checkForUpdatesAndNotify();
  } catch (error) {
    log.warn({ error: error instanceof Error ? error.message : String(error) }, 'the check for updates failed');
  }
  return true;
}
