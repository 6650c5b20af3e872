/** The installed Chromium on the interface of a real node, as `npm start` opens it. */
import { type Browser, type BrowserContext, type BrowserContextOptions, chromium, type Page } from '@playwright/test';
import { requestPageUrl } from '../../node-core/control/index.ts';
import type { RunningNode } from '../../scripts/demo/nodes.ts';
import { chromiumPath } from '../capabilities.ts';

export const chromiumFlags = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

export async function launchBrowser(): Promise<Browser> {
  if (chromiumPath === undefined) throw new Error('no Chromium');
  return chromium.launch({ executablePath: chromiumPath, args: chromiumFlags });
}

export interface OpenPage {
  readonly page: Page;
  readonly context: BrowserContext;
  /** What the page complained of; a test that expects nothing compares with []. */
  readonly errors: string[];
}

/** @param node whose interface is opened, by a ticket of its own. */
export async function openInterface(
  browser: Browser,
  node: Pick<RunningNode, 'dataFolder'>,
  options: BrowserContextOptions = {},
): Promise<OpenPage> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options });
  const page = await context.newPage();
  const errors: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error') errors.push(message.text());
  });
  page.on('pageerror', (error) => errors.push(error.message));
  await page.goto(await requestPageUrl(node.dataFolder));
  return { page, context, errors };
}

/** Leaves the first steps by the given choice. */
export async function firstSteps(page: Page, choice: 'Become provider' | 'Only use the network'): Promise<void> {
  await page.getByRole('button', { name: 'Continue' }).click();
  await page.getByRole('button', { name: 'Continue' }).click();
  await page.getByRole('button', { name: choice }).click();
  await page.getByRole('heading', { level: 1, name: 'Dashboard' }).waitFor();
}

export async function goTo(page: Page, name: string): Promise<void> {
  await page.getByRole('navigation', { name: 'Pages' }).getByRole('link', { name }).click();
  await page.getByRole('heading', { level: 1, name, exact: true }).waitFor();
}
