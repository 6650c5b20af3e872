import { existsSync } from 'node:fs';
import { dirname, join, sep } from 'node:path';

const archive = `${sep}app.asar${sep}`;

/**
 * The nearest `node_modules` with node-llama-cpp in it, in the folder or above it. Inside the archive of a packed app that is
 * the one beside the archive, since neither the system's loader nor a runner under Node's permission model reads inside.
 */
export function modulesAbove(folder: string): string | null {
  for (let here = folder; ; here = dirname(here)) {
    const modules = join(here, 'node_modules').replace(archive, `${sep}app.asar.unpacked${sep}`);
    if (existsSync(join(modules, 'node-llama-cpp', 'package.json'))) return modules;
    if (dirname(here) === here) return null;
  }
}
