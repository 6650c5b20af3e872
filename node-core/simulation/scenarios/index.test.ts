import { readdirSync } from 'node:fs';
import { expect, it } from 'vitest';
import { scenarios } from './index.ts';

/** What several scenarios share. */
const shared = new Set(['index.ts', 'walk.ts']);

it('each file is a scenario that is called like it', () => {
  const files = readdirSync(import.meta.dirname).filter((file) => !file.endsWith('.test.ts') && !shared.has(file));
  expect(scenarios.map(({ name }) => `${name}.ts`).sort()).toEqual(files.sort());
});
