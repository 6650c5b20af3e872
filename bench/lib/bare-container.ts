/**
 * The yardstick of the executor: the same image by the engine's client alone. No hardening, no look at what was made, no
 * limits; what is read are messages of the right form, held against no template. What a program would do that trusts the runner.
 */
import { PassThrough } from 'node:stream';
import type { TestEngine } from '../../node-core/execution/docker/testing.ts';
import { LineSplitter } from '../../node-core/execution/runner/line-splitter.ts';
import { z } from '../../node-core/protocol/index.ts';

const Line = z.object({ type: z.string(), id: z.string().optional() });
export const EchoOutput = z.object({ text: z.string(), ownMs: z.number() });
export type EchoOutput = z.infer<typeof EchoOutput>;
const OutputLine = z.object({ output: EchoOutput });

export interface EchoInput {
  readonly text: string;
  readonly workMs?: number;
}

type Container = Awaited<ReturnType<TestEngine['docker']['createContainer']>>;

export class BareContainer {
  readonly #container: Container;
  readonly #socket: NodeJS.ReadWriteStream;
  readonly #waiting = new Map<string, (output: EchoOutput) => void>();
  readonly #outputs = new Map<string, EchoOutput>();
  #last = 0;

  private constructor(container: Container, socket: NodeJS.ReadWriteStream, stdout: PassThrough) {
    this.#container = container;
    this.#socket = socket;
    const lines = new LineSplitter(Number.POSITIVE_INFINITY, (line) => this.#take(JSON.parse(line.toString('utf8'))));
    stdout.on('data', (chunk: Buffer) => lines.push(chunk));
  }

  /** Created, attached, started. It may not be ready yet: what it is asked waits in its pipe. */
  static async start({ docker }: TestEngine, image: string): Promise<BareContainer> {
    const container = await docker.createContainer({
      Image: image,
      AttachStdin: true,
      AttachStdout: true,
      AttachStderr: true,
      OpenStdin: true,
      StdinOnce: true,
    });
    const socket = await container.attach({ stream: true, stdin: true, stdout: true, stderr: true, hijack: true });
    const [stdout, stderr] = [new PassThrough(), new PassThrough()];
    docker.modem.demuxStream(socket, stdout, stderr);
    stderr.resume();
    const bare = new BareContainer(container, socket, stdout);
    await container.start();
    return bare;
  }

  run(input: EchoInput): Promise<EchoOutput> {
    const id = String(++this.#last);
    const { promise, resolve } = Promise.withResolvers<EchoOutput>();
    this.#waiting.set(id, resolve);
    this.#socket.write(`${JSON.stringify({ type: 'run', id, params: {}, inputs: [input], stream: false })}\n`);
    return promise;
  }

  /** Ended as quickly as the engine can, and removed. */
  async stop(): Promise<void> {
    await this.#container.kill();
    await this.#container.remove({ force: true });
    this.#socket.end();
  }

  #take(message: unknown): void {
    const { type, id = '' } = Line.parse(message);
    if (type === 'output') this.#outputs.set(id, OutputLine.parse(message).output);
    const output = this.#outputs.get(id);
    if (type !== 'done' || output === undefined) return;
    this.#outputs.delete(id);
    this.#waiting.get(id)?.(output);
    this.#waiting.delete(id);
  }
}
