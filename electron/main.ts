// The shell around the node: window, tray, menus, links. It holds no node logic: those rooms are in node-core/ and run
// without it. Order: one instance → scheme → ready → node and window at once, neither waits for the other.

import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { app, type BrowserWindow, dialog, Notification, session } from 'electron';
import { createLogger } from '../node-core/logging.ts';
import { appOrigin, registerAppScheme, serveApp } from './app-protocol.ts';
import { autostart } from './autostart.ts';
import { type Bridge, serveBridge } from './bridge.ts';
import { channels } from './channels.ts';
import { linkIn, linkScheme, targetOf } from './deep-link.ts';
import { openFile, saveFile } from './files.ts';
import { logTail } from './log-tail.ts';
import { setMenu } from './menu.ts';
import { newsOf } from './news.ts';
import { NodeHost, type NodeState } from './node-host.ts';
import { watchPower } from './power.ts';
import { createTray } from './tray.ts';
import { checkForUpdates } from './updates.ts';
import { createAppWindow } from './window.ts';
import { underWay } from './words.ts';

const here = fileURLToPath(new URL('.', import.meta.url));
const preload = join(here, '../preload/preload.cjs');
const interfaceFolder = join(here, '../renderer');
const icons = app.isPackaged ? join(process.resourcesPath, 'icons') : join(here, '../../resources/icons');

/** Set by `electron-vite dev` only; a packaged app never loads an address from its environment. */
const devServerUrl = app.isPackaged ? undefined : process.env['ELECTRON_RENDERER_URL'];
const drainMsMax = 20_000;

const option = (name: string): string | null => {
  const at = process.argv.indexOf(name);
  return at === -1 ? null : (process.argv[at + 1] ?? null);
};

/** On Linux Electron does not know how. An AppImage lies where its runtime says, not where it is mounted. */
const program = process.env['APPIMAGE'] ?? process.execPath;
const login =
  process.platform === 'linux'
    ? autostart([program, ...(app.isPackaged ? [] : process.argv.slice(1, 2)), '--hidden'])
    : null;
const startsAtLogin = (): boolean => login?.isOn() ?? app.getLoginItemSettings().openAtLogin;

registerAppScheme();
if (app.requestSingleInstanceLock()) await run();
else app.quit();

