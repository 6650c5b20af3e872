/** Runners in containers. */
import { createHash, randomBytes } from 'node:crypto';
import { basename } from 'node:path';
import type Docker from 'dockerode';
import type { Logger } from '../../ports/index.ts';
import type { Cid, EngineStatus, Template } from '../../protocol/index.ts';
import { messageOf } from '../fault.ts';
import type { Failure } from '../runner/failure.ts';
import type { RunnerChannel, RunnerHost, RunnerStart } from '../runner/host.ts';
import type { LoadedTemplate } from '../templates/load-templates.ts';
import { openContainer } from './container-channel.ts';
import { type ContainerRequest, type ContainerSpec, containerSpecOf, labelPrefix } from './container-spec.ts';
import { imageMissing } from './end.ts';
import { createEngine, type Engine, type EngineLimits } from './engine.ts';
import { engineStatusOf } from './engine-advice.ts';
import { isEngineGone, statusOf, within } from './engine-call.ts';
import { engineFaults } from './engine-faults.ts';
import { askGpus, containerGpusOf, type GpuAnswers } from './gpu.ts';
import { type GpuGrant, type GpuSource, gpuFor, gpuRefusal, gpusOff, lookForGpu, noGpus } from './gpu-grant.ts';
import { systemCallsFor } from './seccomp.ts';
import { imagesOf, templateLabel, withoutImage } from './template-images.ts';

export interface DockerHostOptions {
  /**
   * Marks the containers as this node's: any text that stays the same, such as its data folder. Null for one that only
   * looks, beside a running node: it removes nothing.
   */
  readonly owner: string | null;
  /** File with the images that were built here: no other is taken for a template's own. */
  readonly builtImages: string;
  /** Where the engine is looked for. Default: this process's. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Is a computer without an engine a fault? Not where runners may also run elsewhere. */
  readonly isWanted?: boolean;
  /** Graphics cards for containers. Default: none. */
  readonly gpus?: GpuSource;
  readonly limits?: Partial<ContainerLimits>;
  readonly engineLimits?: Partial<EngineLimits>;
  readonly log?: Logger;
}

export interface ContainerLimits {
  /** Processes and threads in one container. */
  readonly pidsMax: number;
  /** Open files of one process in it. */
  readonly openFilesMax: number;
  /** The one place where it can write; in memory, in addition to the template's. */
  readonly scratchBytes: number;
  /** One call to the engine that makes, starts or ends a container. */
  readonly answerMsMax: number;
}

export const defaultContainerLimits: ContainerLimits = {
  pidsMax: 128,
  openFilesMax: 1024,
  scratchBytes: 64 * 2 ** 20,
  answerMsMax: 30_000,
};

const label = {
  node: `${labelPrefix}node`,
  session: `${labelPrefix}session`,
  template: templateLabel,
} as const;
const modelsFolder = '/models';

export function createDockerHost(options: DockerHostOptions): RunnerHost {
  return new DockerHost(options);
}

class DockerHost implements RunnerHost {
  readonly name = 'docker';
  readonly #options: DockerHostOptions;
  readonly #limits: ContainerLimits;
  readonly #engine: Engine;
  readonly #changed = new Set<() => void>();
  /** Of this node and of this start of it. */
  readonly #node: string;
  readonly #session = randomBytes(6).toString('hex');
  readonly #working = new Set<Promise<void>>();
  /** Containers that were to be removed when no engine was there, by name. */
  readonly #left = new Set<string>();
  #images: ReadonlyMap<Cid, string> = new Map();
  #gpu: GpuGrant = gpusOff;
  /** The engine's answer when it was looked at last. */
  #info: unknown = null;
  #gpuAnswers: GpuAnswers = { smi: null, toolkit: null };
  #made = 0;
  #refreshing: Promise<void> | null = null;
  #stale = false;
  #stopped = false;

