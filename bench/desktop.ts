/**
 * What the desktop app feels like, beside the bars that it has to keep: the real main bundle, preload and page, in Debian's
 * Chromium with the stand-in for Electron (e2e/electron). What Electron itself adds is not in it.
 */
import { readFileSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Page } from '@playwright/test';
import type { App } from '../e2e/electron/app.ts';
import { build } from '../e2e/electron/build.ts';
import { launchApp } from '../e2e/electron/launch.ts';
import { scriptBytes } from '../e2e/electron/script-bytes.ts';
import { goTo, launchBrowser, openInterface } from '../e2e/interface/browser.ts';
import { startWithJobs } from '../e2e/interface/many-jobs.ts';
import { ended, eventually, NodeGroup, reviews, submit } from '../e2e/loop/nodes.ts';
import { connectControl } from '../node-core/control/index.ts';
import { z } from '../node-core/protocol/index.ts';
import { type BenchReport, barred, machine, versions } from './lib/report.ts';

/** Neighbours as they are by default: brisk ones would wake the app every second. */
const calm = {
  provider: { templates: ['text-classification'], models: ['infernet-tiny'] },
  execution: { measure: false },
};
const launches = 6;
const rounds = 5;
const idleMs = 20_000;
const settleMs = 10_000;
const jobs = 100_000;
const pages = ['Jobs', 'Providers', 'Wallet', 'Logs', 'Settings', 'New job', 'Dashboard'];
/** Of /proc/<pid>/stat on Linux. */
const tickMs = 10;

