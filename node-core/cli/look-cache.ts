/** Where a command without a node keeps what it finds out: beside the node's own things, where there are any. */
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A look must not make the data folder: without one the cache is a folder that goes away. */
export async function lookCache(dataFolder: string): Promise<{ path: string; remove(): Promise<void> }> {
  const exists = await stat(dataFolder).then(
    (found) => found.isDirectory(),
    () => false,
  );
  if (exists) return { path: join(dataFolder, 'cache'), remove: async () => {} };
  const path = await mkdtemp(join(tmpdir(), 'infernet-look-'));
  return { path, remove: () => rm(path, { recursive: true, force: true }) };
}
