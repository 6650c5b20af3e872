/**
 * Canonical bytes: what is hashed and signed.
 *
 * RFC 8785 (JSON Canonicalization Scheme), restricted to integers: the float formatting of RFC 8785 is sound, but a
 * float in a signed body would let two languages disagree about money or time. Payloads (inputs, outputs) may hold
 * floats and are hashed with {@link canonicalJson} as RFC 8785 says.
 */
import canonicalize from 'canonicalize';
import type { Sha256 } from '../primitives.ts';
import { sha256Hex } from './sha256.ts';

export { sha256Hex };

// Made once: to make one costs more than to encode a message with it.
const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true });

/** @throws Error for what JSON cannot hold (undefined, functions, NaN, lone surrogates). */
export function canonicalJson(value: unknown): string {
  const text = plainJson(value, 0, false) ?? canonicalize(value);
  if (text === undefined) throw new TypeError('a value without a JSON form has no canonical bytes');
  return text;
}

/** Deeper than anything of ours; a cycle comes here too. */
const plainDepthMax = 50;

/**
 * The same text as the library's, several times as fast, for what nearly everything is: plain JSON data.
 * @param integersOnly give up at a number that is none.
 * @returns undefined for all else (cycles, depth, dates, lone surrogates, what JSON cannot hold): the library knows what is right.
 */
function plainJson(value: unknown, depth: number, integersOnly: boolean): string | undefined {
  switch (typeof value) {
    case 'string':
      return quoted(value);
    case 'number':
      if (integersOnly) return Number.isSafeInteger(value) ? String(value) : undefined;
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
      const item = plainJson(value[i], depth + 1, integersOnly);
      if (item === undefined) return undefined;
      text += i === 0 ? item : `,${item}`;
    }
    return `${text}]`;
  }
  if ((prototype !== Object.prototype && prototype !== null) || 'toJSON' in value) return undefined;
  const fields = value as Readonly<Record<string, unknown>>;
  let text = '';
  for (const key of sorted(Object.keys(value))) {
    const field = fields[key];
    if (field === undefined) continue;
    const item = plainJson(field, depth + 1, integersOnly);
    const name = quotedName(key);
    if (item === undefined || name === undefined) return undefined;
    text += text === '' ? name + item : `,${name}${item}`;
  }
  return `{${text}}`;
}

/** More keys than this are worth a call of `sort`; a record of a schema has fewer. */
const fewKeys = 24;

/** By UTF-16 code units, as RFC 8785 wants it and `sort` does it. */
function sorted(keys: string[]): string[] {
  if (keys.length > fewKeys) return keys.sort();
  for (let i = 1; i < keys.length; i++) {
    const key = keys[i] ?? '';
    let at = i;
    for (; at > 0; at--) {
      const before = keys[at - 1] ?? '';
      if (before <= key) break;
      keys[at] = before;
    }
    keys[at] = key;
  }
  return keys;
}

/** Names of fields with quotes and colon: those of our schemas come again and again. */
const names = new Map<string, string>();
const namesMax = 1_000;
const nameLengthMax = 32;

function quotedName(key: string): string | undefined {
  const known = names.get(key);
  if (known !== undefined) return known;
  const text = quoted(key);
  if (text === undefined) return undefined;
  const name = `${text}:`;
  if (key.length <= nameLengthMax && names.size < namesMax) names.set(key, name);
  return name;
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

/** SHA-256 of the canonical JSON of a value. */
export function hashOf(value: unknown): Sha256 {
  return sha256Hex(canonicalJson(value));
}

/**
 * Bytes that a signature of `type` covers: a domain prefix, so that no signature of one type verifies as another,
 * then the canonical body.
 * @throws TypeError when the body holds a number that is not a safe integer.
 */
export function signingBytes(type: string, body: unknown): Uint8Array {
  return encoder.encode(`infernet/${type}/1\n${plainJson(body, 0, true) ?? integersJson(body, type)}`);
}

/** What the short way refuses: the reason, or the library's text. */
function integersJson(body: unknown, type: string): string {
  assertIntegers(body, type);
  return canonicalJson(body);
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
