/**
 * The executor: templates, models, warm runners. Where a runner runs, its host decides: the first of `hosts` that does
 * not refuse the template.
 */
import { availableParallelism, cpus } from 'node:os';
import type {
  CancelSignal,
  CheckOutcome,
  CheckRequest,
  Executor,
  ExecutorInventory,
  HoldSignal,
  InstalledTemplate,
  Measurement,
  RunOutcome,
  RunRequest,
} from '../../ports/index.ts';
import type { Cid, EngineStatus, Json } from '../../protocol/index.ts';
import { detectHardware } from '../hardware/detect-hardware.ts';
import { type LocalModel, ModelShelf } from '../models/model-shelf.ts';
import {
  type CustomImages,
  customImageOf,
  customImageRefusal,
  customImagesOff,
  noCustomImages,
} from '../templates/custom-image.ts';
import { type LoadedTemplate, loadTemplates } from '../templates/load-templates.ts';
import type { Failure } from './failure.ts';
import type { RunnerHost, RunnerStart } from './host.ts';
import { openSpeedCache, type SpeedCache, tokensPerSecondMilli } from './measure.ts';
import { TokenCheckOutput, type Workload } from './messages.ts';
import { defaultLimits, type ExecutorOptions, type RunnerLimits, type RunnerShare } from './options.ts';
import type { RunResult, RunWork } from './process-run.ts';
import { neverCancelled, runOnce } from './run-once.ts';
import { RunnerPool } from './runner-pool.ts';

export interface RunnerExecutor extends Executor {
  warm(): readonly Workload[];
  /** Ids of the processes or containers of the runners that live now. */
  readonly ids: readonly string[];
}

/** @param hosts where runners may run, the preferred first. */
export function createRunnerExecutor(hosts: readonly RunnerHost[], options: ExecutorOptions): RunnerExecutor {
  return new TemplateExecutor(hosts, options);
}

/** Of a template that was to be measured: this computer could not run it at that moment. */
const saysNothing: ReadonlySet<Failure['code']> = new Set(['timeout', 'no-capacity', 'internal']);

function placeRefusal({ template: { name, runsIn } }: LoadedTemplate, host: RunnerHost): Failure | null {
  if (runsIn === undefined || runsIn.some((place) => place === host.name)) return null;
  return { code: 'template-missing', message: `${name} runs in ${runsIn.join(' or ')} only` };
}

class TemplateExecutor implements RunnerExecutor {
  readonly #hosts: readonly RunnerHost[];
  readonly #options: ExecutorOptions;
  readonly #limits: RunnerLimits;
  readonly #shelf: ModelShelf;
  readonly #pool: RunnerPool;
  readonly #templates = new Map<Cid, LoadedTemplate>();
  readonly #models = new Map<Cid, LocalModel>();
  #modelFaults: readonly string[] = [];
  #speeds: SpeedCache | null = null;
  #runs = 0;

