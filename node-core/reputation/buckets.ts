/** What a node holds, divided by hash: equal sets have equal digests, whatever their order. Pure. */
import { type PeerId, protocolLimits, type Sha256, sha256Hex } from '../protocol/index.ts';
import type { Held } from './testimony.ts';

const { receiptBuckets, receiptsOfferedMax } = protocolLimits;

function bucketOf(hash: Sha256): number {
  return Number.parseInt(hash.slice(0, 4), 16) % receiptBuckets;
}

function divide(held: readonly Held[]): Held[][] {
  const buckets = Array.from({ length: receiptBuckets }, (): Held[] => []);
  for (const receipt of held) buckets[bucketOf(receipt.hash)]?.push(receipt);
  return buckets;
}

function digestOf(bucket: readonly Held[]): string {
  if (bucket.length === 0) return '';
  const hashes = bucket.map(({ hash }) => hash).sort();
  return sha256Hex(hashes.join('\n')).slice(0, 16);
}

export function digests(held: readonly Held[]): string[] {
  return divide(held).map(digestOf);
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
  const buckets = divide(held);
  const receipts: Held[] = [];
  for (let i = 0; i < receiptBuckets; i++) {
    const index = (from + i) % receiptBuckets;
    const bucket = buckets[index] ?? [];
    if (bucket.length === 0 || digestOf(bucket) === theirs[index]) continue;
    const strange = bucket.filter(({ client, provider }) => client !== asker && provider !== asker);
    if (receipts.length > 0 && receipts.length + strange.length > receiptsOfferedMax) return { receipts, next: index };
    receipts.push(...strange.slice(0, receiptsOfferedMax));
  }
  return { receipts, next: null };
}
