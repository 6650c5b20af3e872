// Whom one works with: what is known of a computer, and the owner's word on it.

import type { Browser } from '@playwright/test';
import { afterAll, beforeAll, describe, expect } from 'vitest';
import { requires } from '../capabilities.ts';
import { buildOnce } from '../electron/build.ts';
import { ended, NodeGroup, reviews, startNetwork, submit } from '../loop/nodes.ts';
import { firstSteps, goTo, launchBrowser, openInterface } from './browser.ts';

const testInBrowser = requires('chromium');

describe('the owner', () => {
  let browser: Browser;
  let group: NodeGroup;

  beforeAll(async () => {
    await buildOnce();
    browser = await launchBrowser();
    group = await NodeGroup.make('infernet-peers-');
  });
  afterAll(async () => {
    await browser?.close();
    await group?.stop();
  });

  testInBrowser(
    'blocks one computer, favours another, and sees why each was chosen',
    async () => {
      const { client, providers } = await startNetwork(group, { providers: 3 });
      const [blocked = '', favoured = ''] = providers.map(({ peerId }) => peerId);
      const { page, errors } = await openInterface(browser, client);
      await firstSteps(page, 'Only use the network');
      await goTo(page, 'Providers');
      await page.getByRole('button', { name: `Favour ${favoured.slice(-8)}` }).click();
      await page.getByText('The computer is favoured').waitFor();
      await page.getByRole('link', { name: blocked.slice(-8) }).click();
      await page.getByRole('button', { name: 'Block', exact: true }).click();
      await page.getByText('The computer is blocked').waitFor();
      await page.getByText('You blocked this computer').waitFor();
      const { config } = await client.api.call('settings.get', {});
      expect(config['aggregator']).toMatchObject({ blockedProviders: [blocked], favouredProviders: [favoured] });
      expect(config['provider']).toMatchObject({ blockedClients: [blocked] });

      const jobId = await submit(client.api, { inputs: await reviews(40) });
      await ended(client.api, jobId);
      const { entries } = await client.api.call('logs.query', { jobId, types: ['replica.assigned'] });
      expect(entries.length).toBeGreaterThan(0);
      expect(JSON.stringify(entries.map(({ event }) => Object(event).provider))).not.toContain(blocked);

      await goTo(page, 'Providers');
      await page.getByRole('link', { name: favoured.slice(-8) }).click();
      await page.getByText('favoured by the owner').waitFor();
      await page.getByText('the owner blocked it').first().waitFor();
      await page.getByRole('cell', { name: 'own experience' }).first().waitFor();
      await page.getByText(/since .* watched from here/).waitFor();
      // And back.
      await goTo(page, 'Providers');
      await page.getByRole('link', { name: blocked.slice(-8) }).click();
      await page.getByRole('button', { name: 'Unblock' }).click();
      await page.getByText('no longer blocked').waitFor();
      expect((await client.api.call('settings.get', {})).config['aggregator']).toMatchObject({ blockedProviders: [] });
      expect(errors).toEqual([]);
    },
    120_000,
  );
});
