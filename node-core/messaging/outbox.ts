/**
 * What waits to be sent to one peer: messages of the same moment travel in one frame, and the next frame waits until the
 * channel takes it. Bounded in bytes.
 */
import type { Channel } from '../ports/index.ts';
import { type Envelope, protocolLimits, utf8 } from '../protocol/index.ts';

interface Queued {
  /** JSON of the envelope. */
  readonly bytes: Uint8Array;
}

const COMMA = 0x2c;
const OPEN = 0x5b;
const CLOSE = 0x5d;

export class Outbox {
  readonly #bytesMax: number;
  readonly #broken: (reason: string) => void;
  #queue: Queued[] = [];
  #bytes = 0;
  #channel: Channel | null = null;
  #flushing = false;

  /** @param broken the channel failed or the peer is too slow. */
  constructor(bytesMax: number, broken: (reason: string) => void) {
    this.#bytesMax = bytesMax;
    this.#broken = broken;
  }

  use(channel: Channel | null): void {
    this.#channel = channel;
    if (channel === null) {
      this.#queue = [];
      this.#bytes = 0;
    } else {
      this.#schedule();
    }
  }

  /** @throws RangeError when the message alone is over a frame's limit. */
  push(envelope: Envelope): void {
    const bytes = utf8.encode(JSON.stringify(envelope));
    if (bytes.length + 2 > protocolLimits.frameBytesMax) {
      throw new RangeError(
        `a ${envelope.type} message of ${bytes.length} bytes is over the frame limit of ${protocolLimits.frameBytesMax} bytes`,
      );
    }
    this.#bytes += bytes.length;
    if (this.#bytes > this.#bytesMax) {
      this.#broken(`more than ${this.#bytesMax} bytes wait to be sent: the peer reads too slowly`);
      return;
    }
    this.#queue.push({ bytes });
    this.#schedule();
  }

  #schedule(): void {
    if (this.#flushing || this.#channel === null || this.#queue.length === 0) return;
    this.#flushing = true;
    void this.#flush();
  }

  async #flush(): Promise<void> {
    // One turn later, so that the messages of this moment share a frame.
    await Promise.resolve();
    while (this.#queue.length > 0 && this.#channel !== null) {
      const channel = this.#channel;
      const frame = this.#takeFrame();
      try {
        await channel.send(frame);
      } catch (error) {
        // The frame is lost with its channel; what still waits goes over the next one, if there is one already.
        if (this.#channel === channel) {
          this.#flushing = false;
          this.#broken(error instanceof Error ? error.message : String(error));
          return;
        }
      }
    }
    this.#flushing = false;
  }

  /** At least one message: each alone fits, by {@link push}. */
  #takeFrame(): Uint8Array {
    let size = 2;
    let count = 0;
    for (const { bytes } of this.#queue) {
      const more = bytes.length + (count > 0 ? 1 : 0);
      if (count === protocolLimits.messagesPerFrameMax || size + more > protocolLimits.frameBytesMax) break;
      size += more;
      count++;
    }
    const frame = new Uint8Array(size);
    frame[0] = OPEN;
    let at = 1;
    for (const [i, { bytes }] of this.#queue.splice(0, count).entries()) {
      if (i > 0) frame[at++] = COMMA;
      frame.set(bytes, at);
      at += bytes.length;
      this.#bytes -= bytes.length;
    }
    frame[at] = CLOSE;
    return frame;
  }
}
