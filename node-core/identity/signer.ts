/** The Signer port by node:crypto. The seed stays in here; what leaves are signatures. */
import { sign } from 'node:crypto';
import type { Signer } from '../ports/index.ts';
import { type PeerId, peerIdOf } from '../protocol/index.ts';
import { privateKeyOf, publicBytesOf } from './ed25519.ts';

/** @param seed 32 bytes. @throws TypeError when it has another length. */
export function createSigner(seed: Uint8Array): Signer {
  const privateKey = privateKeyOf(seed);
  const peerId = peerIdOf(publicBytesOf(privateKey));
  return { peerId, sign: (bytes) => sign(null, bytes, privateKey) };
}

/** @param seed 32 bytes. @throws TypeError when it has another length. */
export function peerIdOfSeed(seed: Uint8Array): PeerId {
  return peerIdOf(publicBytesOf(privateKeyOf(seed)));
}
