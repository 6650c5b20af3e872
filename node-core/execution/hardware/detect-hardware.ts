/**
 * What this computer is: the hardware passport of the node record.
 *
 * Operating systems tell by way of helper programs that may be missing, hang or fail one by one. So each part has its own
 * deadline and its own fallback, and only a passport without GPUs can come of it, never none.
 */
import os from 'node:os';
import { join } from 'node:path';
import systeminformation from 'systeminformation';
import { type Gpu, HardwarePassport, hardwareTier, z } from '../../protocol/index.ts';
import { readCache, writeCache } from '../cache-file.ts';
import { messageOf } from '../fault.ts';

/** The parts of `systeminformation` that are used, so that a test can make them fail. */
export interface HardwareSource {
  cpu(): Promise<{ manufacturer: string; brand: string }>;
  graphics(): Promise<{ controllers: readonly GraphicsController[] }>;
}

export interface GraphicsController {
  readonly vendor?: string | null;
  readonly model?: string | null;
  readonly name?: string | null;
  /** MiB, as the driver says. */
  readonly memoryTotal?: number | null;
  /** MiB, as the operating system says. */
  readonly vram?: number | null;
}

export interface DetectOptions {
  readonly cacheFolder: string;
  /** Each part may take this long; they run side by side. Default 8 s: Windows takes a few for its graphics. */
  readonly partMsMax?: number;
  readonly source?: HardwareSource;
}

const Cached = z.strictObject({ v: z.literal(1), bootedAt: z.number(), passport: HardwarePassport });
/** The time of booting is computed from two clocks, so it wavers. */
const bootSlackMs = 60_000;

/** Hardware does not change while a computer is up, so its passport is kept until the next boot. */
export async function detectHardware(
  options: DetectOptions,
): Promise<{ passport: HardwarePassport; faults: readonly string[] }> {
  const cachePath = join(options.cacheFolder, 'hardware.json');
  const bootedAt = Date.now() - os.uptime() * 1000;
  const cached = await readCache(cachePath, Cached);
  if (cached !== null && Math.abs(cached.bootedAt - bootedAt) < bootSlackMs && fits(cached.passport)) {
    return { passport: cached.passport, faults: [] };
  }

  const source = options.source ?? systeminformation;
  const partMsMax = options.partMsMax ?? 8000;
  const [cpu, graphics] = await Promise.allSettled([
    within(partMsMax, 'the CPU', () => source.cpu()),
    within(partMsMax, 'the graphics cards', () => source.graphics()),
  ]);
  const faults = [cpu, graphics].flatMap((part) =>
    part.status === 'rejected' ? [`hardware: ${messageOf(part.reason)}`] : [],
  );
  const named = cpu.status === 'fulfilled' ? `${cpu.value.manufacturer} ${cpu.value.brand}`.trim() : '';
  const gpus = graphics.status === 'fulfilled' ? graphics.value.controllers.flatMap(gpuOf).slice(0, 16) : [];
  const passport = HardwarePassport.parse({
    os: `${process.platform}-${process.arch}`,
    cpu: { model: (named || os.cpus()[0]?.model.trim() || 'unknown').slice(0, 128), cores: coresOf() },
    memoryBytes: os.totalmem(),
    gpus,
    tier: hardwareTier(Math.max(0, ...gpus.map(({ memoryBytes }) => memoryBytes))),
  });
  if (faults.length === 0) await writeCache(cachePath, { v: 1, bootedAt, passport });
  return { passport, faults };
}

/** A cache folder may have been copied from another computer. */
function fits(passport: HardwarePassport): boolean {
  return passport.memoryBytes === os.totalmem() && passport.cpu.cores === coresOf();
}

/** Cores that this process may use: fewer than there are, in a container. */
function coresOf(): number {
  return Math.min(4096, Math.max(1, os.availableParallelism()));
}

function gpuOf(controller: GraphicsController): Gpu[] {
  const model = (controller.model || controller.name || '').trim();
  const vendor = (controller.vendor ?? '').trim();
  if (model === '' && vendor === '') return [];
  // The system's figure ends at 4 GiB on Windows; the driver's, where there is one, does not.
  const mib = Math.max(controller.memoryTotal ?? 0, controller.vram ?? 0);
  const memoryBytes = Number.isFinite(mib) ? Math.max(0, Math.round(mib * 2 ** 20)) : 0;
  return [{ vendor: vendor.slice(0, 64), model: model.slice(0, 128), memoryBytes }];
}

async function within<T>(ms: number, what: string, run: () => Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} did not answer within ${ms} ms`)), ms);
  });
  try {
    return await Promise.race([run(), late]);
  } finally {
    clearTimeout(timer);
  }
}
