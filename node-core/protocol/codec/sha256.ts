/** SHA-256 in hex: Node’s own where there is one, several times as fast as JavaScript; pages and phones compute it. */
import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js';
import type { Sha256 } from '../primitives.ts';

type Hash = (data: string | Uint8Array) => Sha256;

/** Of bytes, or of a text in UTF-8. */
export const sha256Hex: Hash =
  nodesOwn() ?? ((data) => bytesToHex(sha256(typeof data === 'string' ? utf8ToBytes(data) : data)));

/** Asked for at run time: an import would break wherever there is no Node. */
function nodesOwn(): Hash | null {
  const process: unknown = Reflect.get(globalThis, 'process');
  if (!has(process, 'getBuiltinModule') || typeof process.getBuiltinModule !== 'function') return null;
  const crypto: unknown = process.getBuiltinModule('node:crypto');
  if (!has(crypto, 'hash') || typeof crypto.hash !== 'function') return null;
  const { hash } = crypto;
  return (data) => String(hash('sha256', data, 'hex'));
}

function has<Name extends string>(value: unknown, name: Name): value is Record<Name, unknown> {
  return typeof value === 'object' && value !== null && name in value;
}
