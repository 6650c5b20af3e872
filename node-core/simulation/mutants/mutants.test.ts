import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { bars } from '../bars/index.ts';
import { scenarios } from '../scenarios/index.ts';
import { mutants } from './mutants.ts';

const root = join(import.meta.dirname, '../../..');

describe('mutants', () => {
  it('are at least 20, each with a name of its own', () => {
    expect(mutants.length).toBeGreaterThanOrEqual(20);
    expect(new Set(mutants.map(({ name }) => name)).size).toBe(mutants.length);
  });

  it.each(mutants)('$name still applies', ({ file, search, scenarios: its }) => {
    expect(readFileSync(join(root, file), 'utf8').split(search).length, `${file} holds once: ${search}`).toBe(2);
    const names = [...scenarios, ...bars].map(({ name }) => name);
    for (const name of its) expect(names).toContain(name);
  });
});
