// A stand-in for the module `electron`, where its program cannot be had: as much as our main bundle uses, on Debian's
// Chromium. Each part names the page of https://www.electronjs.org/docs/latest/api/ that it stands for. What it cannot
// stand for: the sandbox and the isolated world of the preload, real trays and menus, the dock, real app:// pages (they are
// http://infernet.localhost here), webContents.send's own queue, fuses.
//
// Tests talk to it over the process's IPC: {id, ask, …} is answered by {id, answer}.

import { EventEmitter } from 'node:events';
import { readFileSync } from 'node:fs';
import { chromium } from '@playwright/test';

if (process.env['STAND_IN_RESOURCES']) Object.assign(process, { resourcesPath: process.env['STAND_IN_RESOURCES'] });

const port = process.env['STAND_IN_PORT'];
const shown = 'http://infernet.localhost';
const real = 'app://infernet';
/** What happened, for tests to ask about. @type {Record<string, any>} */
const seen = { windows: [], notifications: [], tray: null, menu: null, schemes: [], opened: [], links: [], times: {} };
/** @type {string[]} */ const asked = [];
/** What the person at the dialogs answers, and whether the plug is out. @type {Record<string, any>} */
const person = { saveTo: null, openFrom: null, button: 0, onBattery: false };
/** @type {Map<string, (request: Request) => Promise<Response>>} */
const schemes = new Map();
/** @type {Map<string, Function>} */
const handlers = new Map();
/** @type {import('@playwright/test').Browser | undefined} */
let browser;

/** Electron's own calls end quietly with their window; Playwright's reject. Anything else is a fault and shows itself. */
function alreadyGone(/** @type {unknown} */ error) {
  if (!/has been closed/.test(String(error))) throw error;
}

async function startBrowser() {
  browser = await chromium.launch({
    executablePath: process.env['INFERNET_CHROMIUM'] ?? '/usr/bin/chromium',
    args: [
      `--remote-debugging-port=${port}`,
      ...['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking'],
      ...['--disable-component-update', '--disable-sync'],
    ],
  });
  process.send?.({ cdp: `http://127.0.0.1:${port}` });
  return browser;
}

/** api/web-contents */
class WebContents extends EventEmitter {
  /** @type {import('@playwright/test').Page | null} */ page = null;
  /** @type {[string, unknown[]][]} */ waiting = [];
  isFlushing = false;
  isLoadingNow = true;
  /** @type {(details: { url: string }) => { action: string }} */ openHandler = () => ({ action: 'allow' });

  send(/** @type {string} */ channel, /** @type {unknown[]} */ ...args) {
    this.waiting.push([channel, args]);
    void this.flush();
  }
  async flush() {
    if (this.isFlushing || this.page === null) return;
    this.isFlushing = true;
    while (this.waiting.length > 0) {
      const batch = this.waiting.splice(0);
      await this.page.evaluate((all) => globalThis.__standInEmit?.(all), batch).catch(() => {});
    }
    this.isFlushing = false;
  }
  isLoading = () => this.isLoadingNow;
  isDestroyed = () => this.page?.isClosed() ?? false;
  reload = () => void this.page?.reload().catch(alreadyGone);
  setWindowOpenHandler = (/** @type {any} */ handler) => (this.openHandler = handler);
}

/** api/browser-window */
export class BrowserWindow extends EventEmitter {
  /** @type {BrowserWindow[]} */ static all = [];
  static getAllWindows = () => BrowserWindow.all;
  static fromWebContents = (/** @type {WebContents} */ contents) =>
    BrowserWindow.all.find((one) => one.webContents === contents) ?? null;
  webContents = new WebContents();
  isShown = false;
  isGone = false;

