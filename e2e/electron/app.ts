/** The app as a test sees it, whoever launched it. */
import type { Page } from '@playwright/test';
import { z } from '../../node-core/protocol/index.ts';

export const Seen = z.object({
  windows: z.array(z.object({ options: z.record(z.string(), z.unknown()), visible: z.boolean() })),
  notifications: z.array(z.object({ title: z.string(), body: z.string() })),
  tray: z.object({ tip: z.string().optional(), labels: z.array(z.string().nullable()).optional() }),
  schemes: z.array(z.object({ scheme: z.string(), privileges: z.record(z.string(), z.boolean()) })),
  opened: z.array(z.string()),
  /** What the app asked its owner in a dialog. */
  asked: z.array(z.string()),
  links: z.array(z.string()),
  /** Epoch ms: the app was ready, and its window was told what to load. */
  times: z.object({ ready: z.number(), load: z.number() }),
  permissions: z.object({ check: z.boolean(), request: z.boolean() }),
});

export type Seen = z.infer<typeof Seen>;

export interface App {
  readonly page: Page;
  readonly errors: string[];
  readonly exited: Promise<number | null>;
  readonly pid: number | undefined;
  /** `system`: what the app tells the system around it (tray, notifications, links, refusals) can be looked at. */
  readonly sees: { readonly system: boolean };
  seen(): Promise<Seen>;
  /** What the app wrote to its standard error output so far: the node's log. */
  log(): string;
  /** What the person or the system does around the window. */
  act(ask: string, fields?: Readonly<Record<string, unknown>>): Promise<void>;
  end(): Promise<void>;
}

export interface LaunchOptions {
  readonly mainFile?: string;
  readonly userData: string;
  readonly config: string;
  readonly args?: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
}
