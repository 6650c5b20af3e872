import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createSystemClock } from './clock.ts';
import { createSystemHost } from './host.ts';
import { createSystemRandom } from './random.ts';

describe('system clock', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it('runs after the time, once', () => {
    const run = vi.fn();
    createSystemClock().after(50, run);
    vi.advanceTimersByTime(49);
    expect(run).not.toHaveBeenCalled();
    vi.advanceTimersByTime(1000);
    expect(run).toHaveBeenCalledTimes(1);
  });

  it('does not run when it was called off', () => {
    const run = vi.fn();
    createSystemClock().after(50, run)();
    vi.advanceTimersByTime(1000);
    expect(run).not.toHaveBeenCalled();
  });

  it('waits for longer than a timer of the platform can', () => {
    const thirtyDaysMs = 30 * 24 * 3_600_000;
    const run = vi.fn();
    const callOff = vi.fn();
    const clock = createSystemClock();
    clock.after(thirtyDaysMs, run);
    const off = clock.after(thirtyDaysMs, callOff);
    vi.advanceTimersByTime(thirtyDaysMs - 1);
    expect(run).not.toHaveBeenCalled();
    off();
    vi.advanceTimersByTime(1);
    expect(run).toHaveBeenCalledTimes(1);
    expect(callOff).not.toHaveBeenCalled();
  });
});

describe('system random', () => {
  it('gives bytes and fractions', () => {
    const random = createSystemRandom();
    expect(random.bytes(16)).toHaveLength(16);
    expect(random.bytes(16)).not.toEqual(random.bytes(16));
    for (let i = 0; i < 1000; i += 1) {
      const fraction = random.fraction();
      expect(fraction).toBeGreaterThanOrEqual(0);
      expect(fraction).toBeLessThan(1);
    }
  });
});

describe('system host', () => {
  const folder = mkdtempSync(join(tmpdir(), 'infernet-host-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('tells of the disk, and of the mains where there are any', async () => {
    const powerFolder = join(folder, 'power');
    const host = createSystemHost({ dataFolder: folder, powerFolder });
    const power = async () => (await host.conditions()).onBattery;
    const supply = (name: string, type: string, online?: string) => {
      mkdirSync(join(powerFolder, name), { recursive: true });
      writeFileSync(join(powerFolder, name, 'type'), `${type}\n`);
      if (online !== undefined) writeFileSync(join(powerFolder, name, 'online'), `${online}\n`);
    };
    expect((await host.conditions()).diskFreeBytes).toBeGreaterThan(0);
    expect(await power()).toBeNull();
    supply('BAT0', 'Battery');
    expect(await power()).toBeNull();
    supply('AC', 'Mains', '0');
    expect(await power()).toBe(true);
    supply('AC', 'Mains', '1');
    expect(await power()).toBe(false);
    const gone = createSystemHost({ dataFolder: join(folder, 'gone'), powerFolder });
    expect((await gone.conditions()).diskFreeBytes).toBeNull();
  });
});
