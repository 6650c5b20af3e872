/** Hashes one file off the main thread: content id and SHA-256 in one reading. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import { ContentHasher, chunkBytes, z } from '../../protocol/index.ts';

const { path } = z.object({ path: z.string() }).parse(workerData);
const content = new ContentHasher();
const whole = createHash('sha256');
let sizeBytes = 0;
for await (const piece of createReadStream(path, { highWaterMark: chunkBytes })) {
  content.update(piece);
  whole.update(piece);
  sizeBytes += piece.length;
}
parentPort?.postMessage({ cid: content.cid(), sha256: whole.digest('hex'), sizeBytes });
