/**
 * Electron itself, where its program is there: the same {@link App} as with the stand-in, by Playwright's `_electron`
 * (https://playwright.dev/docs/api/class-electron). What Electron does not tell anybody (which notification was shown, what
 * the tray says, what was refused) it does not tell here either; `sees` says so, and tests leave those looks out.
 *
 * Written by its documentation: no machine of ours has the program, so this launcher was never run (README).
 */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { _electron } from '@playwright/test';
import type { App, LaunchOptions, Seen } from './app.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

interface Answers {
  readonly saveTo?: string | null;
  readonly openFrom?: string | null;
  readonly button?: number;
  readonly onBattery?: boolean;
}

export async function launchElectron(options: LaunchOptions): Promise<App> {
  const electron = await _electron.launch({
    args: [
      // As root in a container there is no sandbox to be had; elsewhere it stays on, and is part of what is tested.
      ...(process.getuid?.() === 0 ? ['--no-sandbox'] : []),
      `--user-data-dir=${options.userData}`,
      options.mainFile ?? join(root, 'out/main/main.js'),
      '--config',
      options.config,
      ...(options.args ?? []),
    ],
    env: Object.fromEntries(
      Object.entries({ ...process.env, ...options.env }).flatMap(([name, value]) =>
        value === undefined ? [] : [[name, value]],
      ),
    ),
  });
  const child = electron.process();
  const exited = new Promise<number | null>((resolve) => child.once('exit', resolve));
  const tail: string[] = [];
  child.stderr?.setEncoding('utf8').on('data', (text: string) => tail.push(text));
  const page = await electron.firstWindow();
  const errors: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error') errors.push(message.text());
  });
  page.on('pageerror', (error) => errors.push(error.message));

  const acts: Readonly<Record<string, (fields: Record<string, unknown>) => Promise<unknown>>> = {
    menu: ({ label }) =>
      electron.evaluate(({ Menu }, wanted) => {
        const items = (Menu.getApplicationMenu()?.items ?? []).flatMap((item) => item.submenu?.items ?? []);
        items.find((item) => item.label === wanted)?.click();
      }, String(label)),
    person: ({ answers }) =>
      electron.evaluate(({ dialog, powerMonitor }, given: Answers) => {
        const { saveTo, openFrom, button, onBattery } = given;
        if (saveTo !== undefined)
          dialog.showSaveDialog = async () => ({ canceled: saveTo === null, filePath: saveTo ?? '' });
        if (openFrom !== undefined)
          dialog.showOpenDialog = async () => ({
            canceled: openFrom === null,
            filePaths: openFrom === null ? [] : [openFrom],
          });
        if (button !== undefined) dialog.showMessageBox = async () => ({ response: button, checkboxChecked: false });
        if (onBattery !== undefined) powerMonitor.isOnBatteryPower = () => onBattery;
      }, Object(answers)),
    power: ({ signal }) =>
      electron.evaluate(
        ({ powerMonitor }, name) => void Reflect.apply(powerMonitor.emit, powerMonitor, [name]),
        signal,
      ),
    'second-instance': ({ args }) =>
      electron.evaluate(({ app }, given) => void app.emit('second-instance', {}, given), args),
    'close-window': () => electron.evaluate(({ BrowserWindow }) => BrowserWindow.getAllWindows()[0]?.close()),
    'show-window': () => electron.evaluate(({ app }) => void app.emit('second-instance', {}, [])),
    'crash-page': () =>
      electron.evaluate(({ BrowserWindow }) => BrowserWindow.getAllWindows()[0]?.webContents.forcefullyCrashRenderer()),
    quit: () => electron.evaluate(({ app }) => app.quit()),
  };

  return {
    page,
    errors,
    exited,
    pid: child.pid,
    sees: { system: false },
    log: () => tail.join(''),
    seen: (): Promise<Seen> =>
      electron.evaluate(({ BrowserWindow }) => ({
        windows: BrowserWindow.getAllWindows().map((window) => ({ options: {}, visible: window.isVisible() })),
        notifications: [],
        tray: {},
        schemes: [],
        opened: [],
        asked: [],
        links: [],
        times: { ready: 0, load: 0 },
        permissions: { check: false, request: false },
      })),
    async act(ask, fields = {}) {
      const act = acts[ask];
      if (act === undefined) throw new Error(`Electron cannot be asked for ${ask}`);
      await act(fields);
    },
    async end() {
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
      await exited;
    },
  };
}
