/** Answers of a job as they are made, out of the node's event stream. */

import type { ControlClient } from '../../control/index.ts';
import { ApiError, type Id, type StreamItem } from '../../protocol/index.ts';

export type Shown = Extract<StreamItem, { kind: 'token' | 'restarted' }>;

/**
 * Begin it before the job is submitted: then nothing of the job is missed.
 *
 *     const stream = new AnswerStream(node);
 *     const { jobId } = await node.call('jobs.submit', spec);
 *     await stream.follow(jobId, (item) => …);
 */
export class AnswerStream {
  readonly #node: ControlClient;
  readonly #end: () => void;
  /** Of jobs whose id is not known yet. */
  #early: StreamItem[] = [];
  #receive: ((item: StreamItem) => void) | null = null;

  constructor(node: ControlClient) {
    this.#node = node;
    // From the present on: a cursor beyond the log counts as its end.
    this.#end = node.subscribe(Number.MAX_SAFE_INTEGER, (item) => {
      if (this.#receive === null) this.#early.push(item);
      else this.#receive(item);
    });
  }

  /** Resolves when the job has ended. @throws ApiError `unavailable` when the node is gone before. */
  async follow(jobId: Id, show: (item: Shown) => void): Promise<void> {
    try {
      await new Promise<void>((resolve, reject) => {
        void this.#node.closed.then((reason) => reject(new ApiError('unavailable', `the node is gone: ${reason}`)));
        this.#receive = (item) => {
          if (item.kind === 'token' || item.kind === 'restarted') {
            if (item.jobId === jobId) show(item);
          } else if (item.kind === 'event' && item.event.type === 'job.ended' && item.event.jobId === jobId) resolve();
        };
        for (const item of this.#early.splice(0)) this.#receive(item);
      });
    } finally {
      this.#end();
    }
  }

  close(): void {
    this.#end();
  }
}
