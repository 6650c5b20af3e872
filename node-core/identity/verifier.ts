/** The Verifier port by node:crypto. */
import { type KeyObject, verify } from 'node:crypto';
import type { Verifier } from '../ports/index.ts';
import { type PeerId, publicKeyOf } from '../protocol/index.ts';
import { publicKeyFrom } from './ed25519.ts';

const signatureBytes = 64;

export interface VerifierOptions {
  /** Keys kept ready; making one costs as much as a tenth of a verification. Default 1024. */
  readonly keysMax?: number;
}

export function createVerifier({ keysMax = 1024 }: VerifierOptions = {}): Verifier {
  // A Map keeps the order of insertion, so its first key is the one that was used longest ago.
  const keys = new Map<PeerId, KeyObject>();

  function keyOf(peerId: PeerId): KeyObject {
    const key = keys.get(peerId) ?? publicKeyFrom(publicKeyOf(peerId));
    keys.delete(peerId);
    keys.set(peerId, key);
    if (keys.size > keysMax) {
      const [oldest] = keys.keys();
      if (oldest !== undefined) keys.delete(oldest);
    }
    return key;
  }

  return {
    verify(peerId, bytes, signature) {
      if (signature.length !== signatureBytes) return false;
      try {
        return verify(null, bytes, keyOf(peerId), signature);
      } catch {
        // The peer id holds no Ed25519 key.
        return false;
      }
    },
  };
}