  constructor(hosts: readonly RunnerHost[], options: ExecutorOptions) {
    this.#hosts = hosts;
    this.#options = options;
    this.#limits = { ...defaultLimits, ...options.limits };
    this.#shelf = new ModelShelf({ folders: options.modelFolders, cacheFolder: options.cacheFolder });
    const { runsMax = 4 } = options;
    this.#pool = new RunnerPool({
      limits: this.#limits,
      runsMax: () => (typeof runsMax === 'function' ? runsMax() : runsMax),
      warm: options.warm ?? (() => ({ ...this.#limits, bytesMax: Number.POSITIVE_INFINITY })),
      prepare: (workload) => this.#prepare(workload),
      log: options.log ?? null,
    });
  }

  get ids(): readonly string[] {
    return this.#pool.ids;
  }

  warm(): readonly Workload[] {
    return this.#pool.warm;
  }

  onChange(run: () => void): void {
    for (const host of this.#hosts) host.onChange?.(run);
  }

  installed(): readonly InstalledTemplate[] {
    return [...this.#templates.values()].map((loaded) => this.#install(loaded));
  }

  engine(): EngineStatus | null {
    const templates = [...this.#templates.values()].map(({ template }) => template);
    for (const host of this.#hosts) if (host.engine !== undefined) return host.engine(templates);
    return null;
  }

  async start(): Promise<ExecutorInventory> {
    const { cacheFolder, templateFolders } = this.#options;
    const [found, shelf, hardware, ...hostFaults] = await Promise.all([
      loadTemplates(templateFolders),
      this.#shelf.read(),
      detectHardware({ cacheFolder }),
      ...this.#hosts.map((host) => host.start()),
    ]);
    for (const loaded of found.templates) this.#templates.set(loaded.template.id, loaded);
    for (const model of shelf.models) this.#models.set(model.info.cid, model);
    this.#modelFaults = shelf.faults;

    this.#speeds = await openSpeedCache(cacheFolder, this.#share().threads, cpus()[0]?.model ?? 'unknown');
    const faults = [...found.faults, ...shelf.faults, ...hardware.faults, ...hostFaults.flat()];
    for (const fault of faults) this.#options.log?.warn({ fault }, 'execution: something is left out');
    return {
      hardware: hardware.passport,
      templates: this.installed(),
      models: shelf.models.map(({ info }) => info),
      faults,
    };
  }

  async measure(id: Cid, model: Cid | null, hold?: HoldSignal): Promise<Measurement> {
    const loaded = this.#templates.get(id);
    if (loaded === undefined) return { ok: false, reason: `no template ${id} on this computer` };
    const workload = { template: id, model };
    const known = this.#speeds?.get(workload) ?? null;
    const speed = known ?? (await this.#measure(loaded, workload, hold));
    if (typeof speed === 'number') {
      if (speed > 0 && known === null) await this.#speeds?.set(workload, speed);
      return { ok: true, tokensPerSecondMilli: speed };
    }
    const name = model === null ? '' : ` with model ${this.#models.get(model)?.info.name ?? model}`;
    return { ok: false, reason: `${loaded.template.name} cannot run${name}: ${speed.message}` };
  }

  async run(request: RunRequest, signal: CancelSignal): Promise<RunOutcome> {
    const { template, params, inputs } = request;
    const refused = this.#refusal(request) ?? this.#streamRefusal(request);
    if (refused !== null) return { ok: false, ...refused };
    const streams = this.#templates.get(template)?.template.streaming === true;
    const { prefixes, stop } = request;
    const work: RunWork = {
      id: this.#nextId(),
      params,
      inputs,
      onProgress: request.onProgress.bind(request),
      ...(streams && request.onToken !== undefined && { onToken: request.onToken.bind(request) }),
      ...(streams && stop !== undefined && { stop }),
      ...(prefixes !== undefined && { prefixes }),
    };
    const result = await this.#runOnce(this.#workloadOf(request), work, request, signal);
    return result.ok ? { ok: true, outputs: result.outputs } : result;
  }

  async check(request: CheckRequest, signal: CancelSignal): Promise<CheckOutcome> {
    const { template, model, params, inputs, claims } = request;
    const refused = this.#refusal(request) ?? this.#checkRefusal(request);
    if (refused !== null) return { ok: false, ...refused };
    const work: RunWork = {
      id: this.#nextId(),
      params,
      inputs,
      claims,
      onProgress: request.onProgress.bind(request),
    };
    const result = await this.#runOnce({ template, model }, work, request, signal);
    return result.ok ? { ok: true, checks: result.outputs.map((output) => TokenCheckOutput.parse(output)) } : result;
  }

  #runOnce(
    workload: Workload,
    work: RunWork,
    { timeoutMs, hold }: Pick<RunRequest, 'timeoutMs' | 'hold'>,
    signal: CancelSignal,
  ): Promise<RunResult> {
    const check = () => this.#checkModel(workload.model);
    return runOnce(this.#pool, { workload, work, timeoutMs, signal, hold, check });
  }

  async stop(): Promise<void> {
    await this.#pool.stop();
    await Promise.all(this.#hosts.map((host) => host.stop()));
  }

  #refusal({
    template: id,
    model,
    params,
    inputs,
  }: Pick<RunRequest, 'template' | 'model' | 'params' | 'inputs'>): Failure | null {
    const loaded = this.#templates.get(id);
    if (loaded === undefined) return { code: 'template-missing', message: `no template ${id} on this computer` };
    const notAllowed = customImageRefusal(loaded.template, params, this.#customImages);
    if (notAllowed !== null) return notAllowed;
    if (loaded.template.needsModel) {
      if (model === null) return { code: 'model-missing', message: `${loaded.template.name} needs a model` };
      if (!this.#models.has(model)) return { code: 'model-missing', message: this.#withoutModel(model) };
    } else if (model !== null) {
      return { code: 'bad-input', message: `${loaded.template.name} takes no model` };
    }
    const wrong = loaded.checks.params(params);
    if (wrong !== null) return { code: 'bad-input', message: `params: ${wrong}` };
    for (const [index, input] of inputs.entries()) {
      const fault = loaded.checks.input(input);
      if (fault !== null) return { code: 'bad-input', message: `input ${index}: ${fault}` };
    }
    return null;
  }

  #streamRefusal({ template, inputs, prefixes }: RunRequest): Failure | null {
    const manifest = this.#templates.get(template)?.template;
    if (prefixes === undefined || manifest === undefined) return null;
    if (!manifest.streaming) return { code: 'bad-input', message: `${manifest.name} cannot go on from a prefix` };
    return prefixes.length === inputs.length
      ? null
      : { code: 'bad-input', message: `${prefixes.length} prefixes for ${inputs.length} inputs` };
  }

  #checkRefusal({ template, inputs, claims }: CheckRequest): Failure | null {
    const manifest = this.#templates.get(template)?.template;
    if (manifest?.tokenDivergence === undefined) {
      return { code: 'bad-input', message: `${manifest?.name} has no tokens that could be checked` };
    }
    return claims.length === inputs.length
      ? null
      : { code: 'bad-input', message: `${claims.length} claims for ${inputs.length} inputs` };
  }

  get #customImages(): CustomImages {
    return this.#options.customImages?.() ?? noCustomImages;
  }

  #workloadOf({ template, model, params }: RunRequest): Workload {
    const loaded = this.#templates.get(template);
    const image = loaded === undefined ? null : customImageOf(loaded.template, params);
    return { template, model, ...(image !== null && { image }) };
  }

  #withoutModel(model: Cid): string {
    const fault = this.#modelFaults.find((text) => text.includes(model));
    return fault ?? `no model ${model} on this computer`;
  }

  async #checkModel(model: Cid | null): Promise<Failure | null> {
    if (model === null) return null;
    const found = await this.#shelf.find(model);
    return found.ok ? null : { code: 'model-missing', message: found.fault };
  }

  #prepare({ template, model, image }: Workload): { start: RunnerStart; host: RunnerHost } | Failure {
    const loaded = this.#templates.get(template);
    const local = model === null ? null : this.#models.get(model);
    if (loaded === undefined || local === undefined) return { code: 'internal', message: 'asked for what is not here' };
    const host = this.#hostOf(loaded);
    if ('code' in host) return host;
    const tooLarge = this.#tooLarge(loaded, local?.info.sizeBytes ?? 0);
    if (tooLarge !== null) return { code: 'requirements', message: tooLarge };
    const start = {
      template: loaded,
      image: image ?? null,
      modelPath: local?.path ?? null,
      bytes: bytesOf(loaded, local?.info.sizeBytes ?? 0),
      ...this.#share(),
      // A container has the card that its host gave it, and those are NVIDIA’s.
      gpu: host.name === 'embedded' ? (this.#options.gpu ?? null) : host.gpu?.(loaded) == null ? null : 'cuda',
      contextTokens: this.#options.contextTokens ?? 4096,
      limits: this.#limits,
    };
    return { start, host };
  }

  #share(): RunnerShare {
    const { threads, ...share } = this.#options.share?.() ?? { threads: 1, cpus: 1, niceness: 0 };
    return { ...share, threads: Math.min(threads, availableParallelism()) };
  }

