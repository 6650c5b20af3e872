import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { askGpus, containerGpusOf, smiQuery, toolkitFaults } from './gpu.ts';

const read = (name: string): string => readFileSync(new URL(`fixtures/${name}`, import.meta.url), 'utf8');
const info = (name: string): unknown => JSON.parse(read(`info-${name}.json`));
const smi = read('nvidia-smi.csv');
const toolkit = read('nvidia-ctk.txt');
const at = (version: string) => ({ smi, toolkit: `NVIDIA Container Toolkit CLI version ${version}\ncommit: 0` });

describe('GPUs of an engine', () => {
  it('are none where nothing points to them', () => {
    expect(containerGpusOf(info('plain'), { smi: null, toolkit: null })).toEqual({
      gpus: null,
      problems: [],
      engineFaults: [],
    });
    expect(containerGpusOf('<html>', { smi: 'NVIDIA-SMI has failed', toolkit: null }).gpus).toBeNull();
  });

  it.each(['nvidia-runtime', 'cdi'])(
    'are given to containers with a toolkit that is safe (%s), and never called verified',
    (name) => {
      expect(containerGpusOf(info(name), { smi, toolkit })).toEqual({
        gpus: {
          usable: true,
          devices: [
            {
              id: 'GPU-3a23c669-1f69-c64e-cf85-44e9b07e7a2a',
              model: 'NVIDIA GeForce RTX 3090',
              memoryBytes: 24 * 2 ** 30,
            },
            {
              id: 'GPU-8a56a4bc-e184-a047-2620-be19fdf913d5',
              model: 'NVIDIA GeForce RTX 3060',
              memoryBytes: 12 * 2 ** 30,
            },
          ],
          driver: '550.54.15',
          toolkit: '1.17.8',
          verified: false,
        },
        problems: [],
        engineFaults: [],
      });
    },
  );

  it.each([
    ['1.13.5', /CVE-2024-0132, CVE-2025-23266/],
    ['1.16.1', /CVE-2024-0132, CVE-2025-23266/],
    ['1.16.2', /1\.16\.2 .*\(CVE-2025-23266\)/],
    ['1.17.7', /\(CVE-2025-23266\)/],
    ['1.17.8-rc.1', /\(CVE-2025-23266\)/],
  ])('are refused with toolkit %s, and the reason is told', (version, reason) => {
    const { gpus, problems, engineFaults } = containerGpusOf(info('nvidia-runtime'), at(version));
    expect(gpus?.usable).toBe(false);
    expect(problems).toEqual([
      { code: 'toolkit', text: expect.stringMatching(reason), fix: expect.stringMatching(/1\.17\.8/) },
    ]);
    // Containers without a GPU do not go through it.
    expect(engineFaults).toEqual([]);
  });

  it.each(['1.17.8', '1.17.8-1', '1.17.9', '1.18.0', '2.0.0'])('are not refused with toolkit %s', (version) => {
    expect(containerGpusOf(info('nvidia-runtime'), at(version)).gpus?.usable).toBe(true);
  });

  it('of a toolkit whose version nobody knows are refused', () => {
    expect(containerGpusOf(info('cdi'), { smi, toolkit: null }).problems[0]?.text).toMatch(/cannot be told/);
    expect(containerGpusOf(info('cdi'), { smi, toolkit: 'usage: …' }).gpus?.usable).toBe(false);
  });

  it('refuse the whole engine where all containers go through an unsafe toolkit', () => {
    expect(containerGpusOf(info('nvidia-default'), at('1.17.7')).engineFaults[0]).toMatch(
      /CVE-2025-23266.*runc the default/,
    );
    expect(containerGpusOf(info('nvidia-default'), { smi, toolkit }).engineFaults).toEqual([]);
  });

  it('are asked about before a container runs only where all go through the toolkit', async () => {
    const never = () => Promise.reject(new Error('it was asked'));
    expect(await toolkitFaults(info('nvidia-runtime'), never)).toEqual([]);
    expect(await toolkitFaults(info('nvidia-default'), async () => at('1.16.1'))).toHaveLength(1);
    expect(await toolkitFaults(info('nvidia-default'), async () => at('1.17.8'))).toEqual([]);
  });

  it('tell what is missing: toolkit or driver', () => {
    expect(containerGpusOf(info('plain'), { smi, toolkit: null }).problems[0]?.fix).toMatch(
      /nvidia-ctk runtime configure/,
    );
    expect(containerGpusOf(info('nvidia-runtime'), { smi: null, toolkit }).problems[0]?.fix).toMatch(
      /install the driver/,
    );
  });
});

it('asks the driver, and for the version whichever program is there', async () => {
  const answers: Record<string, string> = {
    'nvidia-smi': smi,
    'nvidia-container-runtime': read('nvidia-container-runtime.txt'),
  };
  const asked: unknown[] = [];
  const found = await askGpus(async (program, args) => {
    asked.push([program, ...args]);
    return answers[program] ?? null;
  });
  expect(asked[0]).toEqual(['nvidia-smi', ...smiQuery]);
  expect(containerGpusOf(info('nvidia-runtime'), found).gpus).toMatchObject({ toolkit: '1.16.1', usable: false });
});
