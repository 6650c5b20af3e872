/**
 * The Host port by what the operating system tells any program. A desktop knows more, and at once: its shell hands in what
 * it hears (electron/power.ts).
 */
import { readdir, readFile, statfs } from 'node:fs/promises';
import { availableParallelism, cpus, freemem, totalmem } from 'node:os';
import { join } from 'node:path';
import type { Host } from '../ports/index.ts';
import { type FullScreenLook, fullScreenWatch } from './full-screen.ts';
import { gpuWatch } from './gpu.ts';

export interface SystemHostOptions {
  readonly dataFolder: string;
  /** Linux: one folder for each battery and each mains adapter. */
  readonly powerFolder?: string;
  /** Does another program fill the screen? */
  readonly fullScreen?: () => Promise<FullScreenLook>;
}

export function createSystemHost({
  dataFolder,
  powerFolder = '/sys/class/power_supply',
  fullScreen = fullScreenWatch(),
}: SystemHostOptions): Host & Required<Pick<Host, 'conditions'>> {
  return {
    gpus: gpuWatch(),
    async conditions() {
      const [diskFreeBytes, onBattery, screen] = await Promise.all([
        freeBytesOf(dataFolder),
        isOnBattery(powerFolder),
        fullScreen(),
      ]);
      return {
        diskFreeBytes,
        onBattery,
        suspended: null,
        ...('unseen' in screen ? { fullScreen: null, fullScreenUnseen: screen.unseen } : { fullScreen: screen.fills }),
      };
    },
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

async function freeBytesOf(folder: string): Promise<number | null> {
  try {
    const { bavail, bsize } = await statfs(folder);
    return bavail * bsize;
  } catch {
    return null;
  }
}

/** By the mains adapters (Documentation/ABI/testing/sysfs-class-power). @returns null where there is none to ask. */
async function isOnBattery(folder: string): Promise<boolean | null> {
  const word = async (supply: string, file: string): Promise<string> =>
    (await readFile(join(folder, supply, file), 'utf8')).trim();
  try {
    let found: boolean | null = null;
    for (const supply of await readdir(folder)) {
      if ((await word(supply, 'type')) !== 'Mains') continue;
      if ((await word(supply, 'online')) === '1') return false;
      found = true;
    }
    return found;
  } catch {
    return null;
  }
}
