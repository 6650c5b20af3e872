// Every page, in both themes, with something on it: axe finds no violation, and the browser has nothing to complain of.
// The first steps, which only a new node shows, are looked at in `own-node.process.test.ts`.

import { expect } from 'vitest';
import { requires } from '../capabilities.ts';
import { ended, eventually, reviews, submit } from '../loop/nodes.ts';
import { openInterface } from './browser.ts';
import { connectBrowser, connectNodes } from './shared.ts';
import { violations } from './violations.ts';

const pages = ['dashboard', 'submit', 'chat', 'jobs', 'providers', 'wallet', 'logs', 'settings'];

requires('chromium')('everybody can use every page, in both themes', async () => {
  const {
    client,
    providers: [provider],
  } = await connectNodes();
  const jobId = await submit(client.api, { inputs: await reviews(10), label: 'for everybody' });
  await ended(client.api, jobId);
  const { page, errors } = await openInterface(await connectBrowser(), client);
  await page.getByRole('heading', { level: 1, name: 'Dashboard' }).waitFor();
  const base = page.url().split('#')[0];
  const found: unknown[] = [];
  for (const to of [...pages, `jobs/${jobId}`, `providers/${provider?.peerId}`]) {
    await page.goto(`${base}#/${to}`);
    await page.getByRole('heading', { level: 1 }).waitFor();
    await eventually('it is loaded', () => page.evaluate<boolean>('!document.body.innerText.includes("Loading")'));
    if (to.startsWith('jobs/')) await page.getByRole('button', { name: /^Shard 1,/ }).click();
    if (to === 'submit') await page.getByRole('button', { name: 'Try the sample' }).click();
    found.push(...(await violations(page, to)));
  }
  await page.keyboard.press('Control+k');
  found.push(...(await violations(page, 'commands')));
  expect(found).toEqual([]);
  expect(errors).toEqual([]);
});