  /** Why a runner of it would take more memory than the owner gives to jobs, or null. */
  #tooLarge(loaded: LoadedTemplate, modelBytes: number): string | null {
    const memoryBytesMax = this.#options.memoryBytesMax?.() ?? Number.POSITIVE_INFINITY;
    const needed = bytesOf(loaded, modelBytes);
    if (needed <= memoryBytesMax) return null;
    return `it needs ${mebibytes(needed)} of memory, and jobs may take ${mebibytes(memoryBytesMax)} (execution.memoryPercentMax)`;
  }

  /** @returns why there is none, where there is none. */
  #hostOf(template: LoadedTemplate): RunnerHost | Failure {
    const refusals: Failure[] = [];
    const reasons: string[] = [];
    for (const host of this.#hosts) {
      const refusal = placeRefusal(template, host) ?? host.refusal(template);
      if (refusal === null) return host;
      refusals.push(refusal);
      reasons.push(`${host.name}: ${refusal.message}`);
    }
    // What the preferred one says counts; the others were to stand in for it.
    return { code: refusals[0]?.code ?? 'container', message: reasons.join('; ') };
  }

  #install(loaded: LoadedTemplate): InstalledTemplate {
    const { template } = loaded;
    const all = template.needsModel ? [...this.#models.values()].map(({ info }) => info) : [];
    const models = all.filter(({ sizeBytes }) => this.#tooLarge(loaded, sizeBytes) === null).map(({ cid }) => cid);
    const smallest = Math.min(...all.map(({ sizeBytes }) => sizeBytes));
    const tooLarge = this.#tooLarge(loaded, all.length === 0 ? 0 : smallest);
    const speeds = models.map((model) => [model, this.#speeds?.get({ template: template.id, model }) ?? 0] as const);
    const missing = [...this.#modelFaults, `no model in ${this.#options.modelFolders.join(', ') || 'any folder'}`];
    const host = this.#hostOf(loaded);
    const modelReason = template.needsModel && all.length === 0 ? missing.join('; ') : null;
    const imageReason = customImagesOff(template, this.#customImages);
    const reason = imageReason ?? ('code' in host ? host.message : (modelReason ?? tooLarge));
    const gpu = 'code' in host ? null : (host.gpu?.(loaded) ?? null);
    return {
      template,
      models,
      runnable: reason === null ? { ok: true } : { ok: false, reason },
      tokensPerSecondMilli: Object.fromEntries(speeds),
      ...(gpu !== null && { gpu }),
    };
  }

  /** Runs the template's sample. A slow computer is not a broken one: what merely takes too long has speed 0. */
  async #measure(loaded: LoadedTemplate, workload: Workload, hold?: HoldSignal): Promise<number | Failure> {
    const { sample } = loaded;
    if (sample === null) return 0;
    const inputs: readonly Json[] = sample.inputs;
    const result: RunResult = await runOnce(this.#pool, {
      workload,
      work: { id: this.#nextId(), params: sample.params, inputs, onProgress: () => undefined },
      timeoutMs: this.#limits.measureMsMax,
      signal: neverCancelled,
      hold,
      check: async () => null,
    });
    if (result.ok) return result.tokens === 0 ? 0 : tokensPerSecondMilli(result.tokens, result.busyMs);
    return saysNothing.has(result.code) ? 0 : result;
  }

  #nextId(): string {
    return String(++this.#runs);
  }
}

/** What a runner takes: its model, and what a run may use besides. */
function bytesOf({ template }: LoadedTemplate, modelBytes: number): number {
  return modelBytes + template.resources.memoryMiB * 2 ** 20;
}

const mebibytes = (bytes: number): string => `${Math.ceil(bytes / 2 ** 20)} MiB`;
