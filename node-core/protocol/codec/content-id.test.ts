import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import * as dagCbor from '@ipld/dag-cbor';
import fc from 'fast-check';
import { CID } from 'multiformats/cid';
import * as raw from 'multiformats/codecs/raw';
import { create } from 'multiformats/hashes/digest';
import { describe, expect, it } from 'vitest';
import { ContentHasher, chunkBytes, contentIdOf, folderCid } from './content-id.ts';

/**
 * Content ids of files of zeros by their size, computed by a second implementation (Python: hashlib, base64 and DAG-CBOR
 * written out by hand), so that another client can check itself against them.
 */
const zeros: [bytes: number, cid: string][] = [
  [0, 'bafyreihomymr426wqpprwjadunmd5u5ucsfpdalftccfp5o3xjgvop2tvi'],
  [1, 'bafyreih4vhsi7yprxspizdjnccxtysdpkzxy3fza5zxlbbyabdfrfrlsee'],
  [1024 * 1024, 'bafyreibrujakm3kue7bnpo4nowoo5aqln6v7znuu3cciao7vcexztqwwly'],
  [1024 * 1024 + 1, 'bafyreiglxjuzeps4wfxuwomk446svbeqpkilp2yqy2mxgxfcziq33nbuwm'],
  [3 * 1024 * 1024 + 5, 'bafyreidfymvax5jl7yktk5r2e6xiu5oq5pcbnkbnxtqm5yetjqpgvo2xpm'],
];
const hello = 'bafyreiand2ha2thqx4uldon5o3elnfk6vbduto7y5r6jlyjvtvxrbgxp2i';

const models: [file: string, cid: string][] = [
  ['infernet-micro.gguf', 'bafyreidzufws5atljscav426knly4gtaqqgje7egzo4kmwdgacgz6qawvq'],
  ['infernet-tiny.gguf', 'bafyreid3lro54kcj3xnidxa4d2b6nzevtjhpbtwoe25aludo5ln2kdwnjy'],
];

const sha256 = (bytes: Uint8Array) => create(0x12, createHash('sha256').update(bytes).digest());

/** The rule, written down once more with node:crypto. */
function contentIdByHand(bytes: Uint8Array): string {
  const chunks: CID[] = [];
  for (let at = 0; at < bytes.length; at += 1024 * 1024) {
    chunks.push(CID.createV1(raw.code, sha256(bytes.subarray(at, at + 1024 * 1024))));
  }
  const manifest = dagCbor.encode({ v: 1, kind: 'file', size: bytes.length, chunks });
  return CID.createV1(dagCbor.code, sha256(manifest)).toString();
}

/** Bytes without a period that chunks could share. */
function noise(length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  let state = 1;
  for (let i = 0; i < length; i++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    bytes[i] = state >>> 24;
  }
  return bytes;
}

describe('content ids', () => {
  it.each(zeros)('of %d zeros', (size, cid) => {
    expect(contentIdOf(new Uint8Array(size))).toBe(cid);
    expect(contentIdByHand(new Uint8Array(size))).toBe(cid);
  });

  it('of five letters', () => {
    expect(contentIdOf(new TextEncoder().encode('hello'))).toBe(hello);
  });

  it('do not depend on the pieces in which a file is fed', () => {
    const bytes = noise(4 * chunkBytes + 12_345);
    const expected = contentIdByHand(bytes);
    const piece = fc.oneof(fc.integer({ min: 0, max: 64 }), fc.integer({ min: 1, max: 3 * chunkBytes }));
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 20 }), (pieces) => {
        const hasher = new ContentHasher();
        let at = 0;
        for (const length of pieces) {
          hasher.update(bytes.subarray(at, at + length));
          at = Math.min(at + length, bytes.length);
        }
        hasher.update(bytes.subarray(at));
        expect(hasher.cid()).toBe(expected);
      }),
      { numRuns: 8 },
    );
  });

  it('give a manifest that names every chunk', () => {
    const hasher = new ContentHasher();
    hasher.update(noise(chunkBytes + 1));
    const { v, kind, size, chunks } = hasher.manifest();
    expect({ v, kind, size, chunks: chunks.length }).toEqual({ v: 1, kind: 'file', size: chunkBytes + 1, chunks: 2 });
    expect(hasher.cid()).toBe(hasher.cid());
  });

  it('take nothing after the end', () => {
    const hasher = new ContentHasher();
    hasher.cid();
    expect(() => hasher.update(new Uint8Array(1))).toThrow(TypeError);
  });

  for (const [file, cid] of models) {
    const url = new URL(`../../../resources/models/${file}`, import.meta.url);
    it.runIf(existsSync(url))(`of ${file}`, () => {
      expect(contentIdOf(readFileSync(url))).toBe(cid);
    });
  }
});

describe('ids of folders', () => {
  const [a, b] = [contentIdOf(noise(1)), contentIdOf(noise(2))];

  it('are the DAG-CBOR of their sorted entries', () => {
    const entries = [
      { name: 'a', cid: CID.parse(a) },
      { name: 'b', cid: CID.parse(b) },
    ];
    const byHand = CID.createV1(dagCbor.code, sha256(dagCbor.encode({ v: 1, kind: 'folder', entries }))).toString();
    expect(
      folderCid([
        { name: 'b', cid: b },
        { name: 'a', cid: a },
      ]),
    ).toBe(byHand);
  });

  it('do not depend on the order in which files are listed', () => {
    const files = fc.uniqueArray(fc.record({ name: fc.string(), cid: fc.constantFrom(a, b) }), {
      selector: (f) => f.name,
    });
    const twoOrders = files.chain((list) =>
      fc.tuple(fc.constant(list), fc.shuffledSubarray(list, { minLength: list.length })),
    );
    fc.assert(
      fc.property(twoOrders, ([one, other]) => {
        expect(folderCid(one)).toBe(folderCid(other));
      }),
    );
  });

  it('differ when a name or a content does', () => {
    const ids = [
      folderCid([]),
      folderCid([{ name: 'x', cid: a }]),
      folderCid([{ name: 'x', cid: b }]),
      folderCid([{ name: 'y', cid: a }]),
    ];
    expect(new Set(ids).size).toBe(ids.length);
  });

  it('refuse two files of one name', () => {
    const twice = [
      { name: 'x', cid: a },
      { name: 'x', cid: b },
    ];
    expect(() => folderCid(twice)).toThrow('a folder holds x once');
  });
});