async function run(): Promise<void> {
  const { log: fullLog, setLevel } = createLogger({ level: 'info' });
  const { log, lines } = logTail(fullLog);
  let window: BrowserWindow | null = null;
  let bridge: Bridge | null = null;
  let isQuitting = false;
  /** A place that was asked for before there was a page to show it. */
  let pendingGo: string | null = linkIn(process.argv);

  const node = new NodeHost({
    start: async (onEnd) => {
      const { startRealNode } = await import('./real-node.ts');
      return startRealNode({
        log,
        setLogLevel: setLevel,
        onEnd,
        interfaceFolder,
        dataFolder: option('--data'),
        configFile: option('--config'),
        modulesFolder: app.isPackaged ? join(process.resourcesPath, 'app.asar.unpacked/node_modules') : null,
      });
    },
    explain: (error) => (error instanceof Error ? error.message : String(error)),
    // It may have ended again before it could be asked.
    changed: (state) =>
      void changed(state).catch((error) => log.warn({ error: String(error) }, 'the node could not be asked')),
  });

  async function changed(state: NodeState): Promise<void> {
    tray?.update();
    if (state !== 'online') {
      bridge?.closeAll(`the node is ${state}`);
      return;
    }
    const api = node.api;
    if (api === null) return;
    const { logSeq } = await api.call('node.status', {});
    api.subscribe(logSeq, (item) => {
      if (item.kind !== 'event') return;
      if (/^(provider|work|job)\./.test(item.event.type)) tray?.update();
      const news = newsOf(item.event);
      if (news === null || window?.isFocused() || !Notification.isSupported()) return;
      const notification = new Notification({ title: news.title, body: news.body });
      notification.on('click', () => show(news.to));
      notification.show();
    });
  }

  function show(to?: string): void {
    if (window === null || window.isDestroyed()) {
      window = openWindow();
    } else {
      if (window.isMinimized()) window.restore();
      window.show();
      window.focus();
    }
    if (to === undefined) return;
    if (window.webContents.isLoading()) pendingGo = to;
    else window.webContents.send(channels.go, to);
  }

  function openWindow(): BrowserWindow {
    const opened = createAppWindow({
      preload,
      url: devServerUrl ?? `${appOrigin}/`,
      stateFile: join(app.getPath('userData'), 'window.json'),
      log,
    });
    opened.webContents.on('did-finish-load', () => {
      if (pendingGo !== null) opened.webContents.send(channels.go, pendingGo);
      pendingGo = null;
    });
    // With the tray the app lives on without its window; where there is none, closing it means to leave.
    opened.on('close', (event) => {
      if (isQuitting || tray === null) return;
      event.preventDefault();
      opened.hide();
    });
    return opened;
  }

  /** Asks where others would lose by it; then lets running work finish. */
  async function quit(): Promise<void> {
    if (isQuitting) return;
    const status = await node.api?.call('node.status', {}).catch(() => null);
    const running = (status?.provider.running ?? 0) + (status?.jobsActive ?? 0);
    if (status != null && running > 0) {
      const { response } = await dialog.showMessageBox({
        type: 'question',
        buttons: ['Finish, then quit', 'Quit now', 'Stay'],
        defaultId: 0,
        cancelId: 2,
        message: 'Work is under way',
        detail: underWay(status),
      });
      if (response === 2) return;
      isQuitting = true;
      await stopped(response === 0 ? drainMsMax : 0);
    } else {
      isQuitting = true;
      await stopped(0);
    }
    app.quit();
  }

  /** A node that cannot end in order must not keep its app from ending: its state is durable at any moment. */
  async function stopped(drainMs: number): Promise<void> {
    await node
      .stop({ reason: 'the app was quit', drainMs })
      .catch((error) => log.error({ error: String(error) }, 'the node did not end in order'));
  }

  // Whatever comes to run in a page, ours or one that slipped in, stays in that page and gets nothing from the system.
  app.on('web-contents-created', (_event, contents) => {
    contents.on('will-navigate', (event) => event.preventDefault());
    contents.on('will-attach-webview', (event) => event.preventDefault());
    contents.setWindowOpenHandler(() => ({ action: 'deny' }));
  });
  app.on('second-instance', (_event, args) => show(linkIn(args) ?? undefined));
  app.on('open-url', (event, link) => {
    event.preventDefault();
    const to = targetOf(link);
    if (to === null) return;
    if (app.isReady()) show(to);
    else pendingGo = to;
  });
  app.on('activate', () => show());
  app.on('window-all-closed', () => {
    if (tray === null && process.platform !== 'darwin') void quit();
  });
  app.on('before-quit', (event) => {
    if (isQuitting) return;
    event.preventDefault();
    void quit();
  });

  await app.whenReady();
  watchPower();
  app.setAsDefaultProtocolClient(linkScheme);
  session.defaultSession.setPermissionRequestHandler((_contents, _permission, answer) => answer(false));
  session.defaultSession.setPermissionCheckHandler(() => false);
  await serveApp(interfaceFolder);

  bridge = serveBridge({
    api: () => node.api,
    log,
    devOrigin: devServerUrl ?? null,
    shell: {
      'file.save': saveFile,
      'file.open': openFile,
      'node.state': () => ({ state: node.state, message: node.message, log: lines() }),
      'node.restart': async () => {
        await node.restart();
        return {};
      },
      'login.get': () => ({ openAtLogin: startsAtLogin() }),
      'login.set': async ({ openAtLogin }) => {
        if (login === null) app.setLoginItemSettings({ openAtLogin, args: ['--hidden'] });
        else await login.set(openAtLogin);
        return { openAtLogin: startsAtLogin() };
      },
    },
  });
  const tray = createTray({
    icon: join(icons, 'tray.png'),
    api: () => node.api,
    state: () => node.state,
    show: () => show(),
    quit: () => void quit(),
    log,
  });
  setMenu({ go: show, quit: () => void quit() });

  void node.start();
  if (!process.argv.includes('--hidden')) window = openWindow();
  void checkForUpdates(log);
}
