// Every control does what it says: what is set before a job, what is done with one, what filters a list, what is exported. Each
// is compared with what the node itself answers.

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Page } from '@playwright/test';
import { afterAll, afterEach, beforeAll, describe, expect } from 'vitest';
import { requires } from '../capabilities.ts';
import { ended, eventually, NodeGroup, reviews, submit } from '../loop/nodes.ts';
import { goTo, type OpenPage, openInterface } from './browser.ts';
import { connectBrowser, connectNodes, type KnownNode } from './shared.ts';

const testInBrowser = requires('chromium');
/** Nobody has this id: a job that is kept to it waits. */
const nobody = `12D3KooW${'A'.repeat(44)}`;

describe('each control', () => {
  let client: KnownNode;
  let group: NodeGroup;
  let open: OpenPage;

  beforeAll(async () => {
    ({ client } = await connectNodes());
    group = await NodeGroup.make('infernet-controls-');
  });
  afterEach(() => open?.context.close());
  afterAll(() => group?.stop());

  async function show(): Promise<Page> {
    open = await openInterface(await connectBrowser(), client);
    await open.page.getByRole('heading', { level: 1, name: 'Dashboard' }).waitFor();
    return open.page;
  }

  async function saved(page: Page, button: string): Promise<string[]> {
    const downloading = page.waitForEvent('download');
    await page.getByRole('button', { name: button }).click();
    const file = join(group.folder, button);
    await (await downloading).saveAs(file);
    return (await readFile(file, 'utf8')).trim().split(/\r?\n/);
  }

  testInBrowser('of a new job is in what the node is asked for', async () => {
    const page = await show();
    await goTo(page, 'New job');
    await page.getByRole('radio', { name: /Text classification/ }).check();
    await page.getByRole('textbox', { name: 'Inputs' }).fill('Lovely.\nNever again.');
    await page.getByRole('button', { name: 'Sample', exact: true }).click();
    await page.getByLabel('Percent checked').fill('12.5');
    await page.getByLabel('Items per shard').fill('1');
    await page.getByLabel('Budget, credits').fill('1.5');
    await page.getByLabel('Time limit, minutes').fill('7');
    await page.getByLabel('Priority').selectOption('9');
    await page.getByLabel('Name', { exact: true }).fill('as it was set');
    await page.getByRole('button', { name: 'Start job' }).click();
    await page.getByRole('heading', { level: 1, name: 'as it was set' }).waitFor();
    const [job] = (await client.api.call('jobs.list', { limit: 1 })).jobs;
    const jobId = job?.jobId ?? '';
    expect(await client.api.call('jobs.spec', { jobId })).toMatchObject({
      inputs: [{ text: 'Lovely.' }, { text: 'Never again.' }],
      policy: { type: 'sample', ratePpm: 125_000 },
      itemsPerShard: 1,
      budgetMicro: '1500000',
      deadlineMs: 420_000,
      priority: 9,
      label: 'as it was set',
    });
    await ended(client.api, jobId);
    // Copies, and only here.
    await page.getByRole('button', { name: 'Clone' }).click();
    await page.getByRole('heading', { level: 1, name: 'New job' }).waitFor();
    await page.getByRole('button', { name: 'Compare all' }).click();
    await page.getByLabel('Copies').selectOption('3');
    await page.getByText('Who would run it').waitFor();
    const readers = page.locator('aside dl > div, aside dl').filter({ hasText: 'Readers of each input' }).first();
    await eventually('the plan follows', async () => /input\D*3/.test((await readers.textContent()) ?? ''));
    await page.getByRole('button', { name: 'Only here' }).click();
    await eventually('nobody else reads it', async () => /input\D*0/.test((await readers.textContent()) ?? ''));
    expect(open.errors).toEqual([]);
  });

  testInBrowser('of a job ends it, keeps it, and takes up again what it did not finish', async () => {
    const page = await show();
    const inputs = await reviews(3);
    const jobId = await submit(client.api, { inputs, label: 'waits for nobody', providers: { only: [nobody] } });
    await page.goto(`${page.url().split('#')[0]}#/jobs/${jobId}`);
    await page.getByRole('button', { name: 'Cancel job' }).click();
    await page.getByRole('button', { name: 'Keep it running' }).click();
    expect((await client.api.call('jobs.get', { jobId })).endedAt).toBeNull();
    await page.getByRole('button', { name: 'Cancel job' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Cancel job' }).click();
    expect((await ended(client.api, jobId)).state).toBe('cancelled');
    await page.getByText('Cancelled', { exact: true }).first().waitFor();
    await page.getByRole('button', { name: 'Retry what failed' }).click();
    await page.getByText(`Repeats what job ${jobId.slice(0, 8)} did not finish.`).waitFor();
    await page.getByText('3 items').first().waitFor();
    // As a table, with what was asked beside what was answered.
    const done = await submit(client.api, { inputs, label: 'for a table' });
    await ended(client.api, done);
    await page.goto(`${page.url().split('#')[0]}#/jobs/${done}`);
    await page.getByText('3 of 3 items').waitFor();
    await page.getByText('1 of 1 shard ').waitFor();
    const [head = '', ...rows] = await saved(page, 'CSV');
    expect(head).toMatch(/^index,input,label,how/);
    expect(rows).toHaveLength(3);
    expect(open.errors).toEqual([]);
  });

  testInBrowser('of the log leaves what was asked for, holds it still, and lets it go on', async () => {
    const inputs = await reviews(2);
    const jobId = await submit(client.api, { inputs, label: 'in the log' });
    await ended(client.api, jobId);
    const page = await show();
    await goTo(page, 'Logs');
    const lines = page.getByRole('region', { name: /^Entries of the log/ }).getByRole('listitem');
    const rooms = page.locator('li .room');
    await page.getByLabel('About').selectOption('credits');
    await eventually('credits alone are left', async () => {
      const names = new Set(await rooms.allTextContents());
      return names.size === 1 && names.has('credits');
    });
    await page.getByLabel('Job id').fill(jobId);
    const { entries } = await client.api.call('logs.query', { jobId, limit: 1_000 });
    const ofCredits = entries.filter(({ event }) => String(Object(event).type).startsWith('payment.')).length;
    await eventually('those of the job are left', async () => (await lines.count()) === ofCredits);
    await page.getByRole('button', { name: 'Clear filters' }).first().click();
    await page.getByRole('button', { name: 'Errors' }).click();
    await eventually('errors alone are left', async () => (await page.locator('li.info, li.warn').count()) === 0);
    await page.getByRole('button', { name: 'Clear filters' }).first().click();
    await eventually('all are back', async () => (await page.locator('li.info').count()) > 0);
    // What comes meanwhile is counted, and shown when it goes on.
    await page.getByRole('button', { name: 'Pause', exact: true }).click();
    const later = await submit(client.api, { inputs, label: 'while it stands still' });
    await ended(client.api, later);
    const goOn = page.getByRole('button', { name: /^Go on.*new entr/ });
    await goOn.waitFor();
    expect(await page.getByRole('link', { name: `Open its job ${later.slice(0, 8)}` }).count()).toBe(0);
    await goOn.click();
    await page
      .getByRole('link', { name: `Open its job ${later.slice(0, 8)}` })
      .first()
      .waitFor();
    expect(open.errors).toEqual([]);
  });

  testInBrowser('of the wallet leaves what was asked for, on the page and in the file', async () => {
    await ended(client.api, await submit(client.api, { inputs: await reviews(2), label: 'to be paid' }));
    const page = await show();
    await goTo(page, 'Wallet');
    const ledger = page.getByRole('region', { name: 'Ledger' });
    const rows = ledger.locator('tbody tr');
    await rows.first().waitFor();
    // This one only submits.
    await ledger.getByRole('button', { name: 'Received' }).click();
    await ledger.getByText('No payments match').waitFor();
    await ledger.getByRole('button', { name: 'Paid' }).click();
    const [peer = ''] = (await client.api.call('wallet.summary', {})).peers.map(({ peerId }) => peerId);
    await ledger.getByLabel('Computer').selectOption(peer);
    const { rows: ofPeer } = await client.api.call('wallet.ledger', { limit: 1_000, peer });
    await eventually(
      'those of one computer are left',
      async () => (await rows.count()) === Math.min(100, ofPeer.length),
    );
    const [head, ...lines] = await saved(page, 'CSV');
    expect(head).toBe('time,direction,peer,amount_micro,cumulative_micro,replica');
    expect(lines).toHaveLength(ofPeer.length);
    expect(lines.every((line) => line.includes(`,paid,${peer},`))).toBe(true);
    expect(open.errors).toEqual([]);
  });
});
