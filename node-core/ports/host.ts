/** The computer that the node runs on. Where nobody tells of it (as in the simulator), nothing is shown of it. */
export interface Host {
  vitals(): HostVitals;
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
