/**
 * What all journeys share: the sources as they are built now (what is in out/ may be older), one browser, and a client with
 * three providers that know each other. A journey that kills a node, or needs one that nobody has used, starts its own.
 */
import { chromium } from '@playwright/test';
import type { TestProject } from 'vitest/node';
import { chromiumPath } from './capabilities.ts';
import { build } from './electron/build.ts';
import { chromiumFlags } from './interface/browser.ts';
import { briskWith, NodeGroup, type RunningNode, startNetwork } from './loop/nodes.ts';

/** Where a worker finds a node that another process started. */
export type NodePlace = Pick<RunningNode, 'name' | 'peerId' | 'addresses' | 'dataFolder'>;

export interface Shared {
  /** Of the browser, for Playwright. */
  readonly browser: string;
  readonly client: NodePlace;
  readonly providers: readonly NodePlace[];
}

declare module 'vitest' {
  interface ProvidedContext {
    /** Null where there is no browser, and the tests that need one are skipped. */
    shared: Shared | null;
  }
}

/** Looking each other up every second costs each of them a sixth of a core, for minutes. */
const config = briskWith({
  provider: { templates: ['text-classification', 'text-generation'] },
  directory: { heartbeatMs: 2_000, discoverEveryMs: 5_000 },
});

export async function setup(project: TestProject): Promise<() => Promise<void>> {
  await build();
  if (chromiumPath === undefined) {
    project.provide('shared', null);
    return async () => {};
  }
  const group = await NodeGroup.make('infernet-e2e-');
  try {
    const [browser, { client, providers }] = await Promise.all([
      chromium.launchServer({ executablePath: chromiumPath, args: chromiumFlags }),
      startNetwork(group, { providers: 3, client: config, provider: config }),
    ]);
    // Its owner has made the first choice: only nodes of their own show the first steps.
    await client.api.call('provider.switch', { on: false });
    project.provide('shared', {
      browser: browser.wsEndpoint(),
      client: placeOf(client),
      providers: providers.map(placeOf),
    });
    return async () => {
      await browser.close();
      await group.stop();
    };
  } catch (error) {
    await group.stop();
    throw error;
  }
}

const placeOf = ({ name, peerId, addresses, dataFolder }: RunningNode): NodePlace => ({
  name,
  peerId,
  addresses,
  dataFolder,
});
