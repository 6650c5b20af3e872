/**
 * The yardstick below the yardstick: bytes through a container and back by the engine's client, of which nobody reads a line.
 * What a stream of the engine can carry, before anything is a message.
 */
import { Writable } from 'node:stream';
import type { TestEngine } from '../../node-core/execution/docker/testing.ts';

/** In an image with Node. */
const echo = ['/usr/local/bin/node', '-e', 'process.stdin.pipe(process.stdout)'];

type Container = Awaited<ReturnType<TestEngine['docker']['createContainer']>>;

export class RawContainer {
  readonly #container: Container;
  readonly #socket: NodeJS.ReadWriteStream;
  #awaitedBytes = 0;
  #done: (() => void) | null = null;

  private constructor(container: Container, socket: NodeJS.ReadWriteStream) {
    this.#container = container;
    this.#socket = socket;
  }

  static async start({ docker }: TestEngine, image: string): Promise<RawContainer> {
    const container = await docker.createContainer({
      Image: image,
      Entrypoint: echo,
      AttachStdin: true,
      AttachStdout: true,
      AttachStderr: true,
      OpenStdin: true,
      StdinOnce: true,
      // As ours: the engine's own log of it would cost half of the speed.
      HostConfig: { LogConfig: { Type: 'none', Config: {} } },
    });
    const socket = await container.attach({ stream: true, stdin: true, stdout: true, stderr: true, hijack: true });
    const raw = new RawContainer(container, socket);
    const counted = new Writable({
      write: (chunk: Buffer, _, next) => {
        raw.#awaitedBytes -= chunk.length;
        if (raw.#awaitedBytes <= 0) raw.#done?.();
        next();
      },
    });
    const dropped = new Writable({ write: (_chunk, _encoding, next) => next() });
    docker.modem.demuxStream(socket, counted, dropped);
    await container.start();
    return raw;
  }

  /** Resolves when all of it is back. */
  async pump(piece: Buffer, count: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#awaitedBytes = piece.length * count;
    this.#done = resolve;
    for (let i = 0; i < count; i++) {
      if (!this.#socket.write(piece)) await new Promise((drained) => this.#socket.once('drain', drained));
    }
    await promise;
  }

  async stop(): Promise<void> {
    await this.#container.kill();
    await this.#container.remove({ force: true });
    this.#socket.end();
  }
}
