/**
 * Content ids: the name of a file by its bytes.
 *
 * A file is cut into chunks of 1 MiB. Each chunk is named by the CIDv1 (raw, sha2-256) of its bytes; the file is named by
 * the CIDv1 (dag-cbor, sha2-256) of its manifest `{v: 1, kind: "file", size, chunks: [CID…]}`. File name and media type
 * are not in it: the same bytes give the same id whatever they are called.
 */
import * as dagCbor from '@ipld/dag-cbor';
import { sha256 } from '@noble/hashes/sha2.js';
import { CID } from 'multiformats/cid';
import * as raw from 'multiformats/codecs/raw';
import { create as createDigest } from 'multiformats/hashes/digest';
import type { Cid } from '../primitives.ts';

export const chunkBytes = 1024 * 1024;
const SHA2_256 = 0x12;

function cidOf(codec: number, digest: Uint8Array): CID {
  return CID.createV1(codec, createDigest(SHA2_256, digest));
}

export interface FileManifest {
  readonly v: 1;
  readonly kind: 'file';
  /** Bytes of the whole file. */
  readonly size: number;
  readonly chunks: readonly CID[];
}

/**
 * Feed a file in pieces of any size, then ask for its content id.
 *
 *     const hasher = new ContentHasher();
 *     for await (const piece of createReadStream(path)) hasher.update(piece);
 *     hasher.cid();
 */
export class ContentHasher {
  #ended = false;
  #size = 0;
  #inChunk = 0;
  #hash = sha256.create();
  readonly #chunks: CID[] = [];

  update(piece: Uint8Array): void {
    // The last chunk is closed: what came now would begin a new one, and the id would be none of any file.
    if (this.#ended) throw new TypeError('the file has ended');
    let rest = piece;
    while (rest.length > 0) {
      const part = rest.subarray(0, chunkBytes - this.#inChunk);
      this.#hash.update(part);
      this.#inChunk += part.length;
      this.#size += part.length;
      if (this.#inChunk === chunkBytes) this.#closeChunk();
      rest = rest.subarray(part.length);
    }
  }

  /** Ends the last chunk; nothing may be fed afterwards. */
  manifest(): FileManifest {
    this.#ended = true;
    if (this.#inChunk > 0) this.#closeChunk();
    return { v: 1, kind: 'file', size: this.#size, chunks: this.#chunks };
  }

  cid(): Cid {
    return manifestCid(this.manifest());
  }

  #closeChunk(): void {
    this.#chunks.push(cidOf(raw.code, this.#hash.digest()));
    this.#hash = sha256.create();
    this.#inChunk = 0;
  }
}

export function manifestCid(manifest: FileManifest): Cid {
  return cidOf(dagCbor.code, sha256(dagCbor.encode(manifest))).toString();
}

/** Content id of bytes in memory. */
export function contentIdOf(bytes: Uint8Array): Cid {
  const hasher = new ContentHasher();
  hasher.update(bytes);
  return hasher.cid();
}

/**
 * Content id of a folder: the dag-cbor CID of `{v: 1, kind: "folder", entries: [{name, cid}…]}`, entries sorted by the
 * UTF-16 code units of their names, as RFC 8785 sorts keys.
 * @throws TypeError when two files have the same name: their order, and so the id, would be arbitrary.
 */
export function folderCid(files: ReadonlyArray<{ name: string; cid: Cid }>): Cid {
  const entries = [...files]
    .sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0))
    .map(({ name, cid }) => ({ name, cid: CID.parse(cid) }));
  for (const [i, { name }] of entries.entries()) {
    if (name === entries[i + 1]?.name) throw new TypeError(`a folder holds ${name} once`);
  }
  return cidOf(dagCbor.code, sha256(dagCbor.encode({ v: 1, kind: 'folder', entries }))).toString();
}
