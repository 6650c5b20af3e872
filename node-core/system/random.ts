/** The Random port by the operating system's generator. */
import { randomBytes } from 'node:crypto';
import type { Random } from '../ports/index.ts';

export function createSystemRandom(): Random {
  return {
    bytes: (count) => new Uint8Array(randomBytes(count)),
    // 48 bits: as many as randomBytes can hand over as one exact integer.
    fraction: () => randomBytes(6).readUIntBE(0, 6) / 2 ** 48,
  };
}
