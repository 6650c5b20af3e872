/**
 * Frames on a byte stream: a length of four bytes, big-endian, then that many bytes.
 *
 * A length with its top bit set announces a goodbye instead: the reason of a close in UTF-8, so that the other side
 * learns why and does not have to guess from a stream that ended.
 */
import { protocolLimits } from '../../protocol/index.ts';
import { FrameTooLargeError } from '../channel-end.ts';

const headerBytes = 4;
const goodbyeBit = 0x8000_0000;
/** A reason is a sentence. */
const reasonBytesMax = 1024;

export function encodeFrame(frame: Uint8Array): Uint8Array {
  return withHeader(frame, frame.length);
}

export function encodeGoodbye(reason: string): Uint8Array {
  const bytes = new TextEncoder().encode(reason).subarray(0, reasonBytesMax);
  return withHeader(bytes, (goodbyeBit | bytes.length) >>> 0);
}

function withHeader(body: Uint8Array, header: number): Uint8Array {
  const bytes = new Uint8Array(headerBytes + body.length);
  new DataView(bytes.buffer).setUint32(0, header);
  bytes.set(body, headerBytes);
  return bytes;
}

/** Cuts what comes in back into frames. */
export class FrameReader {
  readonly #onFrame: (frame: Uint8Array) => void;
  readonly #onGoodbye: (reason: string) => void;
  readonly #header = new Uint8Array(headerBytes);
  #headerFilled = 0;
  #body: Uint8Array | null = null;
  #bodyFilled = 0;
  #isGoodbye = false;

  constructor(onFrame: (frame: Uint8Array) => void, onGoodbye: (reason: string) => void) {
    this.#onFrame = onFrame;
    this.#onGoodbye = onGoodbye;
  }

  /** @throws FrameTooLargeError when the other side announces more than a frame may hold; nothing more can be read then. */
  push(chunk: Uint8Array): void {
    let at = 0;
    while (at < chunk.length) {
      if (this.#body === null) {
        const part = chunk.subarray(at, at + headerBytes - this.#headerFilled);
        this.#header.set(part, this.#headerFilled);
        this.#headerFilled += part.length;
        at += part.length;
        if (this.#headerFilled === headerBytes) this.#begin();
      } else {
        const part = chunk.subarray(at, at + this.#body.length - this.#bodyFilled);
        this.#body.set(part, this.#bodyFilled);
        this.#bodyFilled += part.length;
        at += part.length;
      }
      if (this.#body !== null && this.#bodyFilled === this.#body.length) this.#end(this.#body);
    }
  }

  #begin(): void {
    const header = new DataView(this.#header.buffer).getUint32(0);
    this.#isGoodbye = header >= goodbyeBit;
    const bytes = this.#isGoodbye ? header - goodbyeBit : header;
    if (bytes > (this.#isGoodbye ? reasonBytesMax : protocolLimits.frameBytesMax)) throw new FrameTooLargeError(bytes);
    this.#body = new Uint8Array(bytes);
    this.#bodyFilled = 0;
  }

  #end(body: Uint8Array): void {
    this.#body = null;
    this.#headerFilled = 0;
    if (this.#isGoodbye) this.#onGoodbye(new TextDecoder().decode(body));
    else this.#onFrame(body);
  }
}