  constructor(/** @type {any} */ options) {
    super();
    this.options = options;
    BrowserWindow.all.push(this);
    seen.windows.push({ options, visible: () => this.isShown });
    app.emit('web-contents-created', {}, this.webContents);
  }
  async loadURL(/** @type {string} */ url) {
    seen.times.load ??= Date.now();
    const context = await (await (browser ?? startBrowser())).newContext({
      viewport: { width: this.options.width, height: this.options.height },
    });
    const page = await context.newPage();
    const { webContents } = this;
    webContents.page = page;
    await context.route('**/*', async (route) => {
      const request = route.request();
      const asked = request.url().replace(shown, real);
      const isForeignNavigation = request.isNavigationRequest() && asked.split('#')[0] !== url;
      // Without content a browser stays where it is.
      if (isForeignNavigation && !emitPreventable(webContents, 'will-navigate', asked))
        return route.fulfill({ status: 204 });
      const handler = schemes.get(asked.split(':')[0] ?? '');
      if (handler === undefined) return route.abort();
      const answer = await handler(new Request(asked));
      const headers = Object.fromEntries(answer.headers);
      const body = Buffer.from(await answer.arrayBuffer());
      await route.fulfill({ status: answer.status, headers, body }).catch(alreadyGone);
    });
    await page.exposeBinding('__standInOpen', (_, asked) => {
      seen.opened.push(webContents.openHandler({ url: asked }).action);
    });
    await page.exposeBinding('__standInInvoke', async ({ frame }, channel, args) => {
      const senderFrame = { url: frame.url().replace(shown, real), parent: frame.parentFrame() };
      const handler = handlers.get(channel);
      if (handler === undefined) throw new Error(`no handler for ${channel}`);
      return handler({ sender: webContents, senderFrame }, ...args);
    });
    await page.addInitScript(preloadScript(this.options.webPreferences.preload));
    page.on('load', () => {
      webContents.isLoadingNow = false;
      webContents.emit('did-finish-load');
      this.emit('ready-to-show');
    });
    page.on('crash', () => webContents.emit('render-process-gone', {}, { reason: 'crashed' }));
    await page.goto(url.replace(real, shown));
  }
  show = () => this.tellVisible(true);
  hide = () => this.tellVisible(false);
  /** “Page visibility”: a page whose window is hidden is hidden. */
  tellVisible(/** @type {boolean} */ isShown) {
    this.isShown = isShown;
    const tell = `Object.defineProperty(document, 'hidden', { configurable: true, value: ${!isShown} });
      document.dispatchEvent(new Event('visibilitychange'))`;
    void this.webContents.page?.evaluate(tell).catch(alreadyGone);
  }
  focus() {}
  restore() {}
  maximize() {}
  isMinimized = () => false;
  isMaximized = () => false;
  isFocused = () => false;
  isDestroyed = () => this.isGone;
  getNormalBounds = () => ({ x: 10, y: 20, width: this.options.width, height: this.options.height });
  close() {
    if (!emitPreventable(this, 'close')) return;
    this.isGone = true;
    BrowserWindow.all = BrowserWindow.all.filter((one) => one !== this);
    void this.webContents.page?.context().close().catch(alreadyGone);
    this.emit('closed');
    if (BrowserWindow.all.length === 0) app.emit('window-all-closed');
  }
}

/** api/context-bridge and api/ipc-renderer, in the page's own world. */
function preloadScript(/** @type {string} */ path) {
  return `if (window === window.top) (() => {
    const listeners = {};
    window.__standInEmit = (all) => { for (const [channel, args] of all) for (const run of listeners[channel] ?? []) run({}, ...args); };
    const invoke = window.__standInInvoke;
    window.open = (url) => { void window.__standInOpen(url); return null; };
    const electron = {
      contextBridge: { exposeInMainWorld: (name, value) => { window[name] = value; } },
      ipcRenderer: {
        on: (channel, run) => { (listeners[channel] ??= []).push(run); },
        invoke: (channel, ...args) => invoke(channel, args),
      },
    };
    const require = (name) => { if (name !== 'electron') throw new Error('a sandboxed preload has no ' + name); return electron; };
    const module = { exports: {} };
    ((require, module, exports) => {${readFileSync(path, 'utf8')}
})(require, module, module.exports);
  })();`;
}

/** @returns {boolean} whether nobody prevented it. */
function emitPreventable(/** @type {EventEmitter} */ emitter, /** @type {string} */ name, /** @type {any} */ arg) {
  let prevented = false;
  emitter.emit(name, { preventDefault: () => (prevented = true) }, arg);
  return !prevented;
}

/** api/app */
class App extends EventEmitter {
  name = 'Infernet';
  isPackaged = process.env['STAND_IN_PACKAGED'] === '1';
  login = { openAtLogin: false };
  async whenReady() {
    seen.times.ready ??= Date.now();
  }
  isReady = () => true;
  getPath = () => process.env['STAND_IN_USER_DATA'] ?? '/tmp';
  requestSingleInstanceLock = () => process.env['STAND_IN_SECOND'] !== '1';
  setAsDefaultProtocolClient = (/** @type {string} */ scheme) => seen.links.push(scheme);
  getLoginItemSettings = () => this.login;
  setLoginItemSettings = (/** @type {any} */ { openAtLogin }) => (this.login = { openAtLogin });
  quit() {
    if (!emitPreventable(this, 'before-quit')) return;
    for (const window of BrowserWindow.all) window.close();
    void Promise.resolve(browser?.close().catch(alreadyGone)).finally(() => process.exit(0));
  }
}
export const app = new App();

