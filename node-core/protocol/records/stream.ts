/**
 * Tokens as they come: what was shown of an item is bound by a running hash, and each piece signed with it. So whoever
 * shows one text and commits to another contradicts itself in two signed statements, which hold hashes and no tokens.
 */
import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex } from '@noble/hashes/utils.js';
import { utf8 } from '../codec/canonical.ts';
import { ReplicaId, Sha256 } from '../primitives.ts';
import { signedSchema } from '../signed.ts';
import { z } from '../zod.ts';

/** How far an item was shown. */
export const ShownItem = z.object({
  item: z.int().min(0).max(1_000_000).describe('index in the shard'),
  tokens: z.int().min(0).max(1_000_000).describe('of the item shown so far, a forced prefix among them'),
  letters: z.int().min(0).max(1_000_000_000).describe('of its text shown so far by this provider, UTF-16 code units'),
  head: Sha256.describe('running hash of these tokens and this text, see `RunningHash`'),
});
export type ShownItem = z.infer<typeof ShownItem>;

/** The provider's signed word on what it has shown; `shard.token` carries its parts. */
export const StreamHead = z.object({ v: z.literal(1), replicaId: ReplicaId, ...ShownItem.shape });
export type StreamHead = z.infer<typeof StreamHead>;
export const SignedStreamHead = signedSchema(StreamHead);
export type SignedStreamHead = z.infer<typeof SignedStreamHead>;

export function toStreamHead(replicaId: ReplicaId, { item, tokens, letters, head }: ShownItem): StreamHead {
  return { v: 1, replicaId, item, tokens, letters, head };
}

/**
 * SHA-256 over the two SHA-256 of all tokens (4 bytes each, big endian) and of all text (UTF-16, big endian) shown of an
 * item, both behind `infernet/stream/1\n<itemSalt>\n<item>\n`. It does not depend on how they were cut into pieces; the job's
 * salt keeps short answers from being guessed.
 */
export class RunningHash {
  readonly #tokens = sha256.create();
  readonly #text = sha256.create();

  constructor(itemSalt: string, item: number) {
    const start = utf8.encode(`infernet/stream/1\n${itemSalt}\n${item}\n`);
    this.#tokens.update(start);
    this.#text.update(start);
  }

  push(tokens: readonly number[], text: string): this {
    const tokenBytes = new DataView(new ArrayBuffer(4 * tokens.length));
    for (const [i, token] of tokens.entries()) tokenBytes.setUint32(4 * i, token);
    this.#tokens.update(new Uint8Array(tokenBytes.buffer));
    const textBytes = new DataView(new ArrayBuffer(2 * text.length));
    for (let i = 0; i < text.length; i++) textBytes.setUint16(2 * i, text.charCodeAt(i));
    this.#text.update(new Uint8Array(textBytes.buffer));
    return this;
  }

  /** Of all that was pushed so far; more may follow. */
  head(): Sha256 {
    const both = sha256.create();
    both.update(this.#tokens.clone().digest());
    both.update(this.#text.clone().digest());
    return bytesToHex(both.digest());
  }
}

/**
 * Do a signed head and what the commitment says was shown contradict each other? They do when the commitment knows of less
 * than was signed, or of something else at the same place.
 */
export function contradicts(committed: readonly ShownItem[], head: StreamHead): boolean {
  const said = committed.find(({ item }) => item === head.item);
  if (said === undefined || said.tokens < head.tokens || said.letters < head.letters) return true;
  return said.tokens === head.tokens && said.letters === head.letters && said.head !== head.head;
}
