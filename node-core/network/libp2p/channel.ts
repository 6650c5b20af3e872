/**
 * A channel over one libp2p stream.
 *
 * libp2p 3 streams are events. `send` returning false means that the stream's window is full: the frame went into a
 * buffer without a bound, so the next one has to wait until that is empty. `onDrain` is not used: its promise stays
 * resolved after the first time. Incoming data is paused until somebody listens, which closes the sender's window.
 */
import type { Connection, Stream, StreamCloseEvent, StreamMessageEvent } from '@libp2p/interface';
import { ChannelClosedError, ChannelEnd } from '../channel-end.ts';
import { describeError, isRelayed, transportOf } from './addresses.ts';
import { encodeFrame, encodeGoodbye, FrameReader } from './frames.ts';

/** What relays allow where the connection does not say (circuit relay v2 defaults of js-libp2p and go-libp2p). */
const relayBytesMax = 128 * 1024;
const relayMsMax = 2 * 60_000;
/** How long a closing stream may take to say goodbye before it is cut. */
const goodbyeMsMax = 3_000;

interface Waiter {
  resolve(): void;
  reject(error: Error): void;
}

/** @returns the end of the channel, with a promise of when nothing of it is left on the wire. */
export function channelOver(stream: Stream, connection: Connection): { end: ChannelEnd; gone: Promise<void> } {
  const channel = new StreamChannel(stream, connection);
  return { end: channel.end, gone: channel.gone };
}

class StreamChannel {
  readonly end: ChannelEnd;
  readonly gone: Promise<void>;
  readonly #stream: Stream;
  readonly #reader: FrameReader;
  #waiters: Waiter[] = [];
  #isFinished = false;

  constructor(stream: Stream, connection: Connection) {
    this.#stream = stream;
    this.end = new ChannelEnd(aboutOf(connection), {
      transmit: (frame) => this.#transmit(frame),
      consumed: () => {},
      listening: () => this.#resume(),
      shut: (reason) => this.#shut(reason),
    });
    this.#reader = new FrameReader(
      (frame) => this.end.deliver(frame),
      (reason) => this.#finish(reason),
    );
    stream.pause();
    stream.addEventListener('message', (event: StreamMessageEvent) => this.#read(event));
    // Handlers run before the stream itself goes on to send what is left.
    const look = () => queueMicrotask(() => this.#release());
    stream.addEventListener('drain', look);
    stream.addEventListener('idle', look);
    // The other side says no more: read what it said before, also when nobody listens yet.
    stream.addEventListener('remoteCloseWrite', () => this.#resume());
    stream.addEventListener('end', () => this.#finish('the peer ended the channel'));
    this.gone = new Promise((resolve) => {
      stream.addEventListener('close', (event: StreamCloseEvent) => {
        this.#finish(event.error === undefined ? 'the connection closed' : describeError(event.error));
        resolve();
      });
    });
  }

  #transmit(frame: Uint8Array): Promise<void> {
    try {
      this.#stream.send(encodeFrame(frame));
    } catch (error) {
      const reason = describeError(error);
      this.#finish(reason);
      return Promise.reject(new ChannelClosedError(reason));
    }
    if (this.#isFlowing()) return Promise.resolve();
    return new Promise((resolve, reject) => this.#waiters.push({ resolve, reject }));
  }

  #isFlowing(): boolean {
    return !this.#stream.writableNeedsDrain && this.#stream.writeBufferLength === 0;
  }

  #release(): void {
    if (!this.#isFlowing()) return;
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const waiter of waiters) waiter.resolve();
  }

  #read(event: StreamMessageEvent): void {
    if (this.#isFinished) return;
    try {
      this.#reader.push(event.data instanceof Uint8Array ? event.data : event.data.subarray());
    } catch (error) {
      this.end.close(describeError(error));
    }
  }

  #resume(): void {
    if (this.#stream.readStatus === 'paused') this.#stream.resume();
  }

  /** This side closes: the reason goes out behind the frames that were sent. */
  #shut(reason: string): void {
    try {
      if (this.#stream.writeStatus === 'writable') this.#stream.send(encodeGoodbye(reason));
    } catch {
      // The stream is closed already, which is what was wanted.
    }
    this.#end(reason);
  }

  /** The other side closed, or the connection is lost. */
  #finish(reason: string): void {
    if (this.#isFinished) return;
    this.end.broken(reason);
    this.#end(reason);
  }

  #end(reason: string): void {
    if (this.#isFinished) return;
    this.#isFinished = true;
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const waiter of waiters) waiter.reject(new ChannelClosedError(reason));
    const { status } = this.#stream;
    if (status !== 'open' && status !== 'closing') return;
    // What still comes in is read and dropped: a stream with unread data does not end.
    this.#resume();
    const cut = () => this.#stream.abort(new ChannelClosedError(reason));
    const timer = setTimeout(cut, goodbyeMsMax);
    timer.unref();
    this.#stream.addEventListener('close', () => clearTimeout(timer));
    this.#stream.close({ signal: AbortSignal.timeout(goodbyeMsMax) }).catch(cut);
  }
}

function aboutOf(connection: Connection): ConstructorParameters<typeof ChannelEnd>[0] {
  const { limits } = connection;
  const isLimited = limits !== undefined || isRelayed(connection.remoteAddr);
  return {
    peer: connection.remotePeer.toString(),
    path: isLimited || !connection.direct ? 'relay' : 'direct',
    transport: transportOf(connection),
    maxBytes: isLimited ? Number(limits?.bytes ?? relayBytesMax) : null,
    maxMs: isLimited ? (limits?.seconds === undefined ? relayMsMax : limits.seconds * 1000) : null,
  };
}
