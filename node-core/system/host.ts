/** The Host port by what the operating system tells any program. */
import { availableParallelism, cpus, freemem, totalmem } from 'node:os';
import type { Host } from '../ports/index.ts';

export function createSystemHost(): Host {
  return {
    vitals() {
      let idle = 0;
      let total = 0;
      for (const { times } of cpus()) {
        idle += times.idle;
        total += times.idle + times.user + times.nice + times.sys + times.irq;
      }
      const { user, system } = process.cpuUsage();
      return {
        cpuBusyMs: total - idle,
        // Without /proc the list is empty, and nothing is busy: no division by it may follow.
        cpuTotalMs: Math.max(total, availableParallelism()),
        ownCpuMs: (user + system) / 1000,
        ownMemoryBytes: process.memoryUsage.rss(),
        memoryUsedBytes: totalmem() - freemem(),
        memoryTotalBytes: totalmem(),
      };
    },
  };
}
