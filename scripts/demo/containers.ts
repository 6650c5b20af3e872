/** The demo in containers: an engine, this computer's or one of its own for as long as it runs, and images of the templates. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import {
  buildTemplateImages,
  builtImagesOf,
  findEngine,
  loadTemplates,
  shippedTemplates,
} from '../../node-core/adapters.ts';
import { NodeConfig } from '../../node-core/config/index.ts';
import { startTestEngine } from '../../node-core/execution/docker/testing.ts';
import type { Screen } from './screen.ts';

const cacheFolder = join(
  process.env['XDG_CACHE_HOME'] ?? join(process.env['HOME'] ?? '/tmp', '.cache'),
  'infernet-demo',
);

const config = NodeConfig.parse({ dataFolder: cacheFolder });
const builtImages = builtImagesOf(config);

export interface DemoEngine {
  /** For the nodes: where the engine is. */
  readonly env: Readonly<Record<string, string>>;
  /** For the nodes, too: file with the images that they may take for their templates'. */
  readonly builtImages: string;
  stop(): Promise<void>;
}

/** @throws Error that says what to install. */
export async function startEngine(screen: Screen): Promise<DemoEngine> {
  const { state, name, problems } = await findEngine({ env: process.env });
  if (state === 'found') {
    screen.say(`containers run by ${name}`);
    const named = process.env['DOCKER_HOST'];
    return { env: named === undefined ? {} : { DOCKER_HOST: named }, builtImages, stop: async () => undefined };
  }
  if (process.getuid?.() !== 0 || !existsSync('/usr/sbin/dockerd')) {
    const seen = problems.length === 0 ? '' : ` (${problems.map(({ text }) => text).join('; ')})`;
    throw new Error(
      `--docker needs a container engine, and none can be used${seen}. On Debian: apt-get install --no-install-recommends docker.io, ` +
        'then `usermod -aG docker <you>` and a new login; or Podman with `systemctl --user start podman.socket`',
    );
  }
  const engine = await startTestEngine();
  screen.say(`containers run by a Docker daemon of the demo's own, at ${engine.socketPath}`);
  return { env: engine.env, builtImages, stop: () => engine.stop() };
}

/** Builds what the engine does not have yet. @throws Error with the build's own words. */
export async function buildImages(screen: Screen, { env }: DemoEngine, names: readonly string[]): Promise<void> {
  const { templates } = await loadTemplates([shippedTemplates()]);
  const startedAt = performance.now();
  const images = await buildTemplateImages(
    config,
    { cacheFolder },
    {
      templates: templates.filter(({ template }) => names.includes(template.name)),
      base: null,
      env: { ...process.env, ...env },
      onlyMissing: true,
      onLine: () => undefined,
    },
  );
  for (const { template, fault } of images) {
    if (fault !== null) throw new Error(`the image of ${template} could not be built: ${fault}`);
  }
  screen.say(
    `images of ${names.join(' and ')} are there after ${((performance.now() - startedAt) / 1000).toFixed(1)} s`,
  );
}
