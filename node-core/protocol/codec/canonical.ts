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
  const text = plainJson(value, 0) ?? canonicalize(value);
  if (text === undefined) throw new TypeError('a value without a JSON form has no canonical bytes');
  return text;
}

/** Deeper than anything of ours; a cycle comes here too. */
const plainDepthMax = 50;

/**
 * The same text as the library's, in half the time, for what nearly everything is: plain JSON data.
 * @returns undefined for all else (cycles, depth, dates, lone surrogates, what JSON cannot hold): the library knows what is right.
 */
function plainJson(value: unknown, depth: number): string | undefined {
  switch (typeof value) {
    case 'string':
      return quoted(value);
    case 'number':
      return Number.isFinite(value) ? String(value) : undefined;
    case 'boolean':
      return value ? 'true' : 'false';
    case 'object':
      break;
    default:
      return undefined;
  }
  if (value === null) return 'null';
  if (depth > plainDepthMax) return undefined;
  const prototype: unknown = Object.getPrototypeOf(value);
  if (Array.isArray(value)) {
    if (prototype !== Array.prototype) return undefined;
    let text = '[';
    for (let i = 0; i < value.length; i++) {
      const item = plainJson(value[i], depth + 1);
      if (item === undefined) return undefined;
      text += i === 0 ? item : `,${item}`;
    }
    return `${text}]`;
  }
  if ((prototype !== Object.prototype && prototype !== null) || 'toJSON' in value) return undefined;
  const fields = value as Readonly<Record<string, unknown>>;
  let text = '';
  for (const key of Object.keys(value).sort()) {
    const field = fields[key];
    if (field === undefined) continue;
    const item = plainJson(field, depth + 1);
    const name = quoted(key);
    if (item === undefined || name === undefined) return undefined;
    text += text === '' ? `${name}:${item}` : `,${name}:${item}`;
  }
  return `{${text}}`;
}

/** Neither quotes, backslashes, control characters nor anything beyond ASCII. */
const needsNoEscape = /^[ !#-[\]-~]*$/;

function quoted(text: string): string | undefined {
  if (needsNoEscape.test(text)) return `"${text}"`;
  return text.isWellFormed() ? JSON.stringify(text) : undefined;
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
