/** The caller's end of a worker: collects what is sent in one microtask into one message, and says when the worker ends. */
import { Worker } from 'node:worker_threads';
import type { WorkerData } from './messages.ts';
import { workerUrl } from './worker-url.ts';

export interface LinkOptions<Incoming> {
  readonly name: 'writer.worker' | 'reader.worker';
  readonly data: WorkerData;
  receive(message: Incoming): void;
  /** Called once, after the last message. @param error what ended it, or null. */
  ended(error: Error | null): void;
}

export class WorkerLink<Outgoing, Incoming> {
  readonly #worker: Worker;
  /** Resolves when the thread is gone, and with it its files and locks. */
  readonly exited: Promise<void>;
  #outbox: Outgoing[] = [];
  #transfer: ArrayBuffer[] = [];

  constructor({ name, data, receive, ended }: LinkOptions<Incoming>) {
    // The caller's flags are not for this thread, and some (--input-type) would keep it from starting.
    this.#worker = new Worker(workerUrl(name), { name: `store ${name}`, workerData: data, execArgv: [] });
    let failure: Error | null = null;
    this.#worker.on('message', (message: Incoming) => receive(message));
    this.#worker.on('error', (error: unknown) => {
      failure = error instanceof Error ? error : new Error(String(error));
    });
    this.exited = new Promise((resolve) => {
      this.#worker.on('exit', () => {
        ended(failure);
        resolve();
      });
    });
  }

  /** @param transfer memory that moves to the worker instead of being copied. */
  send(item: Outgoing, transfer: readonly ArrayBuffer[] = []): void {
    if (this.#outbox.push(item) === 1) queueMicrotask(() => this.#flush());
    this.#transfer.push(...transfer);
  }

  /** Ends the worker after everything that was sent. */
  close(): Promise<void> {
    this.#flush();
    this.#worker.postMessage('close');
    return this.exited;
  }

  #flush(): void {
    if (this.#outbox.length === 0) return;
    this.#worker.postMessage(this.#outbox, this.#transfer);
    this.#outbox = [];
    this.#transfer = [];
  }
}
