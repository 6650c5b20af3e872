// The window around the node. It holds no node logic: those rooms are in node-core/ and run without it.

import { fileURLToPath } from 'node:url';
import { app, BrowserWindow, session } from 'electron';

const preload = fileURLToPath(new URL('../preload/preload.cjs', import.meta.url));
const page = fileURLToPath(new URL('../renderer/index.html', import.meta.url));

/** Set by `electron-vite dev` only; a packaged app never loads an address from its environment. */
const devServerUrl = app.isPackaged ? undefined : process.env.ELECTRON_RENDERER_URL;

function createWindow(): BrowserWindow {
  const window = new BrowserWindow({
    width: 1100,
    height: 760,
    minWidth: 480,
    minHeight: 400,
    title: 'Infernet',
    webPreferences: {
      preload,
      sandbox: true,
      contextIsolation: true,
      nodeIntegration: false,
      webviewTag: false,
      spellcheck: false,
    },
  });
  void (devServerUrl === undefined ? window.loadFile(page) : window.loadURL(devServerUrl));
  return window;
}

// Whatever comes to run in a page, ours or one that slipped in, stays in that page and gets nothing from the system.
app.on('web-contents-created', (_event, contents) => {
  contents.on('will-navigate', (event) => event.preventDefault());
  contents.on('will-attach-webview', (event) => event.preventDefault());
  contents.setWindowOpenHandler(() => ({ action: 'deny' }));
});

app.on('window-all-closed', () => {
  if (process.platform !== 'darwin') app.quit();
});

app.on('activate', () => {
  if (BrowserWindow.getAllWindows().length === 0) createWindow();
});

await app.whenReady();
session.defaultSession.setPermissionRequestHandler((_contents, _permission, answer) => answer(false));
session.defaultSession.setPermissionCheckHandler(() => false);
createWindow();
