/** Which warm runners make room for another: by use, within a number and a budget of memory. */

export interface WarmBudget {
  /** Runner processes at one time, each with its model in memory. */
  readonly processesMax: number;
  /** What they may take together, bytes. One alone may take more: else its work could never be done. */
  readonly bytesMax: number;
}

export interface WarmRunner {
  /** Runs that it has now. */
  readonly leases: number;
  /** When the last one ended. */
  readonly usedAt: number;
  /** Its model, and what a run of its template may take. */
  readonly bytes: number;
}

/**
 * The least recently used first, and none that is in use.
 * @returns those that have to go, perhaps none; null when there is no room even without them.
 */
export function toEvict<R extends WarmRunner>(
  runners: readonly R[],
  neededBytes: number,
  { processesMax, bytesMax }: WarmBudget,
): readonly R[] | null {
  let count = runners.length;
  let bytes = runners.reduce((sum, runner) => sum + runner.bytes, 0);
  const hasRoom = (): boolean => count < processesMax && (count === 0 || bytes + neededBytes <= bytesMax);
  const evicted: R[] = [];
  const idle = runners.filter(({ leases }) => leases === 0).sort((a, b) => a.usedAt - b.usedAt);
  for (const runner of idle) {
    if (hasRoom()) break;
    evicted.push(runner);
    count--;
    bytes -= runner.bytes;
  }
  return hasRoom() ? evicted : null;
}
