// The desktop app itself: the built main bundle, its preload and its page, around a real node.

import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect } from 'vitest';
import { connectControl } from '../../node-core/control/index.ts';
import { requires } from '../capabilities.ts';
import { firstSteps, goTo } from '../interface/browser.ts';
import { eventually, reviews } from '../loop/nodes.ts';
import type { App, LaunchOptions } from './app.ts';
import { launchApp } from './launch.ts';

const testInBrowser = requires('chromium');

describe('the desktop app', () => {
  const folder = mkdtempSync(join(tmpdir(), 'infernet-app-'));
  let options: LaunchOptions & { dataFolder: string };
  /** One window for all tests: they follow each other as a person would. */
  let app: App;

  beforeAll(async () => {
    options = settings('app');
    // Where it would put what the desktop reads at login.
    app = await launchApp({ ...options, env: { XDG_CONFIG_HOME: folder } });
  });
  afterAll(async () => {
    await app?.end();
    rmSync(folder, { recursive: true, force: true });
  });

  function settings(name: string): LaunchOptions & { dataFolder: string } {
    const dataFolder = join(folder, name, 'data');
    const config = join(folder, `${name}.json`);
    writeFileSync(
      config,
      JSON.stringify({
        dataFolder,
        network: { listen: ['/ip4/127.0.0.1/tcp/0'], mdns: false },
        provider: { models: ['infernet-tiny'] },
        aggregator: { discoverMs: 200 },
        execution: { measure: false },
      }),
    );
    return { userData: folder, config, dataFolder };
  }

  testInBrowser('opens on a computer without network or peers, and is of use at once', async () => {
    const { page } = app;
    await firstSteps(page, 'Become provider');
    await goTo(page, 'New job');
    await page.getByRole('radio', { name: /Text classification/ }).check();
    const openFrom = join(folder, 'three reviews.jsonl');
    writeFileSync(openFrom, (await reviews(3)).map((one) => JSON.stringify(one)).join('\n'));
    await app.act('person', { answers: { openFrom } });
    await page.getByRole('button', { name: 'Choose a file' }).click();
    await page.getByText('3 items').waitFor();
    await page.getByRole('button', { name: 'Only here' }).click();
    await page.getByRole('button', { name: 'Start job' }).click();
    await page.getByText('from this computer').first().waitFor();
    expect(app.errors).toEqual([]);
    if (!app.sees.system) return;
    // Told while nobody looks at the window.
    const { notifications, tray } = await eventually('the tray tells', async () => {
      const seen = await app.seen();
      return seen.notifications.length > 0 && seen.tray.labels?.includes('Pause providing') ? seen : null;
    });
    expect(notifications[0]).toEqual({ title: 'Job done', body: '3 results are ready.' });
    expect(tray.tip).toMatch(/^Infernet: 0 peers/);
    await goTo(page, 'Dashboard');
    await app.act('notification', { index: 0 });
    await page.getByRole('heading', { name: 'Results', exact: true }).waitFor();
    await app.act('person', { answers: { onBattery: true } });
    await app.act('power', { signal: 'on-battery' });
    await eventually('the tray says why', async () => /battery/.test((await app.seen()).tray.tip ?? ''));
    await app.act('person', { answers: { onBattery: false } });
    await app.act('power', { signal: 'on-ac' });
    await eventually('it goes on', async () => /0 peers/.test((await app.seen()).tray.tip ?? ''));
    // The lid is shut, and opened.
    await app.act('power', { signal: 'suspend' });
    await eventually('the tray says why', async () => /going to sleep/.test((await app.seen()).tray.tip ?? ''));
    await app.act('power', { signal: 'resume' });
    await eventually('it goes on', async () => /0 peers/.test((await app.seen()).tray.tip ?? ''));
    // A disk that is nearly full, by what the owner calls full.
    const control = await connectControl(options.dataFolder);
    await control.call('settings.set', { values: { 'host.diskFreeBytesMin': 2 ** 50 } });
    // A signal of the system makes the node look at once.
    await app.act('power', { signal: 'on-ac' });
    await eventually('the full disk is told', async () =>
      (await app.seen()).notifications.some(({ title }) => title === 'Low disk space'),
    );
    await control.call('settings.set', { values: {}, reset: ['host.diskFreeBytesMin'] });
    await app.act('power', { signal: 'on-ac' });
    await eventually('it goes on', async () => /0 peers/.test((await app.seen()).tray.tip ?? ''));
    await app.act('tray', { label: 'Pause providing' });
    await goTo(page, 'Dashboard');
    await page.getByText('Paused: work for others stands still').waitFor();
    await eventually('the tray offers the way back', async () =>
      (await app.seen()).tray.labels?.includes('Resume providing'),
    );
  });

  testInBrowser('is locked down', async () => {
    const { page } = app;
    if (app.sees.system) {
      const seen = await app.seen();
      expect(seen.windows[0]?.options['webPreferences']).toMatchObject({
        sandbox: true,
        contextIsolation: true,
        nodeIntegration: false,
        webSecurity: true,
        webviewTag: false,
      });
      expect(seen.permissions).toEqual({ check: false, request: false });
      expect(seen.schemes).toEqual([
        { scheme: 'app', privileges: { standard: true, secure: true, supportFetchAPI: true, codeCache: true } },
      ]);
      expect(seen.links).toEqual(['infernet']);
    }
    // The bridge is all that the page has, and it is what its type says.
    expect(await page.evaluate('[typeof require, typeof process, Object.keys(window.infernet).sort()]')).toEqual([
      'undefined',
      'undefined',
      ['bridgeVersion', 'close', 'onGo', 'open', 'send', 'shell'],
    ]);
    for (const [method, params] of [
      ['file.read', '{}'],
      ['__proto__', '{}'],
      ['file.save', '{ name: "../x", text: "" }'],
      ['file.save', '{ name: "x" }'],
    ] as const) {
      const answer = page.evaluate(`window.infernet.shell(${JSON.stringify(method)}, ${params})`);
      await expect(answer, method).rejects.toThrow(/no such method|file\.(save|open)/);
    }
    // Navigation and new windows are refused, and so is a frame that is not ours.
    await page.evaluate('void (location.href = "https://example.invalid/")');
    await page.evaluate('void window.open("https://example.invalid/")');
    if (app.sees.system)
      await eventually('the new window is refused', async () => (await app.seen()).opened.includes('deny'));
    expect(page.url()).toMatch(/^(http:\/\/infernet\.localhost|app:\/\/infernet)\//);
    const foreign = page.evaluate(`new Promise((resolve) => {
        const frame = document.createElement('iframe');
        document.body.append(frame);
        // Electron gives a frame no preload at all.
        const invoke = frame.contentWindow.__standInInvoke ?? (() => Promise.reject(new Error('refused: no bridge')));
        invoke('infernet:open', []).then(() => resolve('let in'), (error) => resolve(error.message));
      })`);
    expect(await foreign).toMatch(/refused/);
    // An inline script, a foreign one, and a connection anywhere.
    const blocked = await page.evaluate(`new Promise((resolve) => {
        // The page has its policy twice, in its head and with the answer: each reports.
        const blocked = new Set();
        document.addEventListener('securitypolicyviolation', (event) => {
          blocked.add(event.effectiveDirective + ' ' + event.blockedURI);
          if (blocked.size === 3) resolve({ blocked: [...blocked].sort(), ran: 'injected' in window });
        });
        const inline = document.createElement('script');
        inline.textContent = 'window.injected = true';
        const foreign = document.createElement('script');
        foreign.src = 'https://example.invalid/x.js';
        document.body.append(inline, foreign);
        fetch('https://example.invalid/').catch(() => {});
      })`);
    expect(blocked).toEqual({
      blocked: [
        'connect-src https://example.invalid/',
        'script-src-elem https://example.invalid/x.js',
        'script-src-elem inline',
      ],
      ran: false,
    });
  });

  testInBrowser('follows links and a second start, saves files where it is told, and hides into the tray', async () => {
    const { page } = app;
    const id = 'a'.repeat(32);
    await app.act('second-instance', { args: ['infernet', `infernet://job/${id}`] });
    await page.getByRole('heading', { name: 'This job is not known here' }).waitFor();
    await app.act('menu', { label: 'Logs' });
    await page.getByRole('heading', { level: 1, name: 'Logs' }).waitFor();
    const target = join(folder, 'summary.md');
    await app.act('person', { answers: { saveTo: target } });
    await page.getByRole('button', { name: 'Export a summary' }).click();
    await page.getByLabel('Format').selectOption('md');
    await page.getByRole('button', { name: 'Save summary' }).click();
    await page.getByText(/was saved/).waitFor();
    expect(readFileSync(target, 'utf8')).toMatch(/^# Infernet node summary/);
    await goTo(page, 'Settings');
    const atLogin = page.getByRole('switch', { name: 'Start with the computer' });
    const entry = join(folder, 'autostart/infernet-desktop.desktop');
    await atLogin.click();
    await eventually('it is set', async () => (await atLogin.getAttribute('aria-checked')) === 'true');
    if (process.platform === 'linux') expect(readFileSync(entry, 'utf8')).toMatch(/^Exec=.*"--hidden"$/m);
    await atLogin.click();
    await eventually('it is off again', async () => (await atLogin.getAttribute('aria-checked')) === 'false');
    if (process.platform === 'linux') expect(existsSync(entry)).toBe(false);
    await goTo(page, 'Logs');
    await app.act('close-window');
    expect((await app.seen()).windows.at(-1)?.visible).toBe(false);
    await app.act(app.sees.system ? 'tray' : 'show-window', { label: 'Open Infernet' });
    expect((await app.seen()).windows.at(-1)?.visible).toBe(true);
    // A page that falls comes back with what it showed.
    await app.act('crash-page');
    await page.getByRole('heading', { level: 1, name: 'Logs' }).waitFor();
  });

  testInBrowser('says what happened when the node falls, starts it again, and drains when it is quit', async () => {
    const { page } = app;
    const control = await connectControl(options.dataFolder);
    await control.call('node.stop', { drainMs: 0 });
    await page.getByRole('heading', { name: 'The node does not run' }).waitFor();
    await page.getByText('the node is online').waitFor();
    await page.getByRole('button', { name: 'Start it again' }).click();
    // Back where it was.
    await page.getByRole('heading', { level: 1, name: 'Logs' }).waitFor();
    // Work under way is told before it ends: here a job that waits for others.
    const again = await eventually('the node answers', () => connectControl(options.dataFolder).catch(() => null));
    await again.call('jobs.submit', {
      template: 'text-classification',
      inputs: await reviews(1),
      ownNode: 'never',
      budgetMicro: '1000000',
    });
    if (app.sees.system) {
      await app.act('person', { answers: { button: 2 } });
      await app.act('quit');
      await eventually('it asks', async () => (await app.seen()).asked.includes('Work is under way'));
      expect((await again.call('node.status', {})).state).not.toBe('draining');
    }
    await app.act('person', { answers: { button: 1 } });
    await app.act('quit').catch(() => {});
    // Its log says why, where it did not leave as it was asked.
    expect(await app.exited, app.log()).toBe(0);
  });

  testInBrowser('tells why a node cannot start', async () => {
    const broken = settings('broken');
    writeFileSync(broken.config, '{"provider":{"queueMax":"many"}}');
    const other = await launchApp(broken);
    try {
      await other.page.getByRole('heading', { name: 'The node does not run' }).waitFor();
      await other.page
        .getByText(/queueMax/)
        .first()
        .waitFor();
    } finally {
      await other.end();
    }
  });
});
