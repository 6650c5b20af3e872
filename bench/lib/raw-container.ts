/**
 * The yardstick below the yardstick: bytes through a container and back by the engine's client, of which nobody reads a line.
 * What a stream of the engine can carry, before anything is a message.
 */
import { Writable } from 'node:stream';
import type { TestEngine } from '../../node-core/execution/docker/testing.ts';
import { AttachedContainer } from './attached-container.ts';

/** In an image with Node. */
const echo = ['/usr/local/bin/node', '-e', 'process.stdin.pipe(process.stdout)'];

export class RawContainer {
  readonly #attached: AttachedContainer;
  readonly #back: Counter;

  private constructor(attached: AttachedContainer, back: Counter) {
    this.#attached = attached;
    this.#back = back;
  }

  static async start(engine: TestEngine, image: string): Promise<RawContainer> {
    const [stdout, stderr] = [new Counter(), new Counter()];
    return new RawContainer(await AttachedContainer.start(engine, { image, command: echo, stdout, stderr }), stdout);
  }

  /** Resolves when all of it is back. */
  async pump(piece: Buffer, count: number): Promise<void> {
    const { stdin } = this.#attached;
    const allBack = this.#back.next(piece.length * count);
    for (let i = 0; i < count; i++) {
      if (!stdin.write(piece)) await new Promise((drained) => stdin.once('drain', drained));
    }
    await allBack;
  }

  stop(): Promise<void> {
    return this.#attached.stop();
  }
}

/** Takes bytes and keeps none. */
class Counter extends Writable {
  #left = 0;
  #done: (() => void) | null = null;

  override _write(chunk: Buffer, _: BufferEncoding, next: () => void): void {
    this.#left -= chunk.length;
    if (this.#left <= 0) this.#done?.();
    next();
  }

  /** Resolves when so many more have come. */
  next(bytes: number): Promise<void> {
    this.#left = bytes;
    return new Promise((resolve) => {
      this.#done = resolve;
    });
  }
}
