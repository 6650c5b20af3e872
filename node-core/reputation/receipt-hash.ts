/** Hash and size of a receipt, worked out once: a receipt never changes, and each step from the door to the log asks. */
import { canonicalBytes, hashOf, type Receipt, type ReceiptBody, type Sha256 } from '../protocol/index.ts';

const hashes = new WeakMap<ReceiptBody, Sha256>();
const sizes = new WeakMap<Receipt, number>();

export function receiptHashOf(body: ReceiptBody): Sha256 {
  let hash = hashes.get(body);
  if (hash === undefined) {
    hash = hashOf(body);
    hashes.set(body, hash);
  }
  return hash;
}

/** Bytes of its canonical JSON. */
export function bytesOf(receipt: Receipt): number {
  let bytes = sizes.get(receipt);
  if (bytes === undefined) {
    bytes = canonicalBytes(receipt).length;
    sizes.set(receipt, bytes);
  }
  return bytes;
}
