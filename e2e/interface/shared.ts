/** The browser and the nodes of e2e/setup.ts, for the tests of one file. */
import { type Browser, chromium } from '@playwright/test';
import { inject } from 'vitest';
import { type ControlClient, connectControl } from '../../node-core/control/index.ts';
import type { NodePlace, Shared } from '../setup.ts';

/** A node that runs somewhere, and is not ours to end. */
export interface KnownNode extends NodePlace {
  readonly api: ControlClient;
}

/** @throws Error where there is no browser: such tests are skipped by their capability. */
function shared(): Shared {
  const found = inject('shared');
  if (found === null) throw new Error('no Chromium');
  return found;
}

export const connectBrowser = (): Promise<Browser> => chromium.connect(shared().browser);

/** Joins through these. */
export const sharedAddresses = (): string[] => shared().providers.flatMap(({ addresses }) => addresses.slice(0, 1));

export async function connectNodes(): Promise<{ client: KnownNode; providers: KnownNode[] }> {
  const [client, ...providers] = await Promise.all(
    [shared().client, ...shared().providers].map(async (place) => ({
      ...place,
      api: await connectControl(place.dataFolder),
    })),
  );
  if (client === undefined) throw new Error('no client');
  return { client, providers };
}
