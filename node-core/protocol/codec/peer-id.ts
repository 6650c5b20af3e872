/**
 * Peer ids and the Ed25519 keys inside them.
 *
 * libp2p's peer id of an Ed25519 key is the identity multihash of its protobuf
 * (https://github.com/libp2p/specs/blob/master/peer-ids/peer-ids.md): bytes 00 24 | 08 01 12 20 | 32 key bytes, in
 * base58btc. So a signature can be checked with nothing but the peer id.
 */
import { base58btc } from 'multiformats/bases/base58';
import type { PeerId } from '../primitives.ts';

const PREFIX = Uint8Array.of(0x00, 0x24, 0x08, 0x01, 0x12, 0x20);

/** @param publicKey 32 bytes, Ed25519. */
export function peerIdOf(publicKey: Uint8Array): PeerId {
  if (publicKey.length !== 32) throw new TypeError(`an Ed25519 public key has 32 bytes, not ${publicKey.length}`);
  const bytes = new Uint8Array(PREFIX.length + 32);
  bytes.set(PREFIX);
  bytes.set(publicKey, PREFIX.length);
  return base58btc.baseEncode(bytes);
}

/** @throws Error when the text is not the peer id of an Ed25519 key. */
export function publicKeyOf(peerId: PeerId): Uint8Array {
  const bytes = base58btc.baseDecode(peerId);
  if (bytes.length !== 38 || PREFIX.some((byte, i) => bytes[i] !== byte)) {
    throw new TypeError(`${peerId} is not the peer id of an Ed25519 key`);
  }
  return bytes.subarray(PREFIX.length);
}
