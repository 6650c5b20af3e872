import { existsSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { Cid, Sha256, z } from '../../protocol/index.ts';

export const FileFacts = z.strictObject({ cid: Cid, sha256: Sha256, sizeBytes: z.int().min(0) });
/** What a file is, by its bytes. */
export type FileFacts = z.infer<typeof FileFacts>;

/**
 * Hashes a file in a worker thread.
 * @throws Error when the file cannot be read, or was not read within `timeoutMs`.
 */
export async function hashFile(path: string, timeoutMs: number): Promise<FileFacts> {
  const worker = new Worker(workerFile(), { workerData: path });
  let timer: NodeJS.Timeout | undefined;
  try {
    return await new Promise<FileFacts>((resolve, reject) => {
      timer = setTimeout(() => reject(new Error(`hashing took longer than ${timeoutMs} ms`)), timeoutMs);
      worker.once('message', (message) => resolve(FileFacts.parse(message)));
      worker.once('error', reject);
      worker.once('exit', () => reject(new Error('the hashing thread ended without an answer')));
    });
  } finally {
    clearTimeout(timer);
    await worker.terminate();
  }
}

/** Beside this module in the sources; beside the bundle, or above its shared chunks, in a build. */
function workerFile(): URL {
  const here = import.meta.url;
  if (here.endsWith('.ts')) return new URL('./hash.worker.ts', here);
  const beside = new URL('./hash.worker.js', here);
  return existsSync(beside) ? beside : new URL('../hash.worker.js', here);
}
