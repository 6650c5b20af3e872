/**
 * What every end of a channel does alike, whatever carries it: frames wait for a receiver, are handed over in order,
 * oversize ones are refused before they leave, and closing is told once with its reason.
 *
 * An adapter gives it a {@link Wire} and calls {@link ChannelEnd.deliver} and {@link ChannelEnd.broken}.
 */
import type { Channel } from '../ports/index.ts';
import { type PeerId, protocolLimits } from '../protocol/index.ts';

/** The channel is closed; `message` is the reason. */
export class ChannelClosedError extends Error {
  override readonly name = 'ChannelClosedError';
}

/** A frame over `protocolLimits.frameBytesMax`: refused before anything of it is sent. */
export class FrameTooLargeError extends Error {
  override readonly name = 'FrameTooLargeError';
  constructor(bytes: number) {
    super(`a frame has at most ${protocolLimits.frameBytesMax} bytes, not ${bytes}`);
  }
}

/** What an end needs of the adapter below it. */
export interface Wire {
  /** Resolves when the next frame may follow. Only called while the channel is open, with a frame within the limit. */
  transmit(frame: Uint8Array): Promise<void>;
  /** The receiver took a frame of this size: the other side may send as much again. */
  consumed(bytes: number): void;
  /** Somebody listens from now on. */
  listening?(): void;
  /** This side closes: tell the other side. */
  shut(reason: string): void;
}

export interface ChannelAbout {
  readonly peer: PeerId;
  readonly path: Channel['path'];
  readonly transport: string;
  readonly maxBytes?: number | null;
  readonly maxMs?: number | null;
}

export class ChannelEnd implements Channel {
  readonly peer: PeerId;
  readonly path: Channel['path'];
  readonly transport: string;
  readonly maxBytes: number | null;
  readonly maxMs: number | null;

  readonly #wire: Wire;
  #queue: Uint8Array[] = [];
  #draining = false;
  #receive: ((frame: Uint8Array) => void) | null = null;
  #closed: ((reason: string) => void) | null = null;
  #reason: string | null = null;
  #told = false;
  #atEnd: (() => void) | null = null;

  constructor(about: ChannelAbout, wire: Wire) {
    this.peer = about.peer;
    this.path = about.path;
    this.transport = about.transport;
    this.maxBytes = about.maxBytes ?? null;
    this.maxMs = about.maxMs ?? null;
    this.#wire = wire;
  }

  get isClosed(): boolean {
    return this.#reason !== null;
  }

  async send(frame: Uint8Array): Promise<void> {
    if (this.#reason !== null) throw new ChannelClosedError(this.#reason);
    if (frame.length > protocolLimits.frameBytesMax) throw new FrameTooLargeError(frame.length);
    await this.#wire.transmit(frame);
  }

  onFrame(receive: (frame: Uint8Array) => void): void {
    this.#receive = receive;
    // Not at once: the caller may still be setting itself up.
    void Promise.resolve().then(() => {
      this.#drain();
      this.#wire.listening?.();
    });
  }

  onClose(closed: (reason: string) => void): void {
    this.#closed = closed;
    if (this.#reason !== null) this.#tell();
  }

  close(reason: string): void {
    if (this.#reason !== null) return;
    this.#reason = reason;
    this.#queue = [];
    this.#wire.shut(reason);
    this.#tell();
  }

  /** For the adapter: `run` is called once the channel is closed by either side, at once and before `onClose`. */
  atEnd(run: () => void): void {
    this.#atEnd = run;
  }

  /** For the adapter: a frame came in. */
  deliver(frame: Uint8Array): void {
    if (this.#reason !== null) return;
    this.#queue.push(frame);
    if (this.#receive !== null) this.#drain();
  }

  /** For the adapter: the other side closed, or the connection was lost. What came before is handed over first. */
  broken(reason: string): void {
    if (this.#reason !== null) return;
    if (this.#receive !== null) this.#drain();
    if (this.#reason !== null) return;
    this.#reason = reason;
    this.#queue = [];
    this.#tell();
  }

  #drain(): void {
    if (this.#draining) return;
    this.#draining = true;
    try {
      while (this.#receive !== null && this.#reason === null) {
        const frame = this.#queue.shift();
        if (frame === undefined) break;
        this.#receive(frame);
        this.#wire.consumed(frame.length);
      }
    } catch (error) {
      // A frame that was taken out but not handled is lost, and loss means that the channel breaks.
      this.close(`receiver failed: ${error instanceof Error ? error.message : String(error)}`);
    } finally {
      this.#draining = false;
    }
  }

  #tell(): void {
    this.#atEnd?.();
    this.#atEnd = null;
    // Never inside the call that closed: its caller may be in the middle of a change of its own state.
    void Promise.resolve().then(() => {
      if (this.#told || this.#closed === null || this.#reason === null) return;
      this.#told = true;
      this.#closed(this.#reason);
    });
  }
}
