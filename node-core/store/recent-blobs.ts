/** Blobs that were written a moment ago: most are read once, soon after, and need not be fetched from the reader's thread. */
import type { StoredBlob } from '../ports/index.ts';
import type { Sha256 } from '../protocol/primitives.ts';

export class RecentBlobs {
  readonly #bytesMax: number;
  /** The oldest first. */
  readonly #blobs = new Map<Sha256, Uint8Array>();
  #bytes = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  get(hash: Sha256): Uint8Array | null {
    return this.#blobs.get(hash) ?? null;
  }

  add({ hash, bytes }: StoredBlob): void {
    this.delete(hash);
    this.#blobs.set(hash, bytes);
    this.#bytes += bytes.byteLength;
    for (const oldest of this.#blobs.keys()) {
      if (this.#bytes <= this.#bytesMax) break;
      this.delete(oldest);
    }
  }

  delete(hash: Sha256): void {
    this.#bytes -= this.#blobs.get(hash)?.byteLength ?? 0;
    this.#blobs.delete(hash);
  }
}