export async function desktop(): Promise<BenchReport> {
  const on = machine();
  await build();
  const folder = await mkdtemp(join(tmpdir(), 'infernet-bench-desktop-'));
  const group = await NodeGroup.make('infernet-bench-desktop-nodes-');
  try {
    const opened = await openings(folder);
    const inUse = await use(folder, group);
    const scrolled = await scrolling(group);
    return {
      name: 'desktop',
      machine: on,
      versions: versions('electron', 'svelte', 'playwright-core'),
      figures: [
        barred('main ready to page loaded and painted', 'ms', opened.windowMs, 800),
        barred('main ready to node online, warm', 'ms', opened.onlineMs, 5_000),
        barred('main process, window hidden', '% of a core', [inUse.idlePercent], 1),
        barred('JavaScript of the page, all parts', 'kB gz', [(await scriptBytes()).all / 1000], 150),
        barred('JavaScript of its first part', 'kB gz', [(await scriptBytes()).first / 1000], 150),
        barred('page change', 'ms', inUse.changesMs, 100),
        barred('longest block of main in a job', 'ms', inUse.blocksMs, 50),
        barred('of one block, time that main ran', 'ms', inUse.ownMs, 50),
        barred('longest frame, 100,000 rows', 'ms', scrolled.framesMs, 50),
        barred('longest script in a frame', 'ms', scrolled.scriptsMs, 50),
      ],
    };
  } finally {
    await group.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

async function settings(folder: string, name: string, bootstrap: readonly string[] = []) {
  const dataFolder = join(folder, name);
  await mkdir(folder, { recursive: true });
  const config = join(folder, `${name}.json`);
  await writeFile(
    config,
    JSON.stringify({
      dataFolder,
      network: { listen: ['/ip4/127.0.0.1/tcp/0'], bootstrap },
      provider: { models: ['infernet-tiny'] },
      execution: { measure: false },
      host: { pauseOnBattery: false },
    }),
  );
  return { userData: folder, config, dataFolder };
}

/** The first launch makes the data folder, and is not counted. */
async function openings(folder: string): Promise<{ windowMs: number[]; onlineMs: number[] }> {
  const options = await settings(folder, 'opened');
  const [windowMs, onlineMs]: number[][] = [[], []];
  for (let i = 0; i < launches; i += 1) {
    const app = await launchApp(options);
    try {
      await app.page.getByRole('heading', { level: 1 }).waitFor();
      const { times } = await app.seen();
      const online = await eventually('the node is online', () => onlineAt(app));
      // Chromium is up when Electron's main is ready: what it takes to start here is left out.
      const page = z.number().parse(await app.page.evaluate(paintedMs));
      if (i > 0) {
        windowMs?.push(times.load - times.ready + page);
        onlineMs?.push(online - times.ready);
      }
      await app.act('quit').catch(() => {});
      await app.exited;
    } finally {
      await app.end();
    }
  }
  return { windowMs: windowMs ?? [], onlineMs: onlineMs ?? [] };
}

function onlineAt(app: App): number | null {
  const line = app
    .log()
    .split('\n')
    .find((each) => each.includes('"the node is online"'));
  return line === undefined ? null : Date.parse(z.object({ time: z.string() }).parse(JSON.parse(line)).time);
}

/** From the start of the navigation. */
const paintedMs = `(() => {
  const [paint] = performance.getEntriesByName('first-contentful-paint');
  const [load] = performance.getEntriesByType('navigation');
  return Math.max(paint?.startTime ?? 0, load.loadEventEnd);
})()`;

/** As bench/lib/loop-delay.mjs writes it. */
const Longest = z.object({ blockMs: z.number(), ownMs: z.number() });

/** One app with two providers around it: pages, jobs, and a hidden window. */
async function use(folder: string, group: NodeGroup) {
  const first = await group.start({ name: 'provider-1', provider: true, bootstrap: [], config: calm });
  const bootstrap = first.addresses.slice(0, 1);
  await group.start({ name: 'provider-2', provider: true, bootstrap, config: calm });
  const options = await settings(folder, 'used', bootstrap);
  const loopFile = join(folder, 'loop');
  const app = await launchApp({
    ...options,
    env: {
      NODE_OPTIONS: `--import ${new URL('./lib/loop-delay.mjs', import.meta.url).href}`,
      BENCH_LOOP_FILE: loopFile,
    },
  });
  try {
    const { page, pid = 0 } = app;
    const api = await eventually('the node answers', () => connectControl(options.dataFolder).catch(() => null));
    await api.call('provider.switch', { on: false });
    await page.getByRole('heading', { level: 1, name: 'Dashboard' }).waitFor();
    await eventually('the providers are known', async () => (await api.call('node.status', {})).knownProviders === 2);
    const [blocksMs, ownMs]: [number[], number[]] = [[], []];
    for (let i = 0; i < rounds; i += 1) {
      process.kill(pid, 'SIGUSR2');
      await ended(api, await submit(api, { inputs: await reviews(200), label: `round ${i}` }), 120_000);
      await pause(1_000);
      const longest = Longest.parse(JSON.parse(await readFile(loopFile, 'utf8')));
      if (i === 0) continue;
      blocksMs.push(longest.blockMs);
      ownMs.push(longest.ownMs);
    }
    // What is loaded on its first visit counts once more.
    const changesMs: number[] = [];
    for (let i = 0; i < rounds; i += 1) for (const name of pages) changesMs.push(await change(page, name));
    process.kill(pid, 'SIGWINCH');
    await app.act('close-window');
    await pause(settleMs);
    const before = cpuMs(pid);
    await pause(idleMs);
    const idlePercent = ((cpuMs(pid) - before) / idleMs) * 100;
    return { blocksMs, ownMs, changesMs, idlePercent };
  } finally {
    await app.end();
  }
}

/** From the click until the new page is painted. */
async function change(page: Page, name: string): Promise<number> {
  return z.number().parse(
    await page.evaluate(`new Promise((resolve) => {
      const link = [...document.querySelectorAll('nav a')].find((one) => one.textContent.trim().startsWith(${JSON.stringify(name)}));
      const begun = performance.now();
      const look = () => {
        if (document.querySelector('h1')?.textContent.trim() === ${JSON.stringify(name)})
          requestAnimationFrame(() => setTimeout(() => resolve(performance.now() - begun)));
        else requestAnimationFrame(look);
      };
      link.click();
      look();
    })`),
  );
}

async function scrolling(group: NodeGroup): Promise<{ framesMs: number[]; scriptsMs: number[] }> {
  const node = await startWithJobs(group, jobs);
  const browser = await launchBrowser();
  try {
    const { page } = await openInterface(browser, node);
    await page.getByRole('heading', { level: 1, name: 'Dashboard' }).waitFor();
    await goTo(page, 'Jobs');
    await page.getByText('100,000 jobs').waitFor();
    const [framesMs, scriptsMs]: number[][] = [[], []];
    for (let i = 0; i < rounds; i += 1) {
      const Longest = z.object({ frame: z.number(), script: z.number() });
      const { frame, script } = Longest.parse(await page.evaluate(scroll));
      framesMs?.push(frame);
      scriptsMs?.push(script);
    }
    return { framesMs: framesMs ?? [], scriptsMs: scriptsMs ?? [] };
  } finally {
    await browser.close();
  }
}

/** Through the whole list in 240 frames; how far apart two were at most, and how long script ran in one. */
const scroll = `new Promise((resolve) => {
  const list = document.querySelector('[aria-label="Jobs, newest first"]');
  const frames = 240;
  let frame = 0;
  let script = 0;
  let last = null;
  let longest = 0;
  const observer = new PerformanceObserver((found) => {
    for (const { duration } of found.getEntries()) script = Math.max(script, duration);
  });
  observer.observe({ type: 'longtask' });
  const step = (now) => {
    if (last !== null) longest = Math.max(longest, now - last);
    last = now;
    list.scrollTop = (list.scrollHeight * frame) / frames;
    frame += 1;
    if (frame <= frames) requestAnimationFrame(step);
    else setTimeout(() => { observer.disconnect(); resolve({ frame: longest, script }); }, 100);
  };
  requestAnimationFrame(step);
})`;

function cpuMs(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) * tickMs;
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
