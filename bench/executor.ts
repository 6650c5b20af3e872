/**
 * What the walls around a job cost: a run in a container through the executor, cold and warm, and much data in and out, beside
 * the engine's client alone with the same image and runner and no walls. On an engine of its own, as root.
 */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildRunnerImage, startTestEngine, type TestEngine } from '../node-core/execution/docker/testing.ts';
import { createExecutor, loadTemplates } from '../node-core/execution/index.ts';
import { askOf, manifestOf, writeTemplate } from '../node-core/execution/testing.ts';
import type { Executor, InstalledTemplate } from '../node-core/ports/index.ts';
import { z } from '../node-core/protocol/index.ts';
import { BareContainer, type EchoInput, EchoOutput } from './lib/bare-container.ts';
import { timed } from './lib/network.ts';
import { RawContainer } from './lib/raw-container.ts';
import { type BenchReport, figure, machine, versions } from './lib/report.ts';

const coldRuns = 20;
const warmRuns = 200;
/** As a small piece of a shard would take: the executor must not be busy meanwhile. */
const workMs = 5;
const streamRuns = 5;
const megabytes = 100;
const inFlight = 4;
const piece = 'x'.repeat(1_000_000);
const pieces = (megabytes * 1_000_000) / piece.length;
const runner = new URL('./lib/echo-runner.mjs', import.meta.url);
/** The echo, what is around it on its line, and room. */
const outputBytesMax = piece.length + 4096;
const resources = { memoryMiB: 512, timeoutMs: 60_000, outputBytesMax };

