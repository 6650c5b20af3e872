/** Asks a bare runner (`bare-runner.ts`) in a process of its own. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { WebSocket } from 'ws';
import { Json, z } from '../../node-core/protocol/index.ts';

const script = fileURLToPath(new URL('./bare-runner.ts', import.meta.url));
const Ready = z.object({ port: z.int() });
const Message = z.object({
  id: z.int(),
  result: z.array(Json).optional(),
  error: z.string().optional(),
});

export interface BareCall {
  readonly template: string;
  readonly model: string | null;
  readonly params: Readonly<Record<string, Json>>;
  readonly inputs: readonly Json[];
}

interface Waiting {
  resolve(outputs: Json[]): void;
  reject(error: Error): void;
}

export class BareRunner {
  readonly #child: ChildProcess;
  readonly #socket: WebSocket;
  readonly #waiting = new Map<number, Waiting>();
  #lastId = 0;

  private constructor(child: ChildProcess, socket: WebSocket) {
    this.#child = child;
    this.#socket = socket;
    socket.on('message', (data) => this.#take(String(data)));
  }

  static async start(runsMax: number): Promise<BareRunner> {
    const child = spawn(process.execPath, [script, String(runsMax)], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    const [line]: unknown[] = await once(createInterface({ input: child.stdout }), 'line');
    const { port } = Ready.parse(JSON.parse(String(line)));
    const socket = new WebSocket(`ws://127.0.0.1:${port}`, { perMessageDeflate: false });
    await once(socket, 'open');
    return new BareRunner(child, socket);
  }

  run(call: BareCall): Promise<Json[]> {
    const id = ++this.#lastId;
    const { promise, resolve, reject } = Promise.withResolvers<Json[]>();
    this.#waiting.set(id, { resolve, reject });
    this.#socket.send(JSON.stringify({ id, method: 'run', params: call }));
    return promise;
  }

  async stop(): Promise<void> {
    this.#socket.close();
    const ended = once(this.#child, 'exit');
    this.#child.stdin?.end();
    await ended;
  }

  #take(text: string): void {
    const { id, result, error } = Message.parse(JSON.parse(text));
    const waiting = this.#waiting.get(id);
    if (waiting === undefined) return;
    this.#waiting.delete(id);
    if (result === undefined) waiting.reject(new Error(error ?? 'no result'));
    else waiting.resolve(result);
  }
}
