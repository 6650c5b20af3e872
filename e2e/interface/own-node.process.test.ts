// What a person does with a node that nobody has used before, and that is alone: it begins with the first steps.

import type { Browser } from '@playwright/test';
import { afterAll, afterEach, beforeAll, describe, expect } from 'vitest';
import { requires } from '../capabilities.ts';
import { brisk, eventually, NodeGroup, type RunningNode } from '../loop/nodes.ts';
import { goTo, type OpenPage, openInterface } from './browser.ts';
import { connectBrowser } from './shared.ts';
import { violations } from './violations.ts';

const testInBrowser = requires('chromium');
const settings = {
  name: 'own',
  provider: false,
  bootstrap: [],
  config: brisk,
  // Whatever this computer has: here no engine is where one should be.
  env: { DOCKER_HOST: 'unix:///nowhere/docker.sock' },
} as const;

// One after the other, on one node.
describe('a person with a new node', () => {
  let browser: Browser;
  let group: NodeGroup;
  let own: RunningNode;
  let open: OpenPage | null = null;

  beforeAll(async () => {
    browser = await connectBrowser();
    group = await NodeGroup.make('infernet-new-');
    own = await group.start(settings);
  });
  afterEach(async () => {
    await open?.context.close();
    open = null;
  });
  afterAll(() => group?.stop());

  async function show(node: Pick<RunningNode, 'dataFolder'>): Promise<OpenPage> {
    open = await openInterface(browser, node);
    return open;
  }

  testInBrowser('finds everything by the keyboard alone', async () => {
    const { page } = await show(own);
    await page.getByRole('button', { name: 'Continue' }).waitFor();
    const found = await violations(page, 'the first step');
    // The heading of the step has the focus; the next stop is its button.
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'A look at this computer' }).waitFor();
    // What the node finds on this computer, whatever it is.
    await page.getByText(/\d \w+ free$/).waitFor();
    await page.getByText('Unknown: no other computer has called this one yet.').waitFor();
    found.push(...(await violations(page, 'the second step')));
    await page.getByRole('button', { name: 'Continue' }).press('Enter');
    await page.getByRole('button', { name: 'Only use the network' }).waitFor();
    found.push(...(await violations(page, 'the third step')));
    expect(found).toEqual([]);
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
  });

  testInBrowser('is told what is wrong in each field, and gets no job by it', async () => {
    const { page } = await show(own);
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
    await goTo(page, 'Chat');
    const send = page.getByRole('button', { name: 'Send' });
    const question = page.getByRole('textbox', { name: 'Ask something …' });
    await question.fill('  ');
    await page.keyboard.press('Enter');
    expect(await send.isDisabled()).toBe(true);
    await question.fill('why? '.repeat(5_000));
    await page.getByText(/^At most 20,000 letters/).waitFor();
    await page.keyboard.press('Enter');
    expect(await send.isDisabled()).toBe(true);
    expect(await page.locator('.answer').count()).toBe(0);
    await goTo(page, 'Logs');
    await page.getByLabel('Job id').fill('x');
    await page.getByText('A job id has 32 hex digits.').waitFor();
    await page.getByLabel('Job id').fill('');
    await page.getByLabel('Peer id').fill('12D3KooW');
    await page.getByText(/^A peer id begins with/).waitFor();
    await page.getByRole('button', { name: 'Export a summary' }).click();
    const summary = page.getByRole('button', { name: 'Save summary' });
    await page.getByLabel('From', { exact: true }).fill('');
    await page.getByText('Enter a date and a time.').waitFor();
    expect(await summary.isDisabled()).toBe(true);
    await page.getByLabel('From', { exact: true }).fill('2026-11-23T10:00');
    await page.getByLabel('To', { exact: true }).fill('2026-11-23T09:00');
    await page.getByText('The end must be after the beginning.').waitFor();
    expect(await summary.isDisabled()).toBe(true);
    await page.getByLabel('To', { exact: true }).fill('2026-11-23T11:00');
    expect(await summary.isDisabled()).toBe(false);
    await page.keyboard.press('Escape');
    await goTo(page, 'Settings');
    await page.getByLabel('Search settings').fill('queueMax');
    const queue = page.getByRole('textbox', { name: 'provider.queueMax' });
    await queue.fill('many');
    await page.keyboard.press('Enter');
    await page.getByText('Enter a number.').waitFor();
    await queue.fill('-5');
    await page.keyboard.press('Enter');
    await page
      .getByText(/provider\.queueMax.*(least|expected|1)/)
      .first()
      .waitFor();
    await queue.fill('32');
    await page.keyboard.press('Enter');
    await page.getByText('Saved').waitFor();
    expect((await own.api.call('settings.get', {})).config['provider']).toMatchObject({ queueMax: 32 });
    expect((await own.api.call('jobs.list', {})).total).toBe(0);
  });

  testInBrowser('follows the light and dark of the system, until another is chosen', async () => {
    const { page } = await show(own);
    await goTo(page, 'Settings');
    const isDark = () => page.evaluate<boolean>('matchMedia("(prefers-color-scheme: dark)").matches');
    const ground = async (system: 'light' | 'dark') => {
      await page.emulateMedia({ colorScheme: system });
      expect(await isDark()).toBe(system === 'dark');
      return page.evaluate<string>('getComputedStyle(document.body).backgroundColor');
    };
    const [light, dark] = [await ground('light'), await ground('dark')];
    expect(dark).not.toBe(light);
    await page.getByRole('button', { name: 'Light', exact: true }).click();
    expect(await ground('dark')).toBe(light);
    await page.reload();
    await page.getByRole('heading', { level: 1, name: 'Settings' }).waitFor();
    expect(await ground('dark')).toBe(light);
    await page.getByRole('button', { name: 'As the system' }).click();
    expect([await ground('light'), await ground('dark')]).toEqual([light, dark]);
  });

  testInBrowser('finds every setting of the configuration in words, and changes one of each kind', async () => {
    const { page } = await show(own);
    await goTo(page, 'Settings');
    const { schema } = await own.api.call('settings.schema', {});
    const config = async () => (await own.api.call('settings.get', {})).config;
    const inside = await config();
    const parts = (from: unknown): [string, unknown][] =>
      Object.entries<unknown>(Object(Object(from).properties)).filter(([name]) => !name.startsWith('$'));
    const paths = parts(schema).flatMap(([room, its]) =>
      parts(its).length > 0 && inside[room] !== undefined ? parts(its).map(([name]) => `${room}.${name}`) : [room],
    );
    expect(paths.length).toBeGreaterThan(60);
    // A letter that each has in its name or its description.
    await page.getByLabel('Search settings').fill('e');
    await page.getByRole('combobox', { name: 'log.level' }).waitFor();
    const rows = page.locator('.setting');
    expect((await rows.locator('dt .mono').allTextContents()).sort()).toEqual(paths.sort());
    const words = await rows.locator('dt > span:first-child').allTextContents();
    expect(words.filter((one) => !one.includes(' '))).toEqual([]);

    await page.getByRole('switch', { name: 'host.pauseOnFullScreen' }).click();
    await page.getByRole('combobox', { name: 'log.level' }).selectOption('debug');
    const peer = `12D3KooW${'A'.repeat(44)}`;
    const blocked = page.getByRole('textbox', { name: 'provider.blockedClients' });
    await blocked.fill(peer);
    await blocked.press('Enter');
    const limits = page.getByRole('textbox', { name: 'provider.clientLimits' });
    await limits.fill('few');
    await limits.press('Enter');
    await page.getByText('Enter JSON, as ["a", "b"].').waitFor();
    await eventually('they are in force', async () => {
      const { host, log, provider } = await config();
      const isSet = !Object(host).pauseOnFullScreen && Object(log).level === 'debug';
      return isSet && Object(provider).blockedClients.join() === peer;
    });
    for (const path of ['host.pauseOnFullScreen', 'log.level', 'provider.blockedClients'])
      await rows.filter({ hasText: path }).getByRole('button', { name: 'Default' }).click();
    await eventually('they have their defaults', async () => {
      const { host, log, provider } = await config();
      const isSet = Object(host).pauseOnFullScreen && Object(log).level === 'info';
      return isSet && Object(provider).blockedClients.length === 0;
    });
    // What only a start can change is said to be so.
    const entries = page.getByRole('textbox', { name: 'store.snapshotEntries' });
    await entries.fill('6000');
    await entries.press('Enter');
    const notice = page.getByText('in force from the next start on: store.snapshotEntries');
    await notice.waitFor();
    // It is so still for who comes back to the page, and what counts there is the file.
    await goTo(page, 'Dashboard');
    await goTo(page, 'Settings');
    await notice.waitFor();
    await page.getByLabel('Search settings').fill('snapshotEntries');
    await entries.waitFor();
    expect(await entries.inputValue()).toBe('6000');
    await page.getByText('waits for a start').waitFor();
    await rows.filter({ hasText: 'store.snapshotEntries' }).getByRole('button', { name: 'Default' }).click();
    await notice.waitFor({ state: 'detached' });
  });

  testInBrowser('sets prices in credits, by the keyboard, and is told which are none', async () => {
    const { page } = await show(own);
    await goTo(page, 'Settings');
    await page.getByLabel('Search settings').fill('price');
    const perShard = page.getByRole('textbox', { name: 'Price, cr per shard' });
    await perShard.fill('cheap');
    await perShard.press('Enter');
    await page.getByText(/^Enter an amount of credits/).waitFor();
    expect(await perShard.getAttribute('aria-invalid')).toBe('true');
    await perShard.fill('0.002');
    await perShard.press('Enter');
    await page.getByText('Saved').first().waitFor();
    // Another one for one template.
    await page.getByLabel('Set a price for a template').selectOption('text-generation');
    const itsShard = page.getByRole('textbox', { name: 'Price of text-generation, cr per shard' });
    await itsShard.fill('0.5');
    await itsShard.press('Enter');
    await page.getByText(/^Enter an amount of credits/).waitFor();
    await page.getByRole('textbox', { name: 'Price of text-generation, cr per item' }).fill('0');
    const found = await violations(page, 'prices');
    await page.keyboard.press('Enter');
    const provider = async () => (await own.api.call('settings.get', {})).config['provider'];
    await eventually('they are in force', async () => 'text-generation' in Object(Object(await provider()).prices));
    expect(await provider()).toMatchObject({
      defaultPrice: { shardMicro: '2000', itemMicro: '100' },
      prices: { 'text-generation': { shardMicro: '500000', itemMicro: '0' } },
    });
    await page.getByRole('button', { name: 'Remove the price of text-generation' }).press('Enter');
    await page.getByRole('button', { name: 'Save' }).press('Enter');
    await eventually('it is gone', async () => !('text-generation' in Object(Object(await provider()).prices)));
    // An amount that is no price.
    const limit = page.getByRole('textbox', { name: 'provider.creditLimitMicro' });
    await page.getByLabel('Search settings').fill('creditLimitMicro');
    await limit.fill('1e3');
    await limit.press('Enter');
    await page.getByText(/^Enter an amount of credits/).waitFor();
    expect(found).toEqual([]);
  });

  testInBrowser(
    'holds its work by the keyboard, and sees what its container engine is, with what would help',
    async () => {
      await own.api.call('provider.switch', { on: true });
      const { page } = await show(own);
      await page.getByRole('button', { name: 'Pause' }).press('Enter');
      await page.getByText('Paused: work for others stands still').first().waitFor();
      expect((await own.api.call('provider.status', {})).pauses).toMatchObject([{ by: 'hand' }]);
      await page.getByRole('button', { name: 'Let it go on' }).press('Enter');
      await page.getByRole('button', { name: 'Pause' }).waitFor();
      await goTo(page, 'Providers');
      await page.getByRole('link', { name: own.peerId.slice(-8) }).press('Enter');
      const panel = page.getByRole('region', { name: 'Container engine' });
      await panel.waitFor();
      await panel.getByText('/nowhere/docker.sock: there is nothing. What helps: start it').waitFor();
      expect(await violations(page, 'the own computer')).toEqual([]);
    },
  );

  testInBrowser('goes on after the node was killed and came back under the open window', async () => {
    const { page } = await show(own);
    // All of the page has come.
    await goTo(page, 'Logs');
    await goTo(page, 'Dashboard');
    await own.api.call('provider.switch', { on: false });
    await own.kill();
    await page.getByText(/The node does not answer/).waitFor();
    own = await group.start(settings);
    await page.getByText('The node is back').waitFor();
    expect(await page.getByText(/The node does not answer/).count()).toBe(0);
    await own.api.call('provider.switch', { on: true });
    await page.getByText('This computer provides').waitFor();
    // In order, by its owner's word.
    await goTo(page, 'Settings');
    await page.getByRole('button', { name: 'Stop the node' }).click();
    await page.getByRole('button', { name: 'Stop it' }).click();
    expect(await own.exited).toBe(0);
    await page.getByText(/The node does not answer. Reconnecting/).waitFor();
  });
});
