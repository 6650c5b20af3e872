/**
 * Takes apart what an engine sends of a container without a terminal: frames of stdout and stderr in one stream. A frame
 * is handed on as it comes, whatever its length, and the engine is read no faster than the slower of the two is.
 */
import { Readable } from 'node:stream';

const headerBytes = 8;
const stdoutType = 1;
const stderrType = 2;

export interface Outputs {
  readonly stdout: Readable;
  readonly stderr: Readable;
}

/** Both end with the source, however that ends. */
export function demultiplex(source: Readable): Outputs {
  const resume = (): void => {
    source.resume();
  };
  const stdout = new Readable({ read: resume });
  const stderr = new Readable({ read: resume });
  let header: Buffer = Buffer.alloc(0);
  let target: Readable | null = null;
  let left = 0;

  const end = (): void => {
    stdout.push(null);
    stderr.push(null);
  };
  const take = (chunk: Buffer): void => {
    let at = 0;
    while (at < chunk.length) {
      if (left === 0) {
        const part = chunk.subarray(at, at + headerBytes - header.length);
        header = header.length === 0 ? part : Buffer.concat([header, part]);
        at += part.length;
        if (header.length < headerBytes) return;
        const type = header[0];
        target = type === stdoutType ? stdout : type === stderrType ? stderr : null;
        left = header.readUInt32BE(4);
        header = Buffer.alloc(0);
        if (target === null) {
          source.destroy();
          end();
          return;
        }
      }
      const part = chunk.subarray(at, at + left);
      at += part.length;
      left -= part.length;
      if (part.length > 0 && target?.push(part) === false) source.pause();
    }
  };
  source.on('data', take);
  source.once('end', end);
  source.once('close', end);
  source.once('error', end);
  return { stdout, stderr };
}
