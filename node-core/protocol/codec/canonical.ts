/**
 * Canonical bytes: what is hashed and signed.
 *
 * RFC 8785 (JSON Canonicalization Scheme), restricted to integers: the float formatting of RFC 8785 is sound, but a
 * float in a signed body would let two languages disagree about money or time. Payloads (inputs, outputs) may hold
 * floats and are hashed with {@link canonicalJson} as RFC 8785 says.
 */
import { sha256 as nobleSha256 } from '@noble/hashes/sha2.js';
import { bytesToHex } from '@noble/hashes/utils.js';
import canonicalize from 'canonicalize';
import type { Sha256 } from '../primitives.ts';

// Made once: to make one costs more than to encode a message with it.
const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true });

/** @throws Error for what JSON cannot hold (undefined, functions, NaN, lone surrogates). */
export function canonicalJson(value: unknown): string {
  const text = canonicalize(value);
  if (text === undefined) throw new TypeError('a value without a JSON form has no canonical bytes');
  return text;
}

export function canonicalBytes(value: unknown): Uint8Array {
  return encoder.encode(canonicalJson(value));
}

export function sha256Hex(bytes: Uint8Array): Sha256 {
  return bytesToHex(nobleSha256(bytes));
}

/** SHA-256 of the canonical JSON of a value. */
export function hashOf(value: unknown): Sha256 {
  return sha256Hex(canonicalBytes(value));
}

/**
 * Bytes that a signature of `type` covers: a domain prefix, so that no signature of one type verifies as another,
 * then the canonical body.
 * @throws TypeError when the body holds a number that is not a safe integer.
 */
export function signingBytes(type: string, body: unknown): Uint8Array {
  assertIntegers(body, type);
  return encoder.encode(`infernet/${type}/1\n${canonicalJson(body)}`);
}

function assertIntegers(value: unknown, path: string): void {
  if (typeof value === 'number') {
    if (!Number.isSafeInteger(value)) throw new TypeError(`signed bodies hold integers only; ${path} is ${value}`);
  } else if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) assertIntegers(value[i], `${path}[${i}]`);
  } else if (value !== null && typeof value === 'object') {
    for (const [key, item] of Object.entries(value)) assertIntegers(item, `${path}.${key}`);
  }
}

export const utf8 = {
  encode: (text: string): Uint8Array => encoder.encode(text),
  /** @throws TypeError when the bytes are not UTF-8. */
  decode: (bytes: Uint8Array): string => decoder.decode(bytes),
};
