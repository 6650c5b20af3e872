/** The node in the main process: started, watched, drained, and started again when it fell. */
import type { NodeApi } from '../node-core/protocol/index.ts';

export type NodeState = 'starting' | 'online' | 'stopping' | 'failed';

export interface RunningHost {
  readonly api: NodeApi;
  stop(options: { drainMs?: number; reason: string }): Promise<void>;
}

export interface NodeHostOptions {
  /** Builds and starts a node. @throws what says why it cannot. */
  start(onEnd: (error: Error | null) => void): Promise<RunningHost>;
  /** For people: what an error means. */
  explain(error: unknown): string;
  changed(state: NodeState): void;
}

/** Never two nodes at once: each begins when the one before has ended. */
export class NodeHost {
  state: NodeState = 'starting';
  message = '';
  readonly #o: NodeHostOptions;
  #running: RunningHost | null = null;
  #work: Promise<void> = Promise.resolve();

  constructor(options: NodeHostOptions) {
    this.#o = options;
  }

  get api(): NodeApi | null {
    return this.state === 'online' ? (this.#running?.api ?? null) : null;
  }

  start(): Promise<void> {
    return this.#then(async () => {
      if (this.#running !== null) return;
      this.#become('starting');
      try {
        this.#running = await this.#o.start((error) => this.#ended(error));
        this.#become('online');
      } catch (error) {
        this.#become('failed', this.#o.explain(error));
      }
    });
  }

  stop(options: { drainMs?: number; reason: string }): Promise<void> {
    return this.#then(async () => {
      const running = this.#running;
      this.#running = null;
      if (running === null) return;
      this.#become('stopping');
      await running.stop(options);
    });
  }

  async restart(): Promise<void> {
    await this.stop({ reason: 'restarted by its owner' });
    await this.start();
  }

  /** It stopped by itself: by its API, or because it cannot go on. */
  #ended(error: Error | null): void {
    if (this.#running === null) return;
    const running = this.#running;
    this.#running = null;
    this.#become('failed', error === null ? 'The node was stopped.' : this.#o.explain(error));
    void this.#then(() => running.stop({ drainMs: 0, reason: 'the node cannot go on' }));
  }

  #become(state: NodeState, message = ''): void {
    this.state = state;
    this.message = message;
    this.#o.changed(state);
  }

  #then(act: () => Promise<void>): Promise<void> {
    const done = this.#work.then(act);
    this.#work = done.catch(() => {});
    return done;
  }
}
