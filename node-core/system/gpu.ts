/**
 * How busy the graphics cards are: of NVIDIA by its own tool (`nvidia-smi --query-gpu`, which comes with the driver), of
 * AMD on Linux by what the kernel's driver tells (`gpu_busy_percent`, Documentation/gpu/amdgpu). Of others nothing is known.
 */
import { execFile } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { GpuVitals } from '../ports/index.ts';

export interface GpuWatchOptions {
  /** The tool of NVIDIA. */
  readonly program?: string;
  /** Linux: one folder for each card. */
  readonly drmFolder?: string;
}

const programMsMax = 3_000;
const mebibyte = 1024 * 1024;
const query = ['--query-gpu=utilization.gpu,memory.used,memory.total', '--format=csv,noheader,nounits'];

/** @returns a function that looks. A tool that is not there is not asked for again. */
export function gpuWatch({
  program = 'nvidia-smi',
  drmFolder = '/sys/class/drm',
}: GpuWatchOptions = {}): () => Promise<GpuVitals[]> {
  let isMissing = false;

  const ask = (): Promise<GpuVitals[]> =>
    new Promise((resolve) => {
      execFile(program, query, { timeout: programMsMax, windowsHide: true }, (error, text) => {
        if (error !== null && 'code' in error && error.code === 'ENOENT') isMissing = true;
        resolve(error === null ? parse(text) : []);
      });
    });
  return async () => [...(isMissing ? [] : await ask()), ...(await drmCards(drmFolder))];
}

/** One line for each card: percent, MiB, MiB. */
function parse(text: string): GpuVitals[] {
  return text.split('\n').flatMap((line) => {
    const [busy = Number.NaN, used = Number.NaN, total = Number.NaN] = line
      .split(',')
      .map((part) => Number(part.trim() || Number.NaN));
    if (!Number.isFinite(busy + used + total)) return [];
    return [{ busyShare: busy / 100, memoryUsedBytes: used * mebibyte, memoryTotalBytes: total * mebibyte }];
  });
}

async function drmCards(folder: string): Promise<GpuVitals[]> {
  const names = await readdir(folder).catch(() => []);
  const cards = await Promise.all(
    names
      .filter((name) => /^card\d+$/.test(name))
      .map(async (name): Promise<GpuVitals[]> => {
        const figure = async (file: string) =>
          Number((await readFile(join(folder, name, 'device', file), 'utf8')).trim());
        try {
          const [busy, memoryUsedBytes, memoryTotalBytes] = await Promise.all([
            figure('gpu_busy_percent'),
            figure('mem_info_vram_used'),
            figure('mem_info_vram_total'),
          ]);
          const isWhole = Number.isFinite(busy + memoryUsedBytes + memoryTotalBytes);
          return isWhole ? [{ busyShare: busy / 100, memoryUsedBytes, memoryTotalBytes }] : [];
        } catch {
          // Another driver, which has no such files.
          return [];
        }
      }),
  );
  return cards.flat();
}