/** api/ipc-main */
export const ipcMain = {
  handle: (/** @type {string} */ channel, /** @type {Function} */ run) => handlers.set(channel, run),
};
/** api/protocol */
export const protocol = {
  registerSchemesAsPrivileged: (/** @type {any} */ list) => (seen.schemes = list),
  handle: (/** @type {string} */ scheme, /** @type {any} */ run) => schemes.set(scheme, run),
};
/** @type {Record<string, Function>} */
const permissions = {};
/** api/session */
export const session = {
  defaultSession: {
    setPermissionRequestHandler: (/** @type {Function} */ run) => (permissions['request'] = run),
    setPermissionCheckHandler: (/** @type {Function} */ run) => (permissions['check'] = run),
  },
};
/** api/power-monitor */
export const powerMonitor = Object.assign(new EventEmitter(), { isOnBatteryPower: () => person.onBattery });
/** api/menu */
export const Menu = {
  buildFromTemplate: (/** @type {any} */ template) => template,
  setApplicationMenu: (/** @type {any} */ menu) => (seen.menu = menu),
};
/** api/tray */
export class Tray extends EventEmitter {
  constructor() {
    super();
    seen.tray = { tip: '', items: [], emitter: this };
  }
  setToolTip = (/** @type {string} */ tip) => (seen.tray.tip = tip);
  setContextMenu = (/** @type {any[]} */ items) => (seen.tray.items = items);
}
/** api/notification */
export class Notification extends EventEmitter {
  static isSupported = () => true;
  constructor(/** @type {any} */ options) {
    super();
    this.options = options;
  }
  show() {
    seen.notifications.push({ ...this.options, emitter: this });
  }
}
/** api/native-image, api/screen, api/dialog */
export const nativeImage = { createFromPath: (/** @type {string} */ path) => ({ path }) };
export const screen = { getAllDisplays: () => [{ workArea: { x: 0, y: 0, width: 1920, height: 1080 } }] };
export const dialog = {
  showSaveDialog: async () => ({ canceled: person.saveTo === null, filePath: person.saveTo ?? undefined }),
  showOpenDialog: async () => ({
    canceled: person.openFrom === null,
    filePaths: person.openFrom === null ? [] : [person.openFrom],
  }),
  showMessageBox: async (/** @type {any} */ { message }) => ({ response: asked.push(message) && person.button }),
};

const find = (/** @type {any[]} */ items, /** @type {string} */ label) =>
  items
    .flatMap((item) => [item, ...(Array.isArray(item.submenu) ? item.submenu : [])])
    .find((item) => item.label === label);

/** @type {Record<string, (message: any) => unknown>} */
const questions = {
  seen: () => ({
    windows: seen.windows.map(({ options, visible }) => ({ options, visible: visible() })),
    notifications: seen.notifications.map(({ title, body }) => ({ title, body })),
    tray: { tip: seen.tray?.tip, labels: seen.tray?.items.map((/** @type {any} */ item) => item.label) },
    schemes: seen.schemes,
    opened: seen.opened,
    asked,
    links: seen.links,
    times: seen.times,
    permissions: {
      check: permissions['check']?.(null, 'media'),
      request: new Promise((done) => permissions['request']?.(null, 'media', done)),
    },
  }),
  tray: ({ label }) => find(seen.tray.items, label).click(),
  menu: ({ label }) => find(seen.menu, label).click(),
  notification: ({ index }) => seen.notifications[index].emitter.emit('click'),
  person: ({ answers }) => Object.assign(person, answers),
  'second-instance': ({ args }) => app.emit('second-instance', {}, args),
  'close-window': () => BrowserWindow.all[0]?.close(),
  'crash-page': () => BrowserWindow.all[0]?.webContents.emit('render-process-gone', {}, { reason: 'crashed' }),
  power: ({ signal }) => powerMonitor.emit(signal),
  quit: () => app.quit(),
};
process.on('message', async (/** @type {any} */ message) => {
  const answer = /** @type {any} */ (await questions[message.ask]?.(message));
  if (answer?.permissions !== undefined) answer.permissions.request = await answer.permissions.request;
  process.send?.({ id: message.id, answer: message.ask === 'seen' ? answer : null });
});
