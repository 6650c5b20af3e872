/**
 * The app as a person starts it, behind one interface with two launchers: Electron itself where its program is there, and
 * where it is not, the real main bundle with the stand-in.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import { type Browser, chromium, type Page } from '@playwright/test';
import { z } from '../../node-core/protocol/index.ts';
import { hasElectron } from '../capabilities.ts';
import { type App, type LaunchOptions, Seen } from './app.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const launchMsMax = 30_000;

/** By Electron where its program is, else by the stand-in. */
export async function launchApp(options: LaunchOptions): Promise<App> {
  if (hasElectron) return (await import('./launch-electron.ts')).launchElectron(options);
  const port = await freePort();
  const child = fork(
    options.mainFile ?? `${root}out/main/main.js`,
    ['--config', options.config, ...(options.args ?? [])],
    {
      execArgv: ['--import', `${root}e2e/electron/register.mjs`],
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      env: { ...process.env, STAND_IN_USER_DATA: options.userData, STAND_IN_PORT: String(port), ...options.env },
    },
  );
  const exited = new Promise<number | null>((resolve) => child.once('exit', resolve));
  const tail: string[] = [];
  child.stderr?.setEncoding('utf8').on('data', (text: string) => tail.push(text));
  let browser: Browser | null = null;
  try {
    const url = await addressOf(child, () => tail.join(''));
    browser = await chromium.connectOverCDP(url);
    const page = await firstPage(browser);
    const errors: string[] = [];
    page.on('console', (message) => {
      if (message.type() === 'error') errors.push(message.text());
    });
    page.on('pageerror', (error) => errors.push(error.message));
    const ask = asker(child);
    return {
      page,
      errors,
      exited,
      pid: child.pid,
      sees: { system: true },
      log: () => tail.join(''),
      seen: async () => Seen.parse(await ask('seen')),
      act: async (what, fields) => void (await ask(what, fields)),
      async end() {
        if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
        await browser?.close().catch(() => {});
        await exited;
      },
    };
  } catch (error) {
    child.kill('SIGKILL');
    await browser?.close().catch(() => {});
    throw new Error(`the app did not open: ${String(error)}\n${tail.join('').slice(-2_000)}`, { cause: error });
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  return typeof address === 'object' && address !== null ? address.port : 0;
}

function addressOf(child: ChildProcess, log: () => string): Promise<string> {
  return new Promise((resolve, reject) => {
    const late = setTimeout(() => reject(new Error(`no window after ${launchMsMax} ms\n${log()}`)), launchMsMax);
    child.on('message', (message) => {
      const parsed = z.object({ cdp: z.string() }).safeParse(message);
      if (!parsed.success) return;
      clearTimeout(late);
      resolve(parsed.data.cdp);
    });
    child.once('exit', (code) => {
      clearTimeout(late);
      reject(new Error(`it ended with code ${code}`));
    });
  });
}

async function firstPage(browser: Browser): Promise<Page> {
  const deadline = performance.now() + launchMsMax;
  for (;;) {
    const found = browser
      .contexts()
      .flatMap((context) => context.pages())
      .find((page) => page.url().startsWith('http://infernet.localhost'));
    if (found !== undefined) return found;
    if (performance.now() > deadline) throw new Error('the window has no page');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

function asker(child: ChildProcess): (ask: string, fields?: object) => Promise<unknown> {
  let last = 0;
  const Answer = z.object({ id: z.int(), answer: z.unknown() });
  return (ask, fields = {}) =>
    new Promise((resolve) => {
      last += 1;
      const id = last;
      const receive = (message: unknown) => {
        const parsed = Answer.safeParse(message);
        if (!parsed.success || parsed.data.id !== id) return;
        child.off('message', receive);
        resolve(parsed.data.answer);
      };
      child.on('message', receive);
      child.send({ id, ask, ...fields });
    });
}
