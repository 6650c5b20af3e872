/**
 * The yardstick of the executor: the same image by the engine's client alone. No hardening, no look at what was made, no
 * limits; what is read are messages of the right form, held against no template. What a program would do that trusts the runner.
 */
import { PassThrough } from 'node:stream';
import type { TestEngine } from '../../node-core/execution/docker/testing.ts';
import { LineSplitter } from '../../node-core/execution/runner/line-splitter.ts';
import { z } from '../../node-core/protocol/index.ts';
import { AttachedContainer } from './attached-container.ts';

const Line = z.object({ type: z.string(), id: z.string().optional() });
export const EchoOutput = z.object({ text: z.string(), ownMs: z.number() });
export type EchoOutput = z.infer<typeof EchoOutput>;
const OutputLine = z.object({ output: EchoOutput });

export interface EchoInput {
  readonly text: string;
  readonly workMs?: number;
}

export class BareContainer {
  readonly #attached: AttachedContainer;
  readonly #waiting = new Map<string, (output: EchoOutput) => void>();
  readonly #outputs = new Map<string, EchoOutput>();
  #last = 0;

  private constructor(attached: AttachedContainer, stdout: PassThrough) {
    this.#attached = attached;
    const lines = new LineSplitter(Number.POSITIVE_INFINITY, (line) => this.#take(JSON.parse(line.toString('utf8'))));
    stdout.on('data', (chunk: Buffer) => lines.push(chunk));
  }

  static async start(engine: TestEngine, image: string): Promise<BareContainer> {
    const [stdout, stderr] = [new PassThrough(), new PassThrough()];
    stderr.resume();
    return new BareContainer(await AttachedContainer.start(engine, { image, stdout, stderr }), stdout);
  }

  run(input: EchoInput): Promise<EchoOutput> {
    const id = String(++this.#last);
    const { promise, resolve } = Promise.withResolvers<EchoOutput>();
    this.#waiting.set(id, resolve);
    this.#attached.stdin.write(`${JSON.stringify({ type: 'run', id, params: {}, inputs: [input], stream: false })}\n`);
    return promise;
  }

  stop(): Promise<void> {
    return this.#attached.stop();
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
