/** A node for the tests of its carriers: an event log in memory, and answers that the test gives. */
import type { Logger } from '../ports/index.ts';
import {
  ApiError,
  type MethodInput,
  type MethodName,
  type MethodResult,
  type NodeApi,
  type NodeEvent,
  type StreamItem,
} from '../protocol/index.ts';

export const silent: Logger = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

export class FakeNode implements NodeApi {
  readonly calls: { method: MethodName; params: unknown }[] = [];
  /** What calls are answered with; a function may throw. */
  answer: (method: MethodName, params: unknown) => unknown = (method) => {
    throw new ApiError('not-found', `no answer to ${method}`);
  };
  readonly #log: Extract<StreamItem, { kind: 'event' }>[] = [];
  readonly #subscribers = new Set<(item: StreamItem) => void>();

  get subscribers(): number {
    return this.#subscribers.size;
  }

  async call<M extends MethodName>(method: M, params: MethodInput<M>): Promise<MethodResult<M>> {
    this.calls.push({ method, params });
    // The test says what the answer is; carriers pass on whatever it is.
    return (await this.answer(method, params)) as MethodResult<M>;
  }

  subscribe(after: number, receive: (item: StreamItem) => void): () => void {
    for (const item of this.#log) if (item.seq > after) receive(item);
    this.#subscribers.add(receive);
    return () => void this.#subscribers.delete(receive);
  }

  /** Appends `count` events. @returns the last one's seq. */
  append(count: number, reason = 'x'): number {
    for (let i = 0; i < count; i += 1) this.push({ type: 'node.stopped', reason });
    return this.#log.length;
  }

  push(event: NodeEvent): void {
    const item = { kind: 'event', seq: this.#log.length + 1, at: 1, event } as const;
    this.#log.push(item);
    for (const receive of this.#subscribers) receive(item);
  }

  /** Not in its log. */
  emit(item: StreamItem): void {
    for (const receive of this.#subscribers) receive(item);
  }

  progress(itemsDone: number): void {
    const jobId = '0'.repeat(32);
    const provider = `12D3KooW${'A'.repeat(44)}`;
    const replicaId = `${jobId}.0.1.${'A'.repeat(8)}`;
    for (const receive of this.#subscribers) {
      receive({ kind: 'progress', jobId, shardId: `${jobId}.0`, replicaId, provider, itemsDone });
    }
  }
}
