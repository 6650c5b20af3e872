/** Where runners run: child processes of this computer (`../embedded/`) or containers (`../docker/`). */
import type { Readable, Writable } from 'node:stream';
import type { EngineStatus, Template } from '../../protocol/index.ts';
import type { LoadedTemplate } from '../templates/load-templates.ts';
import type { Failure } from './failure.ts';
import type { Gpu, RunnerLimits } from './options.ts';

export interface RunnerHost {
  /** For the log, and for people who ask where a template runs. */
  readonly name: string;
  /** Looks for what it needs. @returns what people should know of what it did not find. */
  start(): Promise<readonly string[]>;
  /** Why it cannot run a template now; null where it can. Asked whenever a runner is to be started. */
  refusal(template: LoadedTemplate): Failure | null;
  /** Model of the graphics card that runners of the template get; null without one. A host without it hands out none. */
  gpu?(template: LoadedTemplate): string | null;
  /** @param run after what it refuses has changed. A host without it does not change. */
  onChange?(run: () => void): void;
  /** How the container engine is that it watches. @param templates of these it says which it has no image of. */
  engine?(templates: readonly Template[]): EngineStatus;
  /** Starts a runner's program; what went wrong comes as a value. */
  open(start: RunnerStart): Promise<RunnerChannel | Failure>;
  /** All its runners have ended by then. */
  stop(): Promise<void>;
}

export interface RunnerStart {
  readonly template: LoadedTemplate;
  /** That the job named; null where the template has its own. */
  readonly image: string | null;
  /** On this computer; null for a template without a model. */
  readonly modelPath: string | null;
  /** Memory that it will take: the model, and what a run of the template may use besides. */
  readonly bytes: number;
  readonly threads: number;
  /** Processor time, in cores, where the host can hold a runner to it. */
  readonly cpus: number;
  /** 0…19, where the host can let a runner step back behind other programs. */
  readonly niceness: number;
  readonly contextTokens: number;
  readonly gpu?: Gpu | null;
  readonly limits: RunnerLimits;
}

/** A runner's program with its pipes. */
export interface RunnerChannel {
  /** For people and tests: a process id, a container's id. */
  readonly id: string;
  /** The model's file as the runner sees it. */
  readonly modelPath: string | null;
  readonly stdin: Writable;
  readonly stdout: Readable;
  readonly stderr: Readable;
  /** Settles when the program and all that it started is gone and what it wrote has been read, or was given up. */
  readonly exited: Promise<Exit>;
  /** Ends it and all that it started, at once, frozen or not. */
  kill(): void;
  /** Stops it and all that it started where they stand; its memory stays. @throws Error where that cannot be done */
  freeze(): Promise<void>;
  /** Lets it go on after {@link freeze}. @throws Error */
  thaw(): Promise<void>;
}

/** What a runner's end means. @param lastWords the end of what it wrote to stderr. */
export type Exit = (lastWords: string) => Failure;
