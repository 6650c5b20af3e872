import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { gpuWatch } from './gpu.ts';

const folder = mkdtempSync(join(tmpdir(), 'infernet-gpu-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const gone = { program: join(folder, 'gone'), drmFolder: join(folder, 'gone') };

it('knows nothing where there is no card, and goes on looking', async () => {
  const look = gpuWatch(gone);
  expect([await look(), await look()]).toEqual([[], []]);
});

it.skipIf(process.platform === 'win32')(
  'reads what the tool of NVIDIA says, and passes over what it does not know',
  async () => {
    const program = join(folder, 'nvidia-smi');
    writeFileSync(program, '#!/bin/sh\necho "37, 2048, 8192"\necho "[N/A], 1, 2"\necho "0, 0, 4096"\n');
    chmodSync(program, 0o755);
    expect(await gpuWatch({ ...gone, program })()).toEqual([
      { busyShare: 0.37, memoryUsedBytes: 2 ** 31, memoryTotalBytes: 2 ** 33 },
      { busyShare: 0, memoryUsedBytes: 0, memoryTotalBytes: 2 ** 32 },
    ]);
  },
);

it('reads what the driver of AMD says', async () => {
  const drmFolder = join(folder, 'drm');
  for (const card of ['card0', 'card1', 'card0-DP-1']) mkdirSync(join(drmFolder, card, 'device'), { recursive: true });
  const device = join(drmFolder, 'card1', 'device');
  writeFileSync(join(device, 'gpu_busy_percent'), '80\n');
  writeFileSync(join(device, 'mem_info_vram_used'), '100\n');
  writeFileSync(join(device, 'mem_info_vram_total'), '400\n');
  expect(await gpuWatch({ ...gone, drmFolder })()).toEqual([
    { busyShare: 0.8, memoryUsedBytes: 100, memoryTotalBytes: 400 },
  ]);
});
