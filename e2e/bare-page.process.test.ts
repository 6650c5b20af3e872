// The page that electron-vite builds, in a real Chromium: what it says, whether everyone can use it, and whether its
// policy keeps foreign scripts out.

import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { AxeBuilder } from '@axe-core/playwright';
import { type Browser, type BrowserContext, chromium, type Page } from '@playwright/test';
import { afterAll, beforeAll, describe, expect } from 'vitest';
import { chromiumPath, requires } from './capabilities.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const testInBrowser = requires('chromium');

const mediaTypes: Readonly<Record<string, string>> = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.css': 'text/css',
};

const chromiumFlags = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

describe('the bare page', () => {
  const folder = mkdtempSync(join(tmpdir(), 'infernet-page-'));
  const server = createServer((request, response) => {
    const path = normalize(new URL(request.url ?? '/', 'http://localhost').pathname);
    // Chromium asks any server for it; Electron's window does not.
    if (path === '/favicon.ico') return response.writeHead(204).end();
    try {
      const file = join(folder, 'renderer', path === '/' ? 'index.html' : path);
      const body = readFileSync(file);
      return response.setHeader('content-type', mediaTypes[extname(file)] ?? 'application/octet-stream').end(body);
    } catch {
      return response.writeHead(404).end();
    }
  });
  let address: string;
  let browser: Browser | undefined;

  beforeAll(async () => {
    if (chromiumPath === undefined) return;
    // A build of its own: the one in out/ may be older than the sources.
    const electronVite = join(root, 'node_modules/electron-vite/bin/electron-vite.js');
    execFileSync(process.execPath, [electronVite, 'build', '--outDir', folder, '--logLevel', 'warn'], {
      cwd: root,
      stdio: ['ignore', 'ignore', 'inherit'],
      // vitest sets "test", and the page under test is the one that ships.
      env: { ...process.env, NODE_ENV: 'production' },
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const bound = server.address();
    if (bound === null || typeof bound === 'string') throw new Error('the server has no port');
    address = `http://127.0.0.1:${bound.port}/`;
    browser = await chromium.launch({ executablePath: chromiumPath, args: chromiumFlags });
  });

  afterAll(async () => {
    await browser?.close();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    rmSync(folder, { recursive: true, force: true });
  });

  /** Opens the page in a fresh context, and closes that whatever happens. */
  async function withPage(
    options: { colorScheme: 'light' | 'dark' },
    use: (page: Page, context: BrowserContext, errors: readonly string[]) => Promise<void>,
  ): Promise<void> {
    if (browser === undefined) throw new Error('no browser');
    const context = await browser.newContext(options);
    try {
      const page = await context.newPage();
      const errors: string[] = [];
      page.on('console', (message) => message.type() === 'error' && errors.push(message.text()));
      page.on('pageerror', (error) => errors.push(error.message));
      await page.goto(address);
      await page.getByRole('heading', { level: 1, name: 'Infernet' }).waitFor();
      await use(page, context, errors);
    } finally {
      await context.close();
    }
  }

  for (const colorScheme of ['light', 'dark'] as const) {
    testInBrowser(`has no accessibility violation and no console error in the ${colorScheme} scheme`, async () => {
      await withPage({ colorScheme }, async (page, _context, errors) => {
        const { violations } = await new AxeBuilder({ page }).analyze();
        expect(violations.map(({ id, nodes }) => ({ id, html: nodes.map(({ html }) => html) }))).toEqual([]);
        expect(errors).toEqual([]);
      });
    });
  }

  testInBrowser('looks different in the dark scheme', async () => {
    const background = async (colorScheme: 'light' | 'dark'): Promise<string> => {
      let color = '';
      await withPage({ colorScheme }, async (page) => {
        color = await page.evaluate('getComputedStyle(document.body).backgroundColor');
      });
      return color;
    };
    expect(await background('light')).toBe('rgb(255, 255, 255)');
    expect(await background('dark')).toBe('rgb(20, 23, 28)');
  });

  testInBrowser('refuses an inline script and a foreign one', async () => {
    await withPage({ colorScheme: 'light' }, async (page) => {
      // Written as text: e2e is checked without the browser's types. The violations are what the browser itself reports.
      const blocked: unknown = await page.evaluate(`new Promise((resolve) => {
        const blocked = [];
        document.addEventListener('securitypolicyviolation', (event) => {
          blocked.push(event.blockedURI);
          if (blocked.length === 2) resolve({ blocked: blocked.sort(), ran: 'injected' in window });
        });
        const inline = document.createElement('script');
        inline.textContent = 'window.injected = true';
        const foreign = document.createElement('script');
        foreign.src = 'https://example.invalid/x.js';
        document.body.append(inline, foreign);
      })`);
      expect(blocked).toEqual({ blocked: ['https://example.invalid/x.js', 'inline'], ran: false });
    });
  });
});
