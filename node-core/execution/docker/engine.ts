/**
 * The container engine of this computer, watched: it may come, go and come back while the node runs. Its stream of events
 * is kept open, so that its end is known at once; while it is away, its places are tried again.
 */
import { Readable } from 'node:stream';
import type Docker from 'dockerode';
import { z } from '../../protocol/index.ts';
import { messageOf, systemCodeOf } from '../fault.ts';
import { clientAt, within } from './engine-call.ts';
import { type EnginePlace, enginePlaces, isThere, type Surroundings, surroundings } from './engine-place.ts';
import { toolkitFaults } from './gpu.ts';

export type EngineState =
  | { readonly is: 'up'; readonly docker: Docker; readonly place: string; readonly name: string }
  /** Problems of places where something is, or that somebody named; none where there is just no engine. */
  | { readonly is: 'away'; readonly problems: readonly string[] }
  /** It answers, and no job may run on it. */
  | { readonly is: 'unfit'; readonly place: string; readonly name: string; readonly problems: readonly string[] };

export interface Engine {
  readonly state: EngineState;
  /** Looks for it, and watches from then on. Settles after the first look. */
  start(): Promise<void>;
  /** A call failed as if it were away: looks now. Settles when the state is what was found. */
  doubt(): Promise<void>;
  /** @param run after each change of state. @returns a function that ends it. */
  onChange(run: () => void): () => void;
  /** @param run when images may have come or gone. */
  onImages(run: () => void): () => void;
  stop(): void;
}

export interface EngineOptions {
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Why no job may run on an engine that answers so, for people. Default: anything will do. */
  readonly faultsOf?: (info: unknown, version: unknown) => readonly string[];
  readonly limits?: Partial<EngineLimits>;
}

const Version = z.object({ Version: z.string(), Components: z.array(z.object({ Name: z.string() })).nullish() });

export interface EngineLimits {
  /** One call, and one that only asks how it is. */
  readonly answerMsMax: number;
  /** Between two looks for one that is away: at first, and at most. */
  readonly retryMsMin: number;
  readonly retryMsMax: number;
}

export const defaultEngineLimits: EngineLimits = { answerMsMax: 5_000, retryMsMin: 200, retryMsMax: 5_000 };

export function createEngine(options: EngineOptions = {}): Engine {
  return new WatchedEngine(options);
}

class WatchedEngine implements Engine {
  readonly #around: Surroundings;
  readonly #faultsOf: NonNullable<EngineOptions['faultsOf']>;
  readonly #limits: EngineLimits;
  readonly #changed = new Set<() => void>();
  readonly #images = new Set<() => void>();
  #state: EngineState = { is: 'away', problems: [] };
  #events: Readable | null = null;
  #looking: Promise<void> | null = null;
  #timer: NodeJS.Timeout | null = null;
  #retryMs: number;
  #stopped = false;

  constructor(options: EngineOptions) {
    this.#around = surroundings(options.env);
    this.#faultsOf = options.faultsOf ?? (() => []);
    this.#limits = { ...defaultEngineLimits, ...options.limits };
    this.#retryMs = this.#limits.retryMsMin;
  }

  get state(): EngineState {
    return this.#state;
  }

  start(): Promise<void> {
    return this.#look();
  }

  doubt(): Promise<void> {
    if (this.#looking !== null) return this.#looking;
    if (this.#state.is !== 'up') return Promise.resolve();
    const { docker } = this.#state;
    this.#looking = within(docker.ping(), this.#limits.answerMsMax).then(
      () => this.#looked(),
      (error: unknown) => {
        this.#looked();
        this.#lost(messageOf(error));
      },
    );
    return this.#looking;
  }

  onChange(run: () => void): () => void {
    this.#changed.add(run);
    return () => this.#changed.delete(run);
  }

  onImages(run: () => void): () => void {
    this.#images.add(run);
    return () => this.#images.delete(run);
  }

  stop(): void {
    this.#stopped = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#events?.destroy();
    this.#events = null;
  }

  #look(): Promise<void> {
    if (this.#stopped) return Promise.resolve();
    this.#looking ??= this.#tryPlaces().finally(() => this.#looked());
    return this.#looking;
  }

  #looked(): void {
    this.#looking = null;
  }

