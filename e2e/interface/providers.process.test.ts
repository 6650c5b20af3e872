// Whom one works with: what is known of a computer, and the owner's word on it.

import { afterAll, describe, expect } from 'vitest';
import { requires } from '../capabilities.ts';
import { brisk, ended, eventually, knows, NodeGroup, reviews, submit } from '../loop/nodes.ts';
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
    // Words that nobody answers to, letters that mean something elsewhere, and the way back.
    const search = page.getByRole('searchbox', { name: 'Search by id, offer or CPU' });
    for (const words of ['nobody like that', '(.*', '%', '\\']) {
      await search.fill(words);
      await page.getByText('No computer matches').waitFor();
    }
    await page.getByRole('button', { name: 'Show all computers' }).click();
    expect(await search.inputValue()).toBe('');
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

    // One job: this one not, and nobody else that may come.
    await goTo(page, 'New job');
    await page.getByRole('button', { name: 'Try the sample' }).click();
    await page.getByRole('button', { name: `Leave out ${blocked.slice(-8)}` }).click();
    await page.getByRole('button', { name: `Take back ${blocked.slice(-8)}` }).waitFor();
    await page.getByRole('switch', { name: /Nobody else/ }).click();
    await page.getByText(/^Only (this|these)/).waitFor();
    await page.getByLabel('Name', { exact: true }).fill('kept among friends');
    await page.getByRole('button', { name: 'Start job' }).click();
    await page.getByRole('heading', { level: 1, name: 'kept among friends' }).waitFor();
    const [job] = (await client.api.call('jobs.list', { limit: 1 })).jobs;
    const spec = await client.api.call('jobs.spec', { jobId: job?.jobId ?? '' });
    expect(spec.providers?.never).toEqual([blocked]);
    expect(spec.providers?.only).toContain(favoured);
    expect(spec.providers?.only).not.toContain(blocked);
    await page.getByText('Done', { exact: true }).waitFor();

    // The whole log is searched, not only what is on the page; and a line leads to its job.
    await goTo(page, 'Logs');
    await page.getByRole('searchbox').fill('kept among friends');
    const submitted = page.getByRole('listitem').filter({ hasText: 'A job was submitted' });
    await eventually('only that one is left', async () => (await submitted.count()) === 1);
    expect(await submitted.textContent()).toContain('kept among friends');
    await page.getByRole('searchbox').fill('job was submitted');
    const links = page.getByRole('link', { name: /Open its job/ });
    await eventually('both jobs are found', async () => (await links.count()) === 2);
    await links.last().click();
    await page.getByRole('heading', { level: 1, name: 'kept among friends' }).waitFor();
    expect(errors).toEqual([]);
  });

  testInBrowser('sees the recovery phrase once, and takes back a reset of all settings', async () => {
    const browser = await connectBrowser();
    group ??= await NodeGroup.make('infernet-peers-');
    const own = await group.start({ name: 'own', provider: false, bootstrap: [], config: brisk });
    const { page } = await openInterface(browser, own);
    await firstSteps(page, 'Only use the network');
    await goTo(page, 'Settings');
    await page.getByRole('button', { name: 'Show the phrase' }).click();
    expect(await page.getByRole('list', { name: 'Recovery phrase' }).count()).toBe(0);
    await page.getByRole('button', { name: 'Show the words' }).click();
    const words = page.getByRole('list', { name: 'Recovery phrase' }).locator('b');
    await words.first().waitFor();
    const { phrase } = await own.api.call('identity.export', {});
    expect(await words.allTextContents()).toEqual(phrase.split(' '));
    await page.getByRole('button', { name: 'I have written them down' }).click();
    expect(await words.count()).toBe(0);
    await own.api.call('settings.set', { values: { 'provider.queueMax': 7 } });
    await page.reload();
    await page.getByRole('button', { name: 'Reset settings' }).click();
    await page.getByRole('dialog').getByText('provider.queueMax').waitFor();
    await page.getByRole('dialog').getByRole('button', { name: 'Reset settings' }).click();
    const queueMax = async () => Object((await own.api.call('settings.get', {})).config['provider']).queueMax;
    await eventually('it has its default', async () => (await queueMax()) === 64);
    await page.getByRole('button', { name: 'Undo' }).click();
    await eventually('it is as it was', async () => (await queueMax()) === 7);
    // By the keyboard alone, to a section that is closed.
    const section = page.locator('summary', { hasText: 'Log file' });
    await section.focus();
    await section.press('Enter');
    await page.getByRole('combobox', { name: 'log.level' }).waitFor();
  });
});
