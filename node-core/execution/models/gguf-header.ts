import { open } from 'node:fs/promises';

const headerBytes = 24;
const versions = [2, 3];

/**
 * Looks at the first bytes of a GGUF file: magic, version, number of tensors, number of metadata entries (little-endian
 * u32, u64, u64; https://github.com/ggml-org/ggml/blob/master/docs/gguf.md). llama.cpp finds out the same, but the library
 * around it reads as many entries as the file claims to have, and may be at that for hours.
 *
 * @returns what is wrong, or null.
 */
export async function ggufFault(path: string): Promise<string | null> {
  const file = await open(path);
  try {
    const { size } = await file.stat();
    const { bytesRead, buffer } = await file.read(Buffer.alloc(headerBytes), 0, headerBytes, 0);
    if (bytesRead < headerBytes) return `it has ${size} bytes`;
    if (buffer.toString('latin1', 0, 4) !== 'GGUF') return 'it does not begin with GGUF';
    const version = buffer.readUInt32LE(4);
    if (!versions.includes(version)) return `its version is ${version}, and only 2 and 3 are known`;
    const claimed = [buffer.readBigUInt64LE(8), buffer.readBigUInt64LE(16)];
    return claimed.some((count) => count > BigInt(size)) ? 'it claims to hold more than it has bytes' : null;
  } finally {
    await file.close();
  }
}
