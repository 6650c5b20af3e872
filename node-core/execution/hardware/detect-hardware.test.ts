import { writeFile } from 'node:fs/promises';
import os from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { temporaryFolder } from '../testing.ts';
import { detectHardware, type HardwareSource } from './detect-hardware.ts';

let cacheFolder: string;
let remove: () => Promise<void>;
beforeEach(async () => {
  ({ path: cacheFolder, remove } = await temporaryFolder());
});
afterEach(() => remove());

const workstation: HardwareSource = {
  cpu: async () => ({ manufacturer: 'AMD', brand: 'Ryzen 9' }),
  graphics: async () => ({
    controllers: [
      { vendor: 'NVIDIA', model: 'RTX 4090', vram: 4095, memoryTotal: 24564 },
      { vendor: 'Intel', model: 'UHD 770', vram: null },
      { vendor: '', model: '' },
    ],
  }),
};
const never = new Promise<never>(() => undefined);

describe('detectHardware', () => {
  it('reads this computer', async () => {
    const { passport } = await detectHardware({ cacheFolder });
    expect(passport.memoryBytes).toBe(os.totalmem());
    expect(passport.cpu.cores).toBeGreaterThan(0);
    expect(passport.cpu.model).not.toBe('');
  });

  it('takes the driver’s memory over the system’s, and the tier from the largest GPU', async () => {
    const { passport, faults } = await detectHardware({ cacheFolder, source: workstation });
    expect(faults).toEqual([]);
    expect(passport.cpu.model).toBe('AMD Ryzen 9');
    expect(passport.gpus).toEqual([
      { vendor: 'NVIDIA', model: 'RTX 4090', memoryBytes: 24564 * 2 ** 20 },
      { vendor: 'Intel', model: 'UHD 770', memoryBytes: 0 },
    ]);
    expect(passport.tier).toBe('gpu-24g');
  });

  it('comes back with the rest when parts fail or hang, and does not keep that', async () => {
    const source: HardwareSource = { cpu: () => Promise.reject(new Error('no lscpu')), graphics: () => never };
    const { passport, faults } = await detectHardware({ cacheFolder, source, partMsMax: 50 });
    expect(passport).toMatchObject({ gpus: [], tier: 'cpu' });
    expect(passport.cpu.model).not.toBe('');
    expect(faults).toEqual(['hardware: no lscpu', 'hardware: the graphics cards did not answer within 50 ms']);
    const again = await detectHardware({ cacheFolder, source: workstation });
    expect(again.passport.gpus).toHaveLength(2);
  });

  it('asks once per boot, and again when its file is damaged', async () => {
    await detectHardware({ cacheFolder, source: workstation });
    const silent: HardwareSource = { cpu: () => never, graphics: () => never };
    expect((await detectHardware({ cacheFolder, source: silent, partMsMax: 50 })).passport.tier).toBe('gpu-24g');
    await writeFile(join(cacheFolder, 'hardware.json'), '{}');
    expect((await detectHardware({ cacheFolder, source: silent, partMsMax: 50 })).passport.tier).toBe('cpu');
  });
});
