/**
 * Pictures of every page of the interface, in both themes and two window sizes, with real nodes behind it:
 *
 *     node scripts/run.mjs e2e/screenshots.ts [folder]
 */
import { mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { Page } from '@playwright/test';
import { build } from './electron/build.ts';
import { firstSteps, goTo, launchBrowser, openInterface } from './interface/browser.ts';
import { ended, eventually, NodeGroup, reviews, startNetwork, submit } from './loop/nodes.ts';

const folder = resolve(process.argv[2] ?? 'out/screenshots');
const sizes = { wide: { width: 1360, height: 860 }, small: { width: 760, height: 640 } };
const pages = ['Dashboard', 'New job', 'Chat', 'Jobs', 'Providers', 'Wallet', 'Logs', 'Settings'];

await mkdir(folder, { recursive: true });
// What is in out/ may be older than the sources.
await build();
const group = await NodeGroup.make('infernet-shots-');
const browser = await launchBrowser();
try {
  const both = { provider: { templates: ['text-classification', 'text-generation'], models: ['infernet-tiny'] } };
  const quick = { ...both, directory: { heartbeatMs: 1_000, discoverEveryMs: 1_000 }, execution: { measure: true } };
  const { client, providers } = await startNetwork(group, { providers: 3, client: quick, provider: quick });
  const { page } = await openInterface(browser, client, { viewport: sizes.wide, colorScheme: 'light' });

  const shot = async (name: string) => {
    for (const [size, viewport] of Object.entries(sizes)) {
      await page.setViewportSize(viewport);
      for (const colorScheme of ['light', 'dark'] as const) {
        await page.emulateMedia({ colorScheme });
        await page.evaluate('new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)))');
        await page.screenshot({ path: join(folder, `${name}-${size}-${colorScheme}.png`), animations: 'disabled' });
      }
    }
    await page.setViewportSize(sizes.wide);
  };

  await page.getByRole('button', { name: 'Continue' }).waitFor();
  await shot('0-first-run-1');
  await page.getByRole('button', { name: 'Continue' }).click();
  await shot('0-first-run-2');
  await page.getByRole('button', { name: 'Continue' }).click();
  await shot('0-first-run-3');
  await page.reload();
  await firstSteps(page, 'Become provider');
  await goTo(page, 'Jobs');
  await shot('3-jobs-empty');

  for (const [count, label] of [
    [60, 'Reviews of March'],
    [100, 'Reviews of the whole year, with a name that is rather long'],
    [20, ''],
  ] as const) {
    const jobId = await submit(client.api, { inputs: await reviews(count), label });
    await ended(client.api, jobId);
  }
  await goTo(page, 'New job');
  await page.getByRole('button', { name: 'Try the sample' }).click();
  await page.getByText('Who would run it').waitFor();
  await goTo(page, 'Chat');
  await page.getByRole('button', { name: 'Tell a short story about a fox.' }).click();
  await page.getByText('Verified: copies agree').waitFor();
  const running = await submit(client.api, { inputs: await reviews(200), label: 'Reviews, under way' });
  await page.goto(`${page.url().split('#')[0]}#/jobs/${running}`);
  await page.getByRole('button', { name: /^Shard 1,/ }).click();
  await shot('4-job-running');
  await ended(client.api, running);
  await shot('4-job-done');
  for (const [index, name] of pages.entries()) {
    await goTo(page, name);
    await settled(page);
    if (name === 'New job') await page.getByText('Who would run it').waitFor();
    await shot(`${index + 1}-${name.toLowerCase().replace(' ', '-')}`);
  }
  await page.goto(`${page.url().split('#')[0]}#/providers/${providers[0]?.peerId}`);
  await settled(page);
  await shot('5-provider');
  const { peerId } = await client.api.call('node.status', {});
  await page.goto(`${page.url().split('#')[0]}#/providers/${peerId}`);
  await settled(page);
  await shot('5-own-computer');
  await goTo(page, 'Settings');
  await page.getByRole('button', { name: 'Show the phrase' }).click();
  await shot('8-recovery-phrase');
  await page.keyboard.press('Escape');
  await page.getByLabel('Search settings').fill('price');
  await shot('8-settings-search');
  await goTo(page, 'Logs');
  await page.getByRole('button', { name: 'Export a summary' }).click();
  await shot('7-summary');
  await page.keyboard.press('Escape');
  await page.keyboard.press('Control+k');
  await shot('9-commands');
} finally {
  await browser.close();
  await group.stop();
}

/** Until nothing is being loaded: the figures of the first charts come every few seconds. */
async function settled(page: Page): Promise<void> {
  const isLoaded = 'document.querySelector(".wait") === null && !document.body.innerText.includes("Loading")';
  await eventually('the page is loaded', () => page.evaluate<boolean>(isLoaded));
}
