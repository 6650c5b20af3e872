/** Hashes one file off the main thread: content id and SHA-256 in one reading. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
// Not the protocol as a whole: a thread for one file should start at once.
import { ContentHasher, chunkBytes } from '../../protocol/codec/content-id.ts';

const path: unknown = workerData;
if (typeof path !== 'string') throw new TypeError('started without the path of a file');

const content = new ContentHasher();
const whole = createHash('sha256');
let sizeBytes = 0;
for await (const piece of createReadStream(path, { highWaterMark: chunkBytes })) {
  content.update(piece);
  whole.update(piece);
  sizeBytes += piece.length;
}
parentPort?.postMessage({ cid: content.cid(), sha256: whole.digest('hex'), sizeBytes });
