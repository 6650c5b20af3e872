import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { StoreError } from './errors.ts';
import { makeTestFolder } from './testing.ts';
import { workerUrl } from './worker-url.ts';

test('from the sources it is the .ts beside', () => {
  expect(workerUrl('writer.worker').href).toBe(new URL('./writer.worker.ts', import.meta.url).href);
});

test('from a bundle it is the .js beside the chunk, or above it', () => {
  const folder = makeTestFolder();
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const url = (...path: string[]): string => pathToFileURL(join(folder, ...path)).href;
  expect(() => workerUrl('writer.worker', url('main.js'))).toThrow(StoreError);
  writeFileSync(join(folder, 'writer.worker.js'), '');
  expect(workerUrl('writer.worker', url('main.js')).href).toBe(url('writer.worker.js'));
  mkdirSync(join(folder, 'chunks'));
  expect(workerUrl('writer.worker', url('chunks', 'store-4f2a.js')).href).toBe(url('writer.worker.js'));
});
