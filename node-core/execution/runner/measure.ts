/** Measured speed: what a template does with a model on this computer, kept on disk. */
import { join } from 'node:path';
import { z } from '../../protocol/index.ts';
import { readCache, writeCache } from '../cache-file.ts';
import { type Workload, workloadKey } from './messages.ts';

const Speeds = z.strictObject({ v: z.literal(1), tokensPerSecondMilli: z.record(z.string(), z.int().min(1)) });
const speedsMax = 1000;

export interface SpeedCache {
  get(workload: Workload): number | null;
  set(workload: Workload, tokensPerSecondMilli: number): Promise<void>;
}

/** A speed holds for the same template, model, threads and CPU. */
export async function openSpeedCache(cacheFolder: string, threads: number, cpuModel: string): Promise<SpeedCache> {
  const path = join(cacheFolder, 'speeds.json');
  let known = (await readCache(path, Speeds))?.tokensPerSecondMilli ?? {};
  const keyOf = (workload: Workload): string => `${workloadKey(workload)} ${threads} ${cpuModel}`;
  return {
    get: (workload) => known[keyOf(workload)] ?? null,
    set: async (workload, tokensPerSecondMilli) => {
      const entries = [...Object.entries(known), [keyOf(workload), tokensPerSecondMilli] as const];
      known = Object.fromEntries(entries.slice(-speedsMax));
      await writeCache(path, { v: 1, tokensPerSecondMilli: known });
    },
  };
}

/**
 * @param tokens that went through the model, of prompts and answers: so the figure of a template that reads much and
 *   writes little means something too. Compare it within one template only.
 */
export function tokensPerSecondMilli(tokens: number, busyMs: number): number {
  return Math.max(1, Math.round((tokens * 1_000_000) / Math.max(1, busyMs)));
}
