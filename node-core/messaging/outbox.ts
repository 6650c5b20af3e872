/**
 * What waits to be sent to one peer: messages of the same moment travel in one frame, and the next frame waits until the
 * channel takes it. Bounded in bytes.
 */
import type { Channel } from '../ports/index.ts';
import { type Envelope, protocolLimits, utf8 } from '../protocol/index.ts';

interface Queued {
  /** JSON of the envelope. */
  readonly bytes: Uint8Array;
  /** Told when its frame may be followed by the next (null), or is lost. */
  readonly left: ((error: Error | null) => void) | null;
}

const COMMA = 0x2c;
const OPEN = 0x5b;
const CLOSE = 0x5d;

export class Outbox {
  readonly #bytesMax: () => number;
  readonly #broken: (reason: string) => void;
  #queue: Queued[] = [];
  #bytes = 0;
  #channel: Channel | null = null;
  #flushing = false;

  /**
   * @param bytesMax asked at each message.
   * @param broken the channel failed or the peer is too slow.
   */
  constructor(bytesMax: () => number, broken: (reason: string) => void) {
    this.#bytesMax = bytesMax;
    this.#broken = broken;
  }

  use(channel: Channel | null): void {
    this.#channel = channel;
    if (channel === null) {
      this.#drop('the channel is closed');
    } else {
      this.#schedule();
    }
  }

  /**
   * @param left called once: with null when the channel takes more after this message, or with why it is lost.
   * @throws RangeError when the message alone is over a frame's limit.
   */
  push(envelope: Envelope, left: ((error: Error | null) => void) | null = null): void {
    const bytes = utf8.encode(JSON.stringify(envelope));
    if (bytes.length + 2 > protocolLimits.frameBytesMax) {
      throw new RangeError(
        `a ${envelope.type} message of ${bytes.length} bytes is over the frame limit of ${protocolLimits.frameBytesMax} bytes`,
      );
    }
    this.#bytes += bytes.length;
    const bytesMax = this.#bytesMax();
    if (this.#bytes > bytesMax) {
      const reason = `more than ${bytesMax} bytes wait to be sent: the peer reads too slowly`;
      this.#broken(reason);
      left?.(new Error(reason));
      return;
    }
    this.#queue.push({ bytes, left });
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
      const { frame, taken } = this.#takeFrame();
      try {
        await channel.send(frame);
        for (const { left } of taken) left?.(null);
      } catch (error) {
        const lost = error instanceof Error ? error : new Error(String(error));
        for (const { left } of taken) left?.(lost);
        // The frame is lost with its channel; what still waits goes over the next one, if there is one already.
        if (this.#channel === channel) {
          this.#flushing = false;
          this.#broken(lost.message);
          return;
        }
      }
    }
    this.#flushing = false;
  }

  #drop(reason: string): void {
    const dropped = this.#queue;
    this.#queue = [];
    this.#bytes = 0;
    for (const { left } of dropped) left?.(new Error(reason));
  }

  /** At least one message: each alone fits, by {@link push}. */
  #takeFrame(): { frame: Uint8Array; taken: readonly Queued[] } {
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
    const taken = this.#queue.splice(0, count);
    for (const [i, { bytes }] of taken.entries()) {
      if (i > 0) frame[at++] = COMMA;
      frame.set(bytes, at);
      at += bytes.length;
      this.#bytes -= bytes.length;
    }
    frame[at] = CLOSE;
    return { frame, taken };
  }
}
