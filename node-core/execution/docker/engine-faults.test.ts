import { expect, test } from 'vitest';
import { engineFaults } from './engine-faults.ts';

const info = {
  OSType: 'linux',
  SecurityOptions: ['name=seccomp,profile=default'],
  MemoryLimit: true,
  SwapLimit: true,
  PidsLimit: true,
  CpuCfsQuota: true,
};
const version = { ApiVersion: '1.41' };

test('an engine that keeps what we ask of it has no fault', () => {
  expect(engineFaults(info, version)).toEqual([]);
  const newer = { ...info, SecurityOptions: ['name=apparmor', 'name=seccomp,profile=builtin', 'name=cgroupns'] };
  expect(engineFaults(newer, { ApiVersion: '1.52' })).toEqual([]);
  const rootless = { ...info, SecurityOptions: ['name=seccomp,profile=default', 'name=rootless'] };
  expect(engineFaults(rootless, version)).toEqual([]);
});

test.each<[string, object, RegExp]>([
  ['no seccomp', { SecurityOptions: ['name=apparmor'] }, /no seccomp/],
  ['nothing about security', { SecurityOptions: null }, /no seccomp/],
  ['seccomp switched off', { SecurityOptions: ['name=seccomp,profile=unconfined'] }, /by unconfined/],
  ['a profile of its owner', { SecurityOptions: ['name=seccomp,profile=/etc/x.json'] }, /by \/etc\/x.json/],
  ['Windows containers', { OSType: 'windows' }, /windows containers/],
  ['no limit of memory', { MemoryLimit: false }, /limits no memory.*delegated/],
  ['no limit of swap', { SwapLimit: false }, /limits no swap/],
  ['no limit of processes', { PidsLimit: undefined }, /limits no processes/],
  ['no limit of CPU', { CpuCfsQuota: false }, /limits no CPU/],
])('an engine with %s is refused', (_, change, reason) => {
  expect(engineFaults({ ...info, ...change }, version).join('\n')).toMatch(reason);
});

test('so is one that is too old, or is none', () => {
  expect(engineFaults(info, { ApiVersion: '1.40' })[0]).toMatch(/1\.41 is needed/);
  expect(engineFaults(info, { ApiVersion: '1.9' })[0]).toMatch(/1\.41 is needed/);
  expect(engineFaults('<html>', {})).toHaveLength(1);
});
