import type { EngineStatus, Template } from '../protocol/index.ts';

/** The computer that the node runs on. Where nobody tells of it (as in the simulator), nothing is shown of it. */
export interface Host {
  vitals(): HostVitals;
  /** Of each graphics card that can tell; empty = there is none. */
  gpus?(): Promise<readonly GpuVitals[]>;
  /** What may stand against taking work at this moment. */
  conditions?(): Promise<HostConditions>;
  /**
   * Looks for a container engine; takes seconds where one hangs.
   * @param templates of these it says which it has no image of.
   */
  engine?(templates: readonly Template[]): Promise<EngineStatus>;
  /** Told when they may have changed, so that nobody waits for the next look. @returns a function that ends it. */
  onConditions?(changed: () => void): () => void;
}

/** Null = this host cannot tell. */
export interface HostConditions {
  /** What this user may still write on the disk with the data folder. */
  readonly diskFreeBytes: number | null;
  readonly onBattery: boolean | null;
  /** The computer is going to sleep, or has not said yet that it is back. */
  readonly suspended: boolean | null;
  /** A program other than this one fills the screen: a game, a film, a talk. */
  readonly fullScreen: boolean | null;
  /** Where it cannot tell: why, and what would help; `fix` is empty where nothing does. */
  readonly fullScreenUnseen?: { readonly reason: string; readonly fix: string };
}

export interface HostVitals {
  /** Of all cores together, since the computer started. */
  readonly cpuBusyMs: number;
  readonly cpuTotalMs: number;
  /** Of this process. */
  readonly ownCpuMs: number;
  readonly ownMemoryBytes: number;
  readonly memoryUsedBytes: number;
  readonly memoryTotalBytes: number;
}

/** Of one graphics card at this moment. */
export interface GpuVitals {
  /** 0…1. */
  readonly busyShare: number;
  readonly memoryUsedBytes: number;
  readonly memoryTotalBytes: number;
}
