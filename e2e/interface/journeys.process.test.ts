// What a person does with the interface, on real nodes: each journey from its first click to what it was for.

import { readFile } from 'node:fs/promises';
import type { Browser } from '@playwright/test';
import { afterAll, afterEach, beforeAll, describe, expect } from 'vitest';
import { requires } from '../capabilities.ts';
import { buildOnce } from '../electron/build.ts';
import {
  brisk,
  briskWith,
  directLabels,
  ended,
  eventually,
  knows,
  NodeGroup,
  type RunningNode,
  reviews,
  startNetwork,
  submit,
} from '../loop/nodes.ts';
import { firstSteps, goTo, launchBrowser, type OpenPage, openInterface } from './browser.ts';

const testInBrowser = requires('chromium');
const minutes = 120_000;
const slow = briskWith({ provider: { runsMax: 1 } });
const both = briskWith({ provider: { templates: ['text-classification', 'text-generation'] } });

describe('a person', () => {
  let browser: Browser;
  let group: NodeGroup;
  let open: OpenPage | null = null;

  beforeAll(async () => {
    await buildOnce();
    browser = await launchBrowser();
  });
  afterEach(async () => {
    await open?.context.close();
    open = null;
    await group?.stop();
  });
  afterAll(async () => browser?.close());

  async function show(node: Pick<RunningNode, 'dataFolder'>): Promise<OpenPage> {
    open = await openInterface(browser, node);
    return open;
  }

  testInBrowser(
    'becomes a provider, and sees credits and reputation come in',
    async () => {
      group = await NodeGroup.make('infernet-person-');
      const { client, bootstrap, providers } = await startNetwork(group, { providers: 1 });
      const own = await group.start({ name: 'own', provider: false, bootstrap, config: brisk });
      const { page, errors } = await show(own);
      await page.getByRole('button', { name: 'Continue' }).click();
      await page.getByText('infernet-tiny').first().waitFor();
      await page.getByRole('button', { name: 'Continue' }).click();
      await page.getByRole('button', { name: 'Become provider' }).click();
      await page.getByText('This computer provides').waitFor();
      await knows(client, [...providers, own]);
      const jobId = await submit(client.api, { inputs: await reviews(40), itemsPerShard: 10 });
      await ended(client.api, jobId);
      const received = page.locator('dl.stats > div').filter({ hasText: 'Received' }).locator('dd').first();
      await eventually('credits are shown', async () => !/^0\s/.test((await received.textContent()) ?? '0 '));
      const reputation = page.locator('dl.stats > div').filter({ hasText: 'Reputation' });
      await reputation.getByText(/good, 0 bad receipts/).waitFor();
      await goTo(page, 'Wallet');
      await page
        .getByRole('row', { name: /Received/ })
        .first()
        .waitFor();
      // The switch, and the way back.
      await goTo(page, 'Dashboard');
      await page.getByRole('switch').click();
      await page.getByText('This computer does not provide').waitFor();
      await page.getByRole('button', { name: 'Undo' }).click();
      await page.getByText('This computer provides').waitFor();
      expect(errors).toEqual([]);
    },
    minutes,
  );

  testInBrowser(
    'asks a question, reads the answer while it comes, and sees it verified',
    async () => {
      group = await NodeGroup.make('infernet-person-');
      const { client } = await startNetwork(group, { providers: 2, client: both, provider: both });
      const { page, errors } = await show(client);
      await firstSteps(page, 'Only use the network');
      await goTo(page, 'Chat');
      // The texts that the answer had while it was not verified.
      await page.evaluate(`
        window.provisional = new Set();
        new MutationObserver(() => {
          const answer = document.querySelector('.answer');
          if (answer?.getAttribute('aria-busy') === 'true') window.provisional.add(answer.querySelector('p').textContent);
        }).observe(document.body, { subtree: true, childList: true, characterData: true });
      `);
      await page.getByRole('textbox').fill('Tell a short story about a brave owl.');
      await page.keyboard.press('Enter');
      await page.getByText('Verified: copies agree').waitFor();
      const answer = (await page.locator('.answer > p').textContent()) ?? '';
      expect(answer.length).toBeGreaterThan(40);
      const provisional: unknown = await page.evaluate('[...window.provisional].filter((text) => text !== "")');
      expect(Array.isArray(provisional) ? provisional.length : 0).toBeGreaterThan(0);
      // What was shown is what was accepted: nothing was taken back.
      for (const text of Array.isArray(provisional) ? provisional : [])
        expect(answer.startsWith(String(text))).toBe(true);
      expect(errors).toEqual([]);
    },
    minutes,
  );

  testInBrowser(
    'drops a table of 200 reviews, watches the grid fill, and exports results that equal the truth',
    async () => {
      group = await NodeGroup.make('infernet-person-');
      const { client } = await startNetwork(group, { providers: 3 });
      const { page, errors } = await show(client);
      await firstSteps(page, 'Only use the network');
      await goTo(page, 'New job');
      const inputs = await reviews(200);
      const csv = `id,prompt\n${inputs.map(({ prompt }, index) => `${index},"${prompt.replaceAll('"', '""')}"`).join('\n')}\n`;
      const dropped = await page.evaluateHandle(`(() => {
        const files = new DataTransfer();
        files.items.add(new File([${JSON.stringify(csv)}], 'reviews of march.csv', { type: 'text/csv' }));
        return files;
      })()`);
      await page.dispatchEvent('.page', 'drop', { dataTransfer: dropped });
      await page.getByText('200 items').waitFor();
      await page.getByText('Who would run it').waitFor();
      // The plan follows what is changed.
      const shards = page.locator('aside dd').first();
      expect(await shards.textContent()).toBe('20');
      await page.getByLabel('Items per shard').fill('20');
      await eventually('the plan follows', async () => (await shards.textContent()) === '10');
      await page.getByRole('button', { name: 'Start job' }).click();
      await page.getByRole('heading', { level: 1, name: 'reviews of march' }).waitFor();
      await page.getByRole('button', { name: /^Shard 10, accepted/ }).waitFor();
      await page.getByText('200 of 200 items').waitFor();
      const downloading = page.waitForEvent('download');
      await page.getByRole('button', { name: 'JSON lines' }).click();
      const lines = (await readFile(await (await downloading).path(), 'utf8')).trim().split('\n');
      const labels = lines.map((line): unknown => JSON.parse(line).output.label);
      expect(labels).toEqual(await directLabels(200));
      // A copy of it, to be changed.
      await page.getByRole('button', { name: 'Clone' }).click();
      await page.getByRole('heading', { level: 1, name: 'New job' }).waitFor();
      await page.getByText('200 items').waitFor();
      expect(errors).toEqual([]);
    },
    minutes,
  );

  testInBrowser(
    'sees a provider die in the middle, and the job made whole by others',
    async () => {
      group = await NodeGroup.make('infernet-person-');
      const { client, providers } = await startNetwork(group, { providers: 3, client: slow, provider: slow });
      const { page } = await show(client);
      await firstSteps(page, 'Only use the network');
      const jobId = await submit(client.api, { inputs: await reviews(400), itemsPerShard: 10, label: 'to be healed' });
      await goTo(page, 'Jobs');
      await page.getByRole('link', { name: /to be healed/ }).click();
      await page
        .getByRole('button', { name: /, accepted/ })
        .first()
        .waitFor();
      await providers[1]?.kill();
      await ended(client.api, jobId, 90_000);
      await page.getByText('400 of 400 items').waitFor();
      await page.getByText(/made good by others/).waitFor();
    },
    minutes,
  );

  testInBrowser(
    'goes on after the node was killed and came back under the open window',
    async () => {
      group = await NodeGroup.make('infernet-person-');
      const settings = { name: 'own', provider: false, bootstrap: [], config: brisk } as const;
      const first = await group.start(settings);
      const { page } = await show(first);
      await firstSteps(page, 'Only use the network');
      await first.kill();
      await page.getByText(/The node does not answer/).waitFor();
      const second = await group.start(settings);
      await page.getByText('The node is back').waitFor();
      expect(await page.getByText(/The node does not answer/).count()).toBe(0);
      await second.api.call('provider.switch', { on: true });
      await page.getByText('This computer provides').waitFor();
    },
    minutes,
  );

  testInBrowser(
    'is told what is wrong in each field, and gets no job by it',
    async () => {
      group = await NodeGroup.make('infernet-person-');
      const own = await group.start({ name: 'own', provider: false, bootstrap: [], config: brisk });
      const { page } = await show(own);
      await firstSteps(page, 'Only use the network');
      await goTo(page, 'New job');
      const start = page.getByRole('button', { name: 'Start job' });
      const inputs = page.getByRole('textbox', { name: 'Inputs' });
      await page.getByRole('radio', { name: /Text classification/ }).check();
      await inputs.fill('[1, 2');
      await page.getByText(/is not JSON/).waitFor();
      await inputs.fill('{"wrong":1}');
      await page.getByText(/input 0 of text-classification/).waitFor();
      await inputs.fill('"fine"');
      for (const [label, value, message] of [
        ['Items per shard', '0', 'Enter a whole number between 1 and 1,000.'],
        ['Budget, credits', 'much', /Enter an amount of credits/],
        ['Time limit, minutes', '99999', /Enter whole minutes/],
      ] as const) {
        const field = page.getByLabel(label);
        const before = await field.inputValue();
        await field.fill(value);
        await page.getByText(message).waitFor();
        expect(await start.isDisabled(), label).toBe(true);
        await field.fill(before);
      }
      await page.getByText('Parameters', { exact: true }).click();
      await page.getByRole('textbox', { name: 'labels' }).fill('only-one');
      await page.getByText(/params of text-classification/).waitFor();
      await goTo(page, 'Logs');
      await page.getByLabel('Job id').fill('x');
      await page.getByText('A job id has 32 hex digits.').waitFor();
      await goTo(page, 'Settings');
      await page.getByLabel('Search settings').fill('queueMax');
      const queue = page.getByRole('textbox', { name: 'provider.queueMax' });
      await queue.fill('many');
      await page.keyboard.press('Enter');
      await page.getByText('Enter a number.').waitFor();
      await queue.fill('-5');
      await page.keyboard.press('Enter');
      await page.getByText(/provider\.queueMax.*(least|expected|1)/).waitFor();
      await queue.fill('32');
      await page.keyboard.press('Enter');
      await page.getByText('Saved').waitFor();
      expect((await own.api.call('settings.get', {})).config['provider']).toMatchObject({ queueMax: 32 });
      expect((await own.api.call('jobs.list', {})).total).toBe(0);
    },
    minutes,
  );

  testInBrowser(
    'finds everything by the keyboard alone',
    async () => {
      group = await NodeGroup.make('infernet-person-');
      const own = await group.start({ name: 'own', provider: false, bootstrap: [], config: brisk });
      const { page } = await show(own);
      await page.getByRole('button', { name: 'Continue' }).waitFor();
      // The heading of the step has the focus; the next stop is its button.
      await page.keyboard.press('Tab');
      await page.keyboard.press('Enter');
      await page.getByRole('heading', { name: 'A look at this computer' }).waitFor();
      await page.getByRole('button', { name: 'Continue' }).press('Enter');
      await page.getByRole('button', { name: 'Only use the network' }).press('Enter');
      await page.getByRole('heading', { level: 1, name: 'Dashboard' }).waitFor();
      await page.keyboard.press('Control+k');
      await page.keyboard.type('start prov');
      await page.keyboard.press('Enter');
      await page.getByText('This computer provides').waitFor();
      await page.keyboard.press('Control+k');
      await page.keyboard.type('theme dark');
      await page.keyboard.press('Enter');
      expect(await page.evaluate('document.documentElement.dataset.theme')).toBe('dark');
      await page.keyboard.press('Control+k');
      await page.keyboard.type('logs');
      await page.keyboard.press('Enter');
      await page.getByRole('heading', { level: 1, name: 'Logs' }).waitFor();
      expect(await page.evaluate('document.activeElement.tagName')).toBe('H1');
    },
    minutes,
  );
});
