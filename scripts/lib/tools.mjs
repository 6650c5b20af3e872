// Finds the JavaScript entry of an installed command-line tool, so that it runs under the pinned Node on every
// platform (the links in node_modules/.bin are shell shims on Windows).

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './ensure-install.mjs';

/** @type {Readonly<Record<string, string>>} Command → package that brings it. */
const packages = {
  biome: '@biomejs/biome',
  depcruise: 'dependency-cruiser',
  'electron-builder': 'electron-builder',
  'electron-vite': 'electron-vite',
  knip: 'knip',
  'svelte-check': 'svelte-check',
  tsc: 'typescript',
  vitest: 'vitest',
};

/** @param {string} name */
export function toolPath(name) {
  const packageName = packages[name];
  if (packageName === undefined) {
    throw new Error(`Unknown tool "${name}"; known: ${Object.keys(packages).join(', ')}`);
  }
  const folder = join(root, 'node_modules', packageName);
  /** @type {{ bin: string | Record<string, string> }} */
  const { bin } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  const path = typeof bin === 'string' ? bin : bin[name];
  if (path === undefined) throw new Error(`${packageName} has no command "${name}"`);
  return join(folder, path);
}
