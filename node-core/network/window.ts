/** Back-pressure of a channel inside one process: how many bytes may be under way before a sender waits. */
import { ChannelClosedError } from './channel-end.ts';

/** Bytes under way in one direction before `send` waits; that of yamux. */
export const windowBytesDefault = 256 * 1024;

interface Waiter {
  resolve(): void;
  reject(error: Error): void;
}

export class Window {
  readonly #bytes: number;
  #underWay = 0;
  #waiters: Waiter[] = [];

  /** @param bytes a sender waits once this many are under way. */
  constructor(bytes: number) {
    this.#bytes = bytes;
  }

  /** Counts a frame as sent. Resolves when the next one may follow. */
  take(bytes: number): Promise<void> {
    this.#underWay += bytes;
    if (this.#underWay < this.#bytes) return Promise.resolve();
    return new Promise((resolve, reject) => this.#waiters.push({ resolve, reject }));
  }

  /** Counts a frame as received. */
  release(bytes: number): void {
    this.#underWay -= bytes;
    if (this.#underWay >= this.#bytes || this.#waiters.length === 0) return;
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const waiter of waiters) waiter.resolve();
  }

  /** The channel closed: nobody waits any longer. */
  close(reason: string): void {
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const waiter of waiters) waiter.reject(new ChannelClosedError(reason));
  }

  /** The process is gone: waiting senders neither go on nor fail. */
  abandon(): void {
    this.#waiters = [];
  }
}
