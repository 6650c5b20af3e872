import type { Logger } from '../../ports/index.ts';
import type { CustomImages } from '../templates/custom-image.ts';
import type { WarmBudget } from './warmth.ts';

export interface ExecutorOptions {
  /** Folders of template folders; the shipped `resources/templates` first. */
  readonly templateFolders: readonly string[];
  /** Folders of GGUF files; the shipped `resources/models` first. Its first model is the default. */
  readonly modelFolders: readonly string[];
  /** For hashes of models, hardware and measured speeds. May be shared by nodes, and lost at any time. */
  readonly cacheFolder: string;
  /**
   * What one runner may take, asked whenever one is started. Its threads spin while they wait, so no more of them than
   * there are cores are used. Default: one thread.
   */
  readonly share?: () => RunnerShare;
  /** Graphics card for runners that are child processes; without it, or where it cannot be used: none. Unverified on hardware. */
  readonly gpu?: Gpu | null;
  /** For all runners together: what needs more does not run here. Asked whenever a runner is started. Default: as much as there is. */
  readonly memoryBytesMax?: () => number;
  /** Runs at one time in one process; they take turns item by item. A function is asked at each run. Default 4. */
  readonly runsMax?: number | (() => number);
  /** What is kept warm; asked whenever a runner is started or falls idle. Default: by the limits, in any memory. */
  readonly warm?: () => WarmOptions;
  /** Context of a model; its own limit if that is lower. Default 4096. */
  readonly contextTokens?: number;
  /** Which images jobs may name; asked at each run. Default: none. */
  readonly customImages?: () => CustomImages;
  readonly log?: Logger;
  readonly limits?: Partial<RunnerLimits>;
}

export type Gpu = 'metal' | 'cuda' | 'vulkan';

export interface RunnerShare {
  readonly threads: number;
  /** Processor time, in cores; only containers are held to it. */
  readonly cpus: number;
  /** How far it steps back behind other programs, 0…19; only child processes do. */
  readonly niceness: number;
}

export interface WarmOptions extends WarmBudget {
  /** As {@link RunnerLimits.idleMs}. */
  readonly idleMs: number;
}

export interface RunnerLimits {
  /** Runner processes at one time, each with a model in memory. The longest idle one makes room. */
  readonly processesMax: number;
  /** Runs that wait for a place, over all processes; more are refused with `no-capacity`. */
  readonly waitingMax: number;
  /** An idle runner ends after this time and gives its memory back. */
  readonly idleMs: number;
  /** Starting a runner and loading its model. */
  readonly loadMsMax: number;
  /** A runner that has not given up a cancelled run by then is killed. */
  readonly cancelMsMax: number;
  /** Crashes of one template and model within {@link crashWindowMs}; then it rests for as long. */
  readonly crashesMax: number;
  readonly crashWindowMs: number;
  /** What a runner may write, to both its outputs, without a word that brings any of its runs further. */
  readonly chatterBytesMax: number;
  /** Kept of what a runner writes to stderr, for fault messages. */
  readonly stderrTailBytes: number;
  /** One measurement. */
  readonly measureMsMax: number;
}

export const defaultLimits: RunnerLimits = {
  processesMax: 2,
  waitingMax: 64,
  idleMs: 5 * 60_000,
  loadMsMax: 60_000,
  cancelMsMax: 2000,
  crashesMax: 5,
  crashWindowMs: 60_000,
  chatterBytesMax: 16 * 2 ** 20,
  stderrTailBytes: 2048,
  measureMsMax: 30_000,
};
