/**
 * What a node holds, divided by hash: equal sets have equal digests, whatever their order. A list that was divided is not
 * changed any more.
 */
import { type PeerId, protocolLimits, type Sha256, sha256Hex } from '../protocol/index.ts';
import type { Held } from './testimony.ts';

const { receiptBuckets, receiptsOfferedMax } = protocolLimits;

function bucketOf(hash: Sha256): number {
  return Number.parseInt(hash.slice(0, 4), 16) % receiptBuckets;
}

interface Divided {
  readonly buckets: readonly Held[][];
  readonly digests: string[];
}

/** Of lists that are still in use: a node is asked far more often than what it holds changes. */
const divided = new WeakMap<readonly Held[], Divided>();

function divide(held: readonly Held[]): Divided {
  const known = divided.get(held);
  if (known !== undefined) return known;
  const buckets = Array.from({ length: receiptBuckets }, (): Held[] => []);
  for (const receipt of held) buckets[bucketOf(receipt.hash)]?.push(receipt);
  const result = { buckets, digests: buckets.map(digestOf) };
  divided.set(held, result);
  return result;
}

function digestOf(bucket: readonly Held[]): string {
  if (bucket.length === 0) return '';
  const hashes = bucket.map(({ hash }) => hash).sort();
  return sha256Hex(hashes.join('\n')).slice(0, 16);
}

export function digests(held: readonly Held[]): string[] {
  return divide(held).digests;
}

/**
 * What to offer to a peer whose digests are `theirs`: from bucket `from` on, once around, whole buckets as far as they fit.
 * @param asker is not offered what names it: it knows that.
 */
export function offer(
  held: readonly Held[],
  theirs: readonly string[],
  from: number,
  asker: PeerId,
): { receipts: Held[]; next: number | null } {
  const { buckets, digests: mine } = divide(held);
  const receipts: Held[] = [];
  for (let i = 0; i < receiptBuckets; i++) {
    const index = (from + i) % receiptBuckets;
    const bucket = buckets[index] ?? [];
    if (bucket.length === 0 || mine[index] === theirs[index]) continue;
    const strange = bucket.filter(({ client, provider }) => client !== asker && provider !== asker);
    if (receipts.length > 0 && receipts.length + strange.length > receiptsOfferedMax) return { receipts, next: index };
    receipts.push(...strange.slice(0, receiptsOfferedMax));
  }
  return { receipts, next: null };
}
