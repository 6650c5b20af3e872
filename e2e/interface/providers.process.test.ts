// Whom one works with: what is known of a computer, and the owner's word on it.

import { afterAll, describe, expect } from 'vitest';
import { requires } from '../capabilities.ts';
import { brisk, ended, knows, NodeGroup, reviews, submit } from '../loop/nodes.ts';
import { firstSteps, goTo, openInterface } from './browser.ts';
import { connectBrowser, connectNodes, sharedAddresses } from './shared.ts';

const testInBrowser = requires('chromium');

describe('the owner', () => {
  let group: NodeGroup | undefined;
  afterAll(() => group?.stop());

  testInBrowser('blocks one computer, favours another, and sees why each was chosen', async () => {
    const browser = await connectBrowser();
    const { providers } = await connectNodes();
    group = await NodeGroup.make('infernet-peers-');
    const client = await group.start({
      name: 'owner',
      provider: false,
      bootstrap: sharedAddresses(),
      config: brisk,
    });
    await knows(client, providers);
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

    const jobId = await submit(client.api, { inputs: await reviews(20) });
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
  });
});
