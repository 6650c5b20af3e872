// Every page, in both themes, with something on it: axe finds no violation, and the browser has nothing to complain of.

import { AxeBuilder } from '@axe-core/playwright';
import type { Browser } from '@playwright/test';
import { afterAll, beforeAll, describe, expect } from 'vitest';
import { requires } from '../capabilities.ts';
import { buildOnce } from '../electron/build.ts';
import { ended, eventually, NodeGroup, type RunningNode, reviews, startNetwork, submit } from '../loop/nodes.ts';
import { firstSteps, launchBrowser, openInterface } from './browser.ts';

const testInBrowser = requires('chromium');
const pages = ['dashboard', 'submit', 'chat', 'jobs', 'providers', 'wallet', 'logs', 'settings'];

describe('everybody can use', () => {
  let browser: Browser;
  let group: NodeGroup;
  let client: RunningNode;
  let provider: RunningNode | undefined;
  let jobId: string;

  beforeAll(async () => {
    await buildOnce();
    browser = await launchBrowser();
    group = await NodeGroup.make('infernet-axe-');
    ({
      client,
      providers: [provider],
    } = await startNetwork(group, { providers: 2 }));
    jobId = await submit(client.api, { inputs: await reviews(20), label: 'for everybody' });
    await ended(client.api, jobId);
  }, 180_000);
  afterAll(async () => {
    await browser?.close();
    await group?.stop();
  });

  for (const colorScheme of ['light', 'dark'] as const) {
    testInBrowser(
      `every page in the ${colorScheme} theme`,
      async () => {
        const { page, context, errors } = await openInterface(browser, client, {
          colorScheme,
          reducedMotion: 'reduce',
        });
        const violations = async (where: string) =>
          (await new AxeBuilder({ page }).analyze()).violations.map(({ id, nodes }) => ({
            where,
            id,
            html: nodes.map(({ html }) => html),
          }));
        const found: unknown[] = [];
        const isFirst = await page
          .getByRole('button', { name: 'Continue' })
          .waitFor({ timeout: 5_000 })
          .then(
            () => true,
            () => false,
          );
        if (isFirst) {
          found.push(...(await violations('first steps')));
          await firstSteps(page, 'Only use the network');
        }
        const base = page.url().split('#')[0];
        for (const to of [...pages, `jobs/${jobId}`, `providers/${provider?.peerId}`]) {
          await page.goto(`${base}#/${to}`);
          await page.getByRole('heading', { level: 1 }).waitFor();
          await eventually('it is loaded', () =>
            page.evaluate<boolean>('!document.body.innerText.includes("Loading")'),
          );
          if (to.startsWith('jobs/')) await page.getByRole('button', { name: /^Shard 1,/ }).click();
          if (to === 'submit') await page.getByRole('button', { name: 'Try the sample' }).click();
          found.push(...(await violations(to)));
        }
        await page.keyboard.press('Control+k');
        found.push(...(await violations('commands')));
        expect(found).toEqual([]);
        expect(errors).toEqual([]);
        await context.close();
      },
      120_000,
    );
  }
});