  async #tryPlaces(): Promise<void> {
    const { places, problems } = await enginePlaces(this.#around);
    const reasons = [...problems];
    let unfit: EngineState | null = null;
    for (const place of places) {
      const found = await this.#try(place);
      if (this.#stopped) return;
      if (typeof found === 'string') reasons.push(found);
      else if (found?.is === 'up') return this.#set(found);
      else unfit ??= found;
    }
    this.#set(unfit ?? { is: 'away', problems: reasons });
    this.#again();
  }

  /** @returns null where nothing is, a text where something is that cannot be used. */
  async #try(place: EnginePlace): Promise<EngineState | string | null> {
    const { socketPath } = place;
    if (!(await isThere(place))) return place.isNamed ? `${socketPath}: there is nothing` : null;
    const { answerMsMax } = this.#limits;
    try {
      const docker = await clientAt(socketPath);
      const [info, version]: [unknown, unknown] = await Promise.all([
        within(docker.info(), answerMsMax),
        within(docker.version(), answerMsMax),
      ]);
      const name = nameOf(version);
      const faults = [...this.#faultsOf(info, version), ...(await toolkitFaults(info))];
      if (faults.length > 0) return { is: 'unfit', place: socketPath, name, problems: faults };
      await this.#follow(docker);
      return { is: 'up', docker, place: socketPath, name };
    } catch (error) {
      return problemAt(socketPath, error);
    }
  }

  async #follow(docker: Docker): Promise<void> {
    const asked = docker.getEvents({ filters: { type: ['image'] } });
    const events = asStream(await within(asked, this.#limits.answerMsMax, (late) => asStream(late).destroy()));
    const lost = (): void => {
      if (this.#events === events) this.#lost('it ended');
    };
    events.on('data', () => {
      for (const run of this.#images) run();
    });
    events.once('close', lost);
    events.once('error', lost);
    this.#events?.destroy();
    if (this.#stopped) events.destroy();
    else this.#events = events;
  }

  #lost(why: string): void {
    if (this.#stopped || this.#state.is !== 'up') return;
    const { name, place } = this.#state;
    const events = this.#events;
    this.#events = null;
    events?.destroy();
    this.#retryMs = this.#limits.retryMsMin;
    this.#set({ is: 'away', problems: [`${name} at ${place} does not answer any more: ${why}`] });
    this.#again();
  }

  #again(): void {
    if (this.#stopped) return;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#timer = null;
      void this.#look();
    }, this.#retryMs);
    // A watch is no reason for a process to go on.
    this.#timer.unref();
    this.#retryMs = Math.min(this.#retryMs * 2, this.#limits.retryMsMax);
  }

  #set(state: EngineState): void {
    const before = this.#state;
    this.#state = state;
    if (state.is === 'up') this.#retryMs = this.#limits.retryMsMin;
    if (before.is === state.is && textOf(before) === textOf(state)) return;
    for (const run of this.#changed) run();
  }
}

const textOf = (state: EngineState): string =>
  state.is === 'up' ? state.place : [state.is, ...state.problems].join('\n');

function nameOf(version: unknown): string {
  const parsed = Version.safeParse(version);
  if (!parsed.success) return 'a container engine';
  const { Components: components, Version: number } = parsed.data;
  return `${components?.[0]?.Name ?? 'Engine'} ${number}`;
}

function asStream(stream: NodeJS.ReadableStream): Readable {
  if (stream instanceof Readable) return stream;
  throw new Error('the engine gave no stream');
}

function problemAt(socketPath: string, error: unknown): string {
  const code = systemCodeOf(error);
  if (code === 'EACCES') {
    return `${socketPath}: this user may not talk to it. Add the user to its group (docker), or use a rootless engine`;
  }
  if (code === 'ECONNREFUSED') return `${socketPath}: nobody listens there. Start the engine`;
  return `${socketPath}: ${messageOf(error)}`;
}
