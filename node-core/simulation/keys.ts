/**
 * Keys of simulated nodes: cheap, checked, and forgeable only by their owner. The signature is a hash over a secret that
 * only this file knows; a node gets a signer for its own id and can verify all.
 */
import type { Signer, Verifier } from '../ports/index.ts';
import { type PeerId, peerIdOf } from '../protocol/index.ts';
import type { Chance } from './chance.ts';

/** Where each lane of the digest stands after the secret. */
type Secret = readonly number[];

function secretOf(bytes: Uint8Array): Secret {
  return [0, 1, 2, 3].map((lane) => {
    let h = 0x811c9dc5 ^ (lane * 0x9e3779b9);
    for (const byte of bytes) h = Math.imul(h ^ byte, 0x01000193);
    return h;
  });
}

/** FNV-1a, 4 lanes: not cryptography, but nothing in the simulator tries to break it; forgers there lack the secret. */
function digest(secret: Secret, bytes: Uint8Array): Uint8Array {
  const lanes = new Uint32Array(16);
  const { length } = bytes;
  for (let lane = 0; lane < 4; lane++) {
    let h = secret[lane] ?? 0;
    for (let i = lane; i < length; i += 4) h = Math.imul(h ^ (bytes[i] ?? 0), 0x01000193);
    h = Math.imul(h ^ length, 0x01000193);
    for (let word = 0; word < 4; word++) {
      h = Math.imul(h ^ (h >>> 15), 0x2c1b3c6d) >>> 0;
      lanes[lane * 4 + word] = h;
    }
  }
  return new Uint8Array(lanes.buffer);
}

export class KeyRing implements Verifier {
  readonly #secrets = new Map<PeerId, Secret>();

  /** A new identity. */
  make(chance: Chance): Signer {
    const peerId = peerIdOf(chance.bytes(32));
    const secret = secretOf(chance.bytes(16));
    this.#secrets.set(peerId, secret);
    return { peerId, sign: (bytes) => digest(secret, bytes) };
  }

  verify(peerId: PeerId, bytes: Uint8Array, signature: Uint8Array): boolean {
    const secret = this.#secrets.get(peerId);
    if (secret === undefined || signature.length !== 64) return false;
    const expected = digest(secret, bytes);
    for (let i = 0; i < 64; i++) if (expected[i] !== signature[i]) return false;
    return true;
  }
}
