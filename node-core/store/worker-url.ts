/** Finds the file of a worker, beside this one: a `.ts` in the sources, a `.js` in a bundle. */
import { existsSync } from 'node:fs';
import { StoreError } from './errors.ts';

/**
 * @param name file name without ending, as `writer.worker`.
 * @param from the module that asks, or the chunk that a bundler put it into.
 * @throws StoreError `io` when the bundle lacks it.
 */
export function workerUrl(name: string, from: string = import.meta.url): URL {
  if (from.endsWith('.ts')) return new URL(`${name}.ts`, from);
  // Bundlers put code that entries share into a folder below them.
  const places = [new URL(`${name}.js`, from), new URL(`../${name}.js`, from)];
  const found = places.find((url) => existsSync(url));
  if (found === undefined) {
    throw new StoreError(
      'io',
      `Expected ${name}.js beside ${from}: the build must have an entry of that name. Build or install again.`,
    );
  }
  return found;
}
