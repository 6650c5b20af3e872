/** The window: where it was, locked down, and back by itself when its page falls. */
import { BrowserWindow, screen } from 'electron';
import type { Logger } from '../node-core/ports/index.ts';
import { isOnScreen, readWindowState, saveWindowState } from './window-state.ts';

export interface AppWindowOptions {
  readonly preload: string;
  readonly url: string;
  readonly stateFile: string;
  readonly log: Logger;
}

const standard = { width: 1180, height: 800 };
/** A page that falls more often than this stays down: reloading it would go on for ever. */
const reloadsMax = 3;
const reloadsWithinMs = 60_000;

export function createAppWindow({ preload, url, stateFile, log }: AppWindowOptions): BrowserWindow {
  const state = readWindowState(stateFile);
  const screens = screen.getAllDisplays().map(({ workArea }) => workArea);
  const bounds = state !== null && isOnScreen(state.bounds, screens) ? state.bounds : standard;
  const window = new BrowserWindow({
    ...bounds,
    minWidth: 480,
    minHeight: 400,
    title: 'Infernet',
    // Shown when there is something to see.
    show: false,
    webPreferences: {
      preload,
      sandbox: true,
      contextIsolation: true,
      nodeIntegration: false,
      webSecurity: true,
      webviewTag: false,
      spellcheck: false,
    },
  });
  if (state?.maximized === true) window.maximize();
  window.once('ready-to-show', () => window.show());
  window.on('close', () => {
    saveWindowState(stateFile, { bounds: window.getNormalBounds(), maximized: window.isMaximized() });
  });
  let falls: number[] = [];
  window.webContents.on('render-process-gone', (_event, { reason }) => {
    const now = Date.now();
    falls = [...falls.filter((at) => now - at < reloadsWithinMs), now];
    log.error({ reason, falls: falls.length }, 'the page fell');
    if (reason !== 'clean-exit' && falls.length <= reloadsMax) window.webContents.reload();
  });
  void window.loadURL(url);
  return window;
}
