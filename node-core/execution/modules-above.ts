import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** The nearest `node_modules` with node-llama-cpp in it, in the folder or above it. */
export function modulesAbove(folder: string): string | null {
  for (let here = folder; ; here = dirname(here)) {
    const modules = join(here, 'node_modules');
    if (existsSync(join(modules, 'node-llama-cpp', 'package.json'))) return modules;
    if (dirname(here) === here) return null;
  }
}
