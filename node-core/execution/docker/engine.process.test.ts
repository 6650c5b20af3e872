/** Finding an engine and watching it, on a real one. */
import { createHash } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { requires } from '../../../e2e/capabilities.ts';
import { temporaryFolder } from '../testing.ts';
import { createEngine, type Engine } from './engine.ts';
import { enginePlaces } from './engine-place.ts';
import { findEngine } from './find-engine.ts';
import { startTestEngine, type TestEngine } from './testing.ts';

const needsEngine = requires('container-engine');
const engineMsMax = 20_000;
const noGpus = async () => ({ smi: null, toolkit: null });

let folder: string;
let remove: () => Promise<void>;
beforeAll(async () => {
  ({ path: folder, remove } = await temporaryFolder());
});
afterAll(() => remove());

describe('places', () => {
  const around = (env: Record<string, string>) => ({ env, home: join(folder, 'home'), platform: 'linux' as const });
  const paths = async (env: Record<string, string>) =>
    (await enginePlaces(around(env))).places.map(({ socketPath }) => socketPath);

  it('are the one that DOCKER_HOST names, and no other', async () => {
    expect(await paths({ DOCKER_HOST: 'unix:///x/y.sock' })).toEqual(['/x/y.sock']);
    expect(await enginePlaces(around({ DOCKER_HOST: 'tcp://10.0.0.1:2375' }))).toEqual({
      places: [],
      problems: [expect.stringContaining('only an engine of this computer')],
    });
  });

  it('are the usual sockets: rootful, rootless, Podman', async () => {
    expect(await paths({ XDG_RUNTIME_DIR: '/run/user/7' })).toEqual([
      '/var/run/docker.sock',
      '/run/user/7/docker.sock',
      join(folder, 'home/.docker/run/docker.sock'),
      join(folder, 'home/.docker/desktop/docker.sock'),
      '/run/user/7/podman/podman.sock',
      '/run/podman/podman.sock',
    ]);
  });

  it('are those of the chosen context', async () => {
    const config = join(folder, 'config');
    const digest = createHash('sha256').update('mine').digest('hex');
    const meta = join(config, 'contexts', 'meta', digest);
    await mkdir(meta, { recursive: true });
    await writeFile(join(meta, 'meta.json'), '{"Name":"mine","Endpoints":{"docker":{"Host":"unix:///c/d.sock"}}}');
    expect(await paths({ DOCKER_CONFIG: config, DOCKER_CONTEXT: 'mine' })).toEqual(['/c/d.sock']);
    await writeFile(join(config, 'config.json'), '{"currentContext":"mine"}');
    expect(await paths({ DOCKER_CONFIG: config })).toEqual(['/c/d.sock']);
    expect(await paths({ DOCKER_CONFIG: config, DOCKER_CONTEXT: 'default' })).toContain('/var/run/docker.sock');
    const lost = await enginePlaces(around({ DOCKER_CONFIG: config, DOCKER_CONTEXT: 'lost' }));
    expect(lost.problems).toEqual([expect.stringContaining('cannot be read')]);
  });

  it('where nothing is are told of only when they were named', async () => {
    const nowhere = join(folder, 'nowhere.sock');
    expect(await findEngine({ env: { DOCKER_HOST: `unix://${nowhere}` }, gpus: noGpus })).toEqual({
      state: 'missing',
      name: null,
      problems: [{ code: 'not-running', text: `${nowhere}: there is nothing`, fix: expect.stringContaining('start') }],
      gpus: null,
    });
    // A computer without any.
    expect(await findEngine({ env: { HOME: folder, DOCKER_CONTEXT: 'gone' }, gpus: noGpus })).toMatchObject({
      problems: [{ code: 'not-local' }],
    });
  });
});

describe('an engine', () => {
  let real: TestEngine | null = null;
  let engine: Engine | null = null;
  afterEach(async () => {
    engine?.stop();
    await real?.stop();
  });

  needsEngine('is found, known to be gone at once, and found again', async () => {
    real = await startTestEngine();
    const templates = [
      { id: 'bafyimageless', name: 'imageless' },
      { id: 'bafyprocess', name: 'process', runsIn: ['embedded' as const] },
    ];
    expect(
      await findEngine({
        env: real.env,
        images: { templates, builtImages: join(folder, 'images.json') },
        gpus: noGpus,
      }),
    ).toEqual({
      state: 'found',
      name: expect.stringMatching(/^Engine \d.* at .*docker\.sock$/),
      problems: [
        {
          code: 'image-missing',
          text: 'no image is built of imageless',
          fix: 'build it: infernet-desktop templates build',
        },
      ],
      gpus: null,
    });
    const refused = createEngine({ env: real.env, faultsOf: () => ['it is not to our liking'] });
    await refused.start();
    expect(refused.state).toMatchObject({ is: 'unfit', problems: ['it is not to our liking'] });
    refused.stop();

    const seen: string[] = [];
    const watched = createEngine({ env: real.env });
    engine = watched;
    watched.onChange(() => seen.push(watched.state.is));
    await watched.start();
    expect(watched.state.is).toBe('up');
    await real.kill();
    await vi.waitUntil(() => watched.state.is === 'away', engineMsMax);
    await real.start();
    await vi.waitUntil(() => watched.state.is === 'up', engineMsMax);
    expect(seen).toEqual(expect.arrayContaining(['up', 'away', 'up']));
    expect(seen[0]).toBe('up');
    expect(seen.at(-1)).toBe('up');

    let told = 0;
    watched.onImages(() => {
      told++;
    });
    await real.docker.getImage(await real.nodeImage()).tag({ repo: 'infernet/test', tag: '1' });
    await vi.waitUntil(() => told > 0, engineMsMax);
  });
});
