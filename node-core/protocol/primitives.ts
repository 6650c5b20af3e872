/** The small types that every schema is made of. Units stand last in names: `Ms`, `Micro`, `Bytes`. */
import { protocolLimits } from './limits.ts';
import { z } from './zod.ts';

/** libp2p peer id of an Ed25519 key in base58btc (`12D3KooW…`); the public key can be read from it. */
export const PeerId = z
  .string()
  .regex(/^12D3KooW[1-9A-HJ-NP-Za-km-z]{44}$/, 'expected an Ed25519 libp2p peer id (12D3KooW…)')
  .describe('libp2p peer id of an Ed25519 key');
export type PeerId = z.infer<typeof PeerId>;

/** SHA-256 as 64 lower-case hex digits. */
export const Sha256 = z
  .string()
  .regex(/^[0-9a-f]{64}$/, 'expected a SHA-256 as 64 lower-case hex digits')
  .describe('SHA-256, 64 hex digits');
export type Sha256 = z.infer<typeof Sha256>;

/** CIDv1 in base32 (`bafy…`), see codec/content-id.ts. */
export const Cid = z
  .string()
  .regex(/^b[a-z2-7]{50,110}$/, 'expected a CIDv1 in base32')
  .describe('CIDv1, base32');
export type Cid = z.infer<typeof Cid>;

/** Bytes in base64url without padding (signatures, salts). */
export const Base64Url = z
  .string()
  .max(1024)
  .regex(/^[A-Za-z0-9_-]*$/, 'expected base64url')
  .describe('bytes, base64url');

/** Wall-clock time in milliseconds since 1970-01-01 UTC. */
export const EpochMs = z.int().min(0).describe('time, ms since the Unix epoch');
export type EpochMs = z.infer<typeof EpochMs>;

/** A span of time in milliseconds. */
export const DurationMs = z.int().min(0).describe('duration, ms');

/**
 * An amount of micro-credits (10⁻⁶ credit) as a decimal string. Amounts are never JSON numbers: those lose
 * integers above 2⁵³. Calculate with {@link micro}.
 */
export const Micro = z
  .string()
  .regex(/^(0|[1-9]\d{0,23})$/, 'expected an amount in micro-credits as a decimal string, at most 24 digits')
  .describe('amount in micro-credits, decimal string');
export type Micro = z.infer<typeof Micro>;

/** An id that a node makes: 16 random bytes in hex. */
export const Id = z
  .string()
  .regex(/^[0-9a-f]{32}$/, 'expected an id of 32 hex digits')
  .describe('id, 32 hex digits');
export type Id = z.infer<typeof Id>;

/** @param bytes 16 random bytes. */
export function idOf(bytes: Uint8Array): Id {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** Order of a shard in its job and of an attempt in its shard make a replica's id readable and unique. */
export const ShardId = z
  .string()
  .regex(/^[0-9a-f]{32}\.\d{1,7}$/, 'expected <jobId>.<shard index>')
  .describe('<jobId>.<shard index>');
export type ShardId = z.infer<typeof ShardId>;

export const ReplicaId = z
  .string()
  .regex(
    /^[0-9a-f]{32}\.\d{1,7}\.\d{1,5}\.[1-9A-HJ-NP-Za-km-z]{8}$/,
    'expected <shardId>.<attempt>.<last 8 of peer id>',
  )
  .describe('<shardId>.<attempt>.<last 8 characters of the provider’s peer id>');
export type ReplicaId = z.infer<typeof ReplicaId>;

/** `replicaId` = job, shard, attempt, provider: the same attempt never gets two ids, nor two attempts one. */
export function replicaIdOf(shardId: ShardId, attempt: number, provider: PeerId): ReplicaId {
  return `${shardId}.${attempt}.${provider.slice(-8)}`;
}

export function shardIdOf(jobId: Id, index: number): ShardId {
  return `${jobId}.${index}`;
}

/**
 * Plain JSON that has canonical bytes, as inputs, outputs and parameters travel.
 *
 * Not `z.json()`: nested deeply enough, a peer's value would overflow its stack, and it drops a key `__proto__`, after
 * which the value no longer has the hash that its sender signed.
 */
export const Json: z.ZodType<Json> = z
  .custom<Json>(
    (value) => isJson(value, protocolLimits.jsonDepthMax),
    `expected JSON with well-formed Unicode, nested at most ${protocolLimits.jsonDepthMax} deep`,
  )
  .describe('any JSON');
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

function isJson(value: unknown, depthLeft: number): boolean {
  switch (typeof value) {
    case 'boolean':
      return true;
    case 'number':
      return Number.isFinite(value);
    case 'string':
      return value.isWellFormed();
    case 'object':
      break;
    default:
      return false;
  }
  if (value === null) return true;
  if (depthLeft === 0) return false;
  if (Array.isArray(value)) return value.every((item) => isJson(item, depthLeft - 1));
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) return false;
  return Object.entries(value).every(([key, item]) => key.isWellFormed() && isJson(item, depthLeft - 1));
}

/** Arithmetic on amounts. */
export const micro = {
  zero: '0',
  add: (a: Micro, b: Micro): Micro => (BigInt(a) + BigInt(b)).toString(),
  /** @throws RangeError when the result would be negative: an amount never is. */
  subtract(a: Micro, b: Micro): Micro {
    const difference = BigInt(a) - BigInt(b);
    if (difference < 0n) throw new RangeError(`${a} − ${b} micro-credits is negative`);
    return difference.toString();
  },
  times: (a: Micro, factor: number): Micro => (BigInt(a) * BigInt(factor)).toString(),
  /** Rounded up. @param ppm parts of a million. */
  share: (a: Micro, ppm: number): Micro => ((BigInt(a) * BigInt(ppm) + 999_999n) / 1_000_000n).toString(),
  sum: (amounts: Iterable<Micro>): Micro => {
    let total = 0n;
    for (const amount of amounts) total += BigInt(amount);
    return total.toString();
  },
  less: (a: Micro, b: Micro): boolean => BigInt(a) < BigInt(b),
  max: (a: Micro, b: Micro): Micro => (BigInt(a) >= BigInt(b) ? a : b),
  min: (a: Micro, b: Micro): Micro => (BigInt(a) <= BigInt(b) ? a : b),
};
