import { expect, it } from 'vitest';
import type { HardwarePassport } from '../../protocol/index.ts';
import { fullScreenCheck } from './computer.ts';
import { gpuChecks } from './gpu.ts';

const passport = (...gpus: HardwarePassport['gpus']): HardwarePassport => ({
  os: 'linux-x64',
  cpu: { model: 'test', cores: 2 },
  memoryBytes: 2 ** 33,
  gpus,
  tier: 'cpu',
});
const card = { vendor: 'NVIDIA', model: 'GeForce RTX 3090', memoryBytes: 24 * 2 ** 30 };
const builds = (installed: boolean) => ({
  builds: [
    { backend: 'cuda' as const, packages: [], bytesToFetch: 450_000_000, installed },
    { backend: 'vulkan' as const, packages: [], bytesToFetch: 160_000_000, installed: false },
  ],
  obstacle: null,
});

it('names the command that fetches what a card needs, and warns only of what was asked for and is not there', () => {
  expect(gpuChecks(passport(), 'off', builds(false))).toEqual([]);
  expect(gpuChecks(passport({ ...card, memoryBytes: 2 ** 26 }), 'off', builds(false))).toEqual([]);
  expect(gpuChecks(passport(card), 'off', builds(false))).toMatchObject([
    { state: 'ok', found: expect.stringMatching(/RTX 3090 is not used.*unverified on hardware: .*gpu install cuda/) },
  ]);
  expect(gpuChecks(passport({ ...card, vendor: 'AMD', model: 'RX 7800' }), 'off', builds(false))).toMatchObject([
    { found: expect.stringMatching(/gpu install vulkan/) },
  ]);
  expect(gpuChecks(passport(card), 'cuda', builds(false))).toMatchObject([
    {
      state: 'warn',
      found: expect.stringMatching(/the processor is used/),
      fix: expect.stringMatching(/gpu install cuda/),
    },
  ]);
  expect(gpuChecks(passport(card), 'cuda', builds(true))).toMatchObject([
    { state: 'ok', found: expect.stringMatching(/unverified on hardware/) },
  ]);
  expect(gpuChecks(passport(card), 'vulkan', { builds: [], obstacle: 'none' })).toMatchObject([
    { state: 'warn', fix: expect.stringMatching(/set execution\.gpu to off/) },
  ]);
});

it('says why a full screen is not noticed, and warns where something helps', () => {
  expect(fullScreenCheck(null)).toMatchObject({ state: 'ok', found: expect.stringMatching(/stands still/) });
  expect(fullScreenCheck({ reason: 'this program runs without a display', fix: '' })).toMatchObject({ state: 'ok' });
  expect(fullScreenCheck({ reason: 'there is no xprop', fix: 'install x11-utils' })).toEqual({
    name: 'full screen',
    state: 'warn',
    found: 'a program that fills the screen is not noticed: there is no xprop',
    fix: 'install x11-utils',
  });
});
