import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { engineStatusOf, problemOf } from './engine-advice.ts';
import { engineFaults } from './engine-faults.ts';
import { enginePlaces, surroundings } from './engine-place.ts';
import { containerGpusOf } from './gpu.ts';

const info = JSON.parse(readFileSync(new URL('fixtures/info-plain.json', import.meta.url), 'utf8'));
const version = JSON.parse(readFileSync(new URL('fixtures/version-20.10.json', import.meta.url), 'utf8'));
const noGpus = containerGpusOf(info, { smi: null, toolkit: null });
const old = { smi: null, toolkit: 'NVIDIA Container Toolkit CLI version 1.16.1' };

describe('every fault of an engine has a fix', () => {
  it.each([
    ['no-seccomp', { SecurityOptions: [] }, {}],
    ['no-seccomp', { SecurityOptions: ['name=seccomp,profile=unconfined'] }, {}],
    ['no-limits', { MemoryLimit: false }, {}],
    ['no-limits', { SwapLimit: false }, {}],
    ['no-limits', { PidsLimit: false }, {}],
    ['no-limits', { CpuCfsQuota: false }, {}],
    ['too-old', {}, { ApiVersion: '1.40' }],
    ['too-old', {}, { ApiVersion: 'x' }],
  ])('%s', (code, change, versionChange) => {
    const faults = engineFaults({ ...info, ...change }, { ...version, ...versionChange });
    expect(faults).not.toEqual([]);
    for (const fault of faults) {
      const problem = problemOf(fault);
      expect(problem.code).toBe(code);
      expect(problem.fix).not.toBe('');
    }
  });

  it('that hands all containers to an unsafe toolkit', () => {
    const { engineFaults: faults } = containerGpusOf(
      { ...info, Runtimes: { nvidia: {} }, DefaultRuntime: 'nvidia' },
      old,
    );
    expect(faults.map((fault) => problemOf(fault).code)).toEqual(['toolkit']);
  });

  it.each([
    [
      '/var/run/docker.sock: this user may not talk to it. Add the user to its group (docker)',
      'no-permission',
      /usermod -aG docker/,
    ],
    ['/var/run/docker.sock: nobody listens there. Start the engine', 'not-running', /systemctl start docker/],
    ['/x.sock: there is nothing', 'not-running', /systemctl/],
    ['Engine 20 at /x.sock does not answer any more: it ended', 'not-running', /systemctl/],
  ])('%s', (text, code, fix) => {
    expect(problemOf(text)).toMatchObject({ code, text, fix: expect.stringMatching(fix) });
  });

  it('that is somewhere else', async () => {
    const { problems } = await enginePlaces(surroundings({ DOCKER_HOST: 'tcp://10.0.0.1:2375' }));
    expect(problems.map((text) => problemOf(text).code)).toEqual(['not-local']);
  });

  it('and what nobody foresaw is told as it is', () => {
    expect(problemOf('a comet')).toEqual({ code: 'other', text: 'a comet', fix: '' });
  });
});

describe('the state of an engine', () => {
  it('is missing, with how to get one', () => {
    expect(engineStatusOf({ is: 'away', problems: [] }, noGpus)).toMatchObject({
      state: 'missing',
      name: null,
      problems: [{ code: 'not-installed' }],
    });
  });

  it('is refused, with the reasons, though it answers', () => {
    const unfit = {
      is: 'unfit',
      place: '/x.sock',
      name: 'Engine 20',
      problems: engineFaults({ ...info, SecurityOptions: [] }, version),
    } as const;
    expect(engineStatusOf(unfit, noGpus)).toMatchObject({
      state: 'refused',
      name: 'Engine 20 at /x.sock',
      problems: [{ code: 'no-seccomp' }],
    });
  });
});
