/**
 * Ed25519 seeds and keys as node:crypto wants them. RFC 8032 calls our seed the private key: 32 bytes, from which all
 * else follows.
 */
import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import { toBase64Url } from '../protocol/index.ts';

export const seedBytes = 32;

/** PKCS #8 in front of an Ed25519 seed (RFC 8410, section 7): node:crypto takes no bare seed. */
const pkcs8Prefix = Buffer.from('302e020100300506032b657004220420', 'hex');

/** @throws TypeError when the seed has not 32 bytes. */
export function privateKeyOf(seed: Uint8Array): KeyObject {
  if (seed.length !== seedBytes) throw new TypeError(`an Ed25519 seed has ${seedBytes} bytes, not ${seed.length}`);
  return createPrivateKey({ key: Buffer.concat([pkcs8Prefix, seed]), format: 'der', type: 'pkcs8' });
}

/** The 32 bytes of the public key that belongs to a private one. */
export function publicBytesOf(privateKey: KeyObject): Uint8Array {
  const { x } = createPublicKey(privateKey).export({ format: 'jwk' });
  if (x === undefined) throw new TypeError('not an Ed25519 key');
  return Buffer.from(x, 'base64url');
}

/** @param bytes the 32 bytes of a public key. */
export function publicKeyFrom(bytes: Uint8Array): KeyObject {
  return createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: toBase64Url(bytes) }, format: 'jwk' });
}