export async function executor(): Promise<BenchReport> {
  const on = machine();
  const folder = await mkdtemp(join(tmpdir(), 'infernet-bench-executor-'));
  const engine = await startTestEngine();
  try {
    const image = await prepare(engine, folder);
    const ours = createExecutor({
      runIn: 'docker',
      templateFolders: [join(folder, 'templates')],
      modelFolders: [],
      cacheFolder: join(folder, 'cache'),
      // The quota is there, as all walls are. A small one is the owner's wish, and no cost of ours.
      share: () => ({ threads: 1, cpus: availableParallelism(), niceness: 0 }),
      runsMax: inFlight,
      docker: { owner: folder, builtImages: builtImagesIn(folder), env: engine.env },
      embedded: {},
    });
    try {
      const { templates } = await ours.start();
      const installed = (name: string) => templates.find(({ template }) => template.name === name);
      const cold = await measureCold(engine, image, echoOf(ours, installed('cold')));
      const { warm, stream } = await measureWarm(engine, image, echoOf(ours, installed('warm')));
      return {
        name: 'executor',
        machine: on,
        versions: { ...versions('dockerode'), engine: (await engine.docker.version()).Version },
        figures: [
          figure('cold run, made to removed', 'ms', cold.ours, 'bare lifecycle', cold.bare),
          figure('warm run, beside the runner’s own time', 'ms', warm.ours, 'bare attached', warm.bare),
          figure(`${megabytes} MB in and out`, 'MB/s', stream.ours, 'same messages, unchecked', stream.bare),
          figure(`${megabytes} MB in and out, beside bytes`, 'MB/s', stream.ours, 'bare attached stream', stream.raw),
        ],
      };
    } finally {
      await ours.stop();
    }
  } finally {
    await engine.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

const builtImagesIn = (folder: string): string => join(folder, 'images.json');

interface Beside {
  readonly ours: number[];
  readonly bare: number[];
}

type Echo = (input: EchoInput) => Promise<EchoOutput>;

/** Two templates of the same files; the runs of one have a container each. @returns an image. */
async function prepare(engine: TestEngine, folder: string): Promise<string> {
  const text = await readFile(runner, 'utf8');
  const root = join(folder, 'templates');
  const output = { type: 'object', required: ['text'], properties: { text: { type: 'string' } } };
  for (const name of ['cold', 'warm']) {
    const manifest = manifestOf({ name, stateless: name === 'warm', resources, output });
    await writeTemplate(root, manifest, { 'runner.mjs': text });
  }
  const builtImages = builtImagesIn(folder);
  let image = '';
  for (const { template } of (await loadTemplates([root])).templates) {
    image = await buildRunnerImage(engine, { template: template.id, runner: text, builtImages });
  }
  return image;
}

function echoOf(ours: Executor, installed: InstalledTemplate | undefined): Echo {
  return async (input) => {
    const outcome = await askOf(ours, installed, { inputs: [{ ...input }], timeoutMs: resources.timeoutMs });
    if (!outcome.ok) throw new Error(outcome.message);
    return EchoOutput.parse(outcome.outputs[0]);
  };
}

/** From nothing to nothing: until the engine says that the container is gone. */
async function measureCold(engine: TestEngine, image: string, run: Echo): Promise<Beside> {
  const gone = await Removals.of(engine);
  const times: Beside = { ours: [], bare: [] };
  const input = { text: 'x' };
  for (let i = 0; i <= coldRuns; i++) {
    const oursMs = await timed(async () => {
      await run(input);
      await gone.next();
    });
    const bareMs = await timed(async () => {
      const container = await BareContainer.start(engine, image);
      await container.run(input);
      await container.stop();
      await gone.next();
    });
    // The first round warms files and caches.
    if (i === 0) continue;
    times.ours.push(oursMs);
    times.bare.push(bareMs);
  }
  gone.close();
  return times;
}

async function measureWarm(
  engine: TestEngine,
  image: string,
  run: Echo,
): Promise<{ warm: Beside; stream: Beside & { readonly raw: number[] } }> {
  const bare = await BareContainer.start(engine, image);
  const raw = await RawContainer.start(engine, image);
  const warm: Beside = { ours: [], bare: [] };
  const stream = { ours: [] as number[], bare: [] as number[], raw: [] as number[] };
  const added = async (echo: Echo): Promise<number> => {
    const startedAt = performance.now();
    const { ownMs } = await echo({ text: 'x', workMs });
    return performance.now() - startedAt - ownMs;
  };
  const speed = async (all: () => Promise<void>): Promise<number> => megabytes / ((await timed(all)) / 1000);
  const bytes = Buffer.from(piece);
  const bareRun: Echo = (input) => bare.run(input);
  for (let i = -1; i < warmRuns; i++) {
    const [oursMs, bareMs] = [await added(run), await added(bareRun)];
    if (i < 0) continue;
    warm.ours.push(oursMs);
    warm.bare.push(bareMs);
  }
  for (let i = -1; i < streamRuns; i++) {
    const oursSpeed = await speed(() => pump(run));
    const bareSpeed = await speed(() => pump(bareRun));
    const rawSpeed = await speed(() => raw.pump(bytes, pieces));
    if (i < 0) continue;
    stream.ours.push(oursSpeed);
    stream.bare.push(bareSpeed);
    stream.raw.push(rawSpeed);
  }
  await bare.stop();
  await raw.stop();
  return { warm, stream };
}

/** All pieces in, and each back. */
async function pump(echo: Echo): Promise<void> {
  let left = pieces;
  const work = async (): Promise<void> => {
    while (left-- > 0) {
      const { text } = await echo({ text: piece });
      if (text.length !== piece.length) throw new Error('a piece came back shorter');
    }
  };
  await Promise.all(Array.from({ length: inFlight }, work));
}

const Removal = z.object({ status: z.literal('destroy') });

/** Containers that are gone, by the engine's own word. */
class Removals {
  readonly #stream: NodeJS.ReadableStream;
  #unseen = 0;
  #told: (() => void) | null = null;

  private constructor(stream: NodeJS.ReadableStream) {
    this.#stream = stream;
    stream.setEncoding('utf8');
    stream.on('data', (text: string) => {
      for (const line of text.split('\n').filter((part) => part !== '')) {
        Removal.parse(JSON.parse(line));
        this.#unseen++;
      }
      this.#told?.();
    });
  }

  static async of({ docker }: TestEngine): Promise<Removals> {
    return new Removals(await docker.getEvents({ filters: { type: ['container'], event: ['destroy'] } }));
  }

  /** Of one that was not waited for yet. */
  async next(): Promise<void> {
    while (this.#unseen === 0) {
      await new Promise<void>((resolve) => {
        this.#told = resolve;
      });
    }
    this.#unseen--;
  }

  close(): void {
    if ('destroy' in this.#stream && typeof this.#stream.destroy === 'function') this.#stream.destroy();
  }
}
