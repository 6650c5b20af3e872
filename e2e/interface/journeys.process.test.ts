// What a person does with the interface among other nodes: each journey from its first click to what it was for.

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Browser } from '@playwright/test';
import { afterAll, afterEach, beforeAll, describe, expect } from 'vitest';
import { requires } from '../capabilities.ts';
import { brisk, directLabels, ended, eventually, knows, NodeGroup, nextEvent, reviews, submit } from '../loop/nodes.ts';
import { goTo, type OpenPage, openInterface } from './browser.ts';
import { connectBrowser, connectNodes, type KnownNode, sharedAddresses } from './shared.ts';

const testInBrowser = requires('chromium');

describe('a person', () => {
  let browser: Browser;
  let group: NodeGroup;
  let client: KnownNode;
  let providers: KnownNode[];
  let open: OpenPage | null = null;

  beforeAll(async () => {
    browser = await connectBrowser();
    ({ client, providers } = await connectNodes());
    group = await NodeGroup.make('infernet-person-');
  });
  afterEach(async () => {
    await open?.context.close();
    open = null;
  });
  afterAll(() => group?.stop());

  async function show(node: Pick<KnownNode, 'dataFolder'>): Promise<OpenPage> {
    open = await openInterface(browser, node);
    return open;
  }

  testInBrowser(
    'drops a table of 200 reviews, watches the grid fill, and exports results that equal the truth',
    async () => {
      const { page, errors } = await show(client);
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
      // Items count as done while their shard is not accepted yet; what is exported before has gaps.
      await page.getByText('10 of 10 shards').waitFor();
      const downloading = page.waitForEvent('download');
      await page.getByRole('button', { name: 'JSON lines' }).click();
      const file = join(group.folder, 'results.jsonl');
      await (await downloading).saveAs(file);
      const lines = (await readFile(file, 'utf8')).trim().split('\n');
      const labels = lines.map((line): unknown => JSON.parse(line).output.label);
      expect(labels).toEqual(await directLabels(200));
      // A copy of it, to be changed.
      await page.getByRole('button', { name: 'Clone' }).click();
      await page.getByRole('heading', { level: 1, name: 'New job' }).waitFor();
      await page.getByText('200 items').waitFor();
      expect(errors).toEqual([]);
    },
  );

  testInBrowser('asks a question, reads the answer while it comes, and sees it verified', async () => {
    const { page, errors } = await show(client);
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
  });

  testInBrowser('sees a provider die in the middle, and the job made whole by others', async () => {
    const mortal = await group.start({
      name: 'mortal',
      provider: true,
      bootstrap: sharedAddresses(),
      config: brisk,
    });
    await knows(client, [mortal]);
    const { page } = await show(client);
    await goTo(page, 'Jobs');
    const { logSeq } = await client.api.call('node.status', {});
    const atWork = nextEvent(
      client,
      'the mortal one is at work',
      (event) => event.type === 'replica.started' && event.provider === mortal.peerId,
      { after: logSeq },
    );
    const jobId = await submit(client.api, { inputs: await reviews(200), itemsPerShard: 5, label: 'to be healed' });
    await atWork;
    await mortal.kill();
    await page.getByRole('link', { name: /to be healed/ }).click();
    await ended(client.api, jobId, 90_000);
    await page.getByText('200 of 200 items').waitFor();
    await page.getByText(/attempts? failed and w.* made good by others/).waitFor();
  });

  testInBrowser('becomes a provider, and sees credits and reputation come in', async () => {
    const own = await group.start({ name: 'own', provider: false, bootstrap: sharedAddresses(), config: brisk });
    const { page, errors } = await show(own);
    await page.getByRole('button', { name: 'Continue' }).click();
    await page.getByText('infernet-tiny').first().waitFor();
    await page.getByRole('button', { name: 'Continue' }).click();
    await page.getByRole('button', { name: 'Become provider' }).click();
    await page.getByText('This computer provides').waitFor();
    await knows(client, [...providers, own]);
    // A copy at each of the four: it is one of them.
    const policy = { type: 'replicate', copies: 4, quorum: 3 } as const;
    const jobId = await submit(client.api, { inputs: await reviews(10), itemsPerShard: 5, policy });
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
  });
});
