// A hundred thousand jobs in the list: each is reachable, and no more of them is in the page than is seen. How smoothly it
// scrolls is measured by `npm run bench -- desktop`.

import { afterAll, describe, expect } from 'vitest';
import { requires } from '../capabilities.ts';
import { eventually, NodeGroup } from '../loop/nodes.ts';
import { goTo, openInterface } from './browser.ts';
import { startWithJobs } from './many-jobs.ts';
import { connectBrowser } from './shared.ts';

const testInBrowser = requires('chromium');
const jobs = 100_000;

describe('a hundred thousand jobs', () => {
  let group: NodeGroup;

  afterAll(() => group?.stop());

  testInBrowser(
    'are scrolled to the last one, searched and filtered',
    async () => {
      const browser = await connectBrowser();
      group = await NodeGroup.make('infernet-old-');
      const node = await startWithJobs(group, jobs);
      const { page, errors } = await openInterface(browser, node);
      await page.getByRole('heading', { level: 1, name: 'Dashboard' }).waitFor();
      await goTo(page, 'Jobs');
      await page.getByText('100,000 jobs').waitFor();
      await page.getByRole('link', { name: /old job 99999/ }).waitFor();
      const list = page.getByRole('list', { name: 'Jobs, newest first' });
      for (const [share, name] of [
        [0.5, /old job (49|50)\d\d\d/],
        [1, /^old job 0 /],
      ] as const) {
        await list.evaluate((box, to) => Reflect.set(box, 'scrollTop', to), 4_400_000 * share);
        await page.getByRole('link', { name }).first().waitFor();
        expect(await page.getByRole('listitem').count()).toBeLessThan(80);
      }
      await page.getByRole('searchbox').fill('job 4711');
      await eventually(
        'the search is answered',
        async () => (await page.getByText(/^\d+ jobs?$/).textContent()) === '11 jobs',
      );
      await page.getByRole('button', { name: 'Failed' }).click();
      await eventually('the filter too', async () => (await page.getByText(/^\d+ jobs?$/).textContent()) === '1 job');
      await page.getByRole('link', { name: /old job 47110/ }).click();
      await page.getByRole('heading', { level: 1, name: 'old job 47110' }).waitFor();
      await page.goBack();
      expect(await page.getByRole('searchbox').inputValue()).toBe('job 4711');
      expect(errors).toEqual([]);
    },
    180_000,
  );
});