  constructor(options: DockerHostOptions) {
    this.#options = options;
    this.#limits = { ...defaultContainerLimits, ...options.limits };
    const { owner, env } = options;
    this.#node = owner === null ? 'none' : createHash('sha256').update(owner).digest('hex').slice(0, 32);
    this.#engine = createEngine({
      faultsOf: (info, version) => {
        this.#info = info;
        return engineFaults(info, version);
      },
      ...(env !== undefined && { env }),
      ...(options.engineLimits !== undefined && { limits: options.engineLimits }),
    });
  }

  async start(): Promise<readonly string[]> {
    await this.#engine.start();
    this.#lookAtGpus();
    this.#engine.onChange(() => void this.#engineChanged());
    this.#engine.onImages(() => void this.#refresh());
    if (this.#engine.state.is === 'up') await this.#arrive(this.#engine.state.docker);
    const { state } = this.#engine;
    if (state.is === 'up' || this.#options.isWanted !== true) return [];
    return [`containers: ${reasonOf(state)}`];
  }

  refusal({ template }: LoadedTemplate): Failure | null {
    const { state } = this.#engine;
    if (state.is !== 'up') return { code: 'no-capacity', message: reasonOf(state) };
    if (template.customImage !== true && !this.#images.has(template.id))
      return { code: 'template-missing', message: imageMissing(template.name) };
    return gpuRefusal(template, this.#gpu);
  }

  gpu({ template }: LoadedTemplate): string | null {
    return gpuFor(template, this.#gpu)?.model ?? null;
  }

  onChange(run: () => void): void {
    this.#changed.add(run);
  }

  engine(templates: readonly Template[]): EngineStatus {
    const { state } = this.#engine;
    const gpus = containerGpusOf(state.is === 'away' ? null : this.#info, this.#gpuAnswers);
    return engineStatusOf(state, gpus, state.is === 'up' ? withoutImage(templates, this.#images) : []);
  }

  async open(start: RunnerStart): Promise<RunnerChannel | Failure> {
    const { template } = start.template;
    const refused = this.refusal(start.template);
    const { state } = this.#engine;
    const image = start.image ?? this.#images.get(template.id);
    if (refused !== null || state.is !== 'up' || image === undefined) {
      return refused ?? { code: 'no-capacity', message: reasonOf(state) };
    }
    const modelPath = start.modelPath === null ? null : `${modelsFolder}/${basename(start.modelPath)}`;
    let spec: ContainerSpec;
    try {
      const systemCalls = systemCallsFor(state.name);
      spec = containerSpecOf({ ...this.#request(start, image, modelPath), systemCalls });
    } catch (error) {
      return { code: 'container', message: messageOf(error) };
    }
    const name = `infernet-${this.#session}-${++this.#made}`;
    const opened = await openContainer({
      docker: state.docker,
      name,
      spec,
      templateName: template.name,
      modelPath,
      answerMsMax: this.#limits.answerMsMax,
      onEngineGone: () => this.#engine.doubt(),
      onEngineLost: (run) =>
        this.#engine.onChange(() => {
          if (this.#engine.state.is !== 'up') run();
        }),
      onEnd: () => this.#remove(state.docker, name),
    });
    if ('code' in opened && opened.code === 'template-missing') await this.#refresh();
    return opened;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#working);
    this.#engine.stop();
  }

  #request(start: RunnerStart, image: string, modelPath: string | null): ContainerRequest {
    const { pidsMax, openFilesMax, scratchBytes } = this.#limits;
    const { template, bytes, cpus } = start;
    const gpu = gpuFor(template.template, this.#gpu);
    return {
      image,
      labels: {
        [label.node]: this.#node,
        [label.session]: this.#session,
        [label.template]: template.template.id,
      },
      mounts: start.modelPath === null || modelPath === null ? [] : [{ source: start.modelPath, target: modelPath }],
      // What lies in scratch counts as memory: a full one should be told to the runner, and not end it.
      memoryBytes: bytes + scratchBytes,
      cpus,
      pidsMax,
      scratchBytes,
      openFilesMax,
      gpus: gpu === null ? [] : [gpu.id],
      env: {},
    };
  }

  async #engineChanged(): Promise<void> {
    const { state } = this.#engine;
    const { log } = this.#options;
    if (state.is === 'up') {
      log?.info({ engine: state.name, place: state.place }, 'the container engine is there');
      this.#lookAtGpus();
      await this.#arrive(state.docker);
    } else {
      log?.warn({ reason: reasonOf(state) }, 'no container engine can be used');
    }
    for (const run of this.#changed) run();
  }

  /** Nobody waits for it: a driver that hangs takes seconds. */
  #lookAtGpus(): void {
    void (this.#options.gpus?.ask ?? askGpus)().then((answers) => {
      this.#gpuAnswers = answers;
    });
  }

  /** An engine is there, for the first time or again. */
  async #arrive(docker: Docker): Promise<void> {
    try {
      await this.#removeOrphans(docker);
    } catch (error) {
      this.#options.log?.warn({ error: messageOf(error) }, 'containers of an earlier run could not be removed');
    }
    for (const name of this.#left) this.#remove(docker, name);
    this.#gpu = await lookForGpu(docker, this.#options.gpus ?? noGpus, this.#limits.answerMsMax).catch(
      (error: unknown) => ({ none: `the engine did not say whether it has one: ${messageOf(error)}` }),
    );
    await this.#refresh();
  }

  /** What a crash of the node left behind: labelled with the node, and not made since this start of it. */
  async #removeOrphans(docker: Docker): Promise<void> {
    if (this.#options.owner === null) return;
    const { answerMsMax } = this.#limits;
    const filters = { label: [`${label.node}=${this.#node}`] };
    const found = await within(docker.listContainers({ all: true, filters }), answerMsMax);
    const orphans = found.filter(({ Labels }) => Labels[label.session] !== this.#session);
    await Promise.all(
      orphans.map(({ Id }) =>
        within(docker.getContainer(Id).remove({ force: true, v: true }), answerMsMax).catch(ignoreGone),
      ),
    );
    if (orphans.length > 0)
      this.#options.log?.info({ containers: orphans.length }, 'containers of an earlier run removed');
  }

  #refresh(): Promise<void> {
    this.#stale = true;
    this.#refreshing ??= this.#readUntilFresh().finally(() => {
      this.#refreshing = null;
    });
    return this.#refreshing;
  }

  /** What changes while it reads is read again. */
  async #readUntilFresh(): Promise<void> {
    while (this.#stale) {
      this.#stale = false;
      await this.#readImages();
    }
  }

  async #readImages(): Promise<void> {
    const { state } = this.#engine;
    if (state.is !== 'up' || this.#stopped) return;
    try {
      const images = await within(imagesOf(state.docker, this.#options.builtImages), this.#limits.answerMsMax);
      const before = this.#images;
      this.#images = images;
      const isSame = before.size === images.size && [...images].every(([id, image]) => before.get(id) === image);
      if (!isSame) for (const run of this.#changed) run();
    } catch (error) {
      if (isEngineGone(error)) this.#engine.doubt();
      this.#options.log?.warn({ error: messageOf(error) }, 'images of templates could not be listed');
    }
  }

  /** In the background; {@link stop} waits for it. */
  #remove(docker: Docker, name: string): void {
    const done = within(docker.getContainer(name).remove({ force: true, v: true }), this.#limits.answerMsMax)
      .then(
        () => void this.#left.delete(name),
        (error: unknown) => {
          if (statusOf(error) === 404) this.#left.delete(name);
          else if (isEngineGone(error)) this.#left.add(name);
          else {
            this.#left.add(name);
            this.#options.log?.warn({ name, error: messageOf(error) }, 'a container could not be removed');
          }
        },
      )
      .finally(() => this.#working.delete(done));
    this.#working.add(done);
  }
}

function reasonOf(state: Engine['state']): string {
  if (state.is === 'up') return 'it is there';
  if (state.is === 'unfit') return `${state.name} at ${state.place} cannot be used: ${state.problems.join('; ')}`;
  return state.problems.length === 0 ? 'no container engine is there' : state.problems.join('; ');
}

function ignoreGone(error: unknown): void {
  if (statusOf(error) !== 404 && statusOf(error) !== 409) throw error;
}
