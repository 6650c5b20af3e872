import type { Cid, FailureCode, HardwarePassport, Json, ModelInfo, Template } from '../protocol/index.ts';

/** Runs templates on this computer. */
export interface Executor {
  /** Reads templates, models and hardware. Broken ones are left out and named in {@link ExecutorInventory.faults}. */
  start(): Promise<ExecutorInventory>;
  /**
   * Runs one shard: one output per input, in order.
   * Ends early with `cancelled` when `signal` says so; what was done by then is thrown away.
   */
  run(request: RunRequest, signal: CancelSignal): Promise<RunOutcome>;
  /**
   * Measures the speed of a template with a model by a short real run, or answers with what is known of it. Takes seconds;
   * the runner is warm afterwards.
   */
  measure(template: Cid, model: Cid | null): Promise<Measurement>;
  /** Ends all runs and their processes. */
  stop(): Promise<void>;
}

export interface ExecutorInventory {
  readonly hardware: HardwarePassport;
  /** All templates known here; a client plans with those that it knows even if it cannot run them. */
  readonly templates: readonly InstalledTemplate[];
  readonly models: readonly ModelInfo[];
  readonly faults: readonly string[];
}

export interface InstalledTemplate {
  readonly template: Template;
  /** Models that it can run with here, the default first. Empty where it needs none, or where none is present. */
  readonly models: readonly Cid[];
  /** Can this executor run it? If not, why. */
  readonly runnable: { readonly ok: true } | { readonly ok: false; readonly reason: string };
  /** Measured speed in thousandths of a token per second, by model; 0 = not measured. */
  readonly tokensPerSecondMilli: Readonly<Record<string, number>>;
}

export type Measurement =
  /** 0 = it runs, but its speed could not be found out. */
  | { readonly ok: true; readonly tokensPerSecondMilli: number }
  /** It does not run here. */
  | { readonly ok: false; readonly reason: string };

export interface RunRequest {
  /** For the log of the run only. */
  readonly runId: string;
  readonly template: Cid;
  readonly model: Cid | null;
  readonly params: Readonly<Record<string, Json>>;
  readonly inputs: readonly Json[];
  readonly timeoutMs: number;
  onProgress(itemsDone: number): void;
}

export type RunOutcome =
  | { readonly ok: true; readonly outputs: readonly Json[] }
  | { readonly ok: false; readonly code: FailureCode | 'cancelled'; readonly message: string };

/** The part of AbortSignal that an executor needs; in the simulator it is not the platform's. */
export interface CancelSignal {
  readonly cancelled: boolean;
  onCancel(run: () => void): void;
}
