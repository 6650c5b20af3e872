/**
 * I10, before the verdict: a user who watches a node's stream. What stands on the screen when a shard is accepted is what was
 * accepted; what does not hold any more was marked as restarted before.
 */
import type { StreamItem } from '../../protocol/index.ts';
import { read } from './results.ts';
import type { Subject } from './subject.ts';
import { at } from './wire.ts';

export class Screen {
  readonly #node: Subject;
  /** By job and item. */
  readonly #texts = new Map<string, string>();
  /** Pieces of text, and restarts, so far. */
  readonly counts: { pieces: number; restarts: number };

  /** @param counts of all lives of the node. */
  constructor(node: Subject, counts: { pieces: number; restarts: number }) {
    this.#node = node;
    this.counts = counts;
  }

  take(item: StreamItem): void {
    if (item.kind === 'token') this.#show(item);
    if (item.kind === 'restarted') {
      this.counts.restarts++;
      this.#texts.set(`${item.jobId} ${item.item}`, '');
    }
    if (item.kind === 'event' && item.event.type === 'shard.accepted') this.#compare(item.event);
  }

  #show({ jobId, item, letters, text }: Extract<StreamItem, { kind: 'token' }>): void {
    this.counts.pieces++;
    const before = this.#texts.get(`${jobId} ${item}`) ?? '';
    if (letters !== before.length)
      this.#node.fault('I10', `item ${item} of ${jobId} goes on at letter ${letters}, and ${before.length} were shown`);
    if (this.#node.client.jobs.get(jobId)?.job.stream !== true)
      this.#node.fault('I10', `tokens of job ${jobId} are shown, which nobody asked for`);
    this.#texts.set(`${jobId} ${item}`, before + text);
  }

  #compare({ jobId, shardId }: { jobId: string; shardId: string }): void {
    const job = this.#node.client.jobs.get(jobId);
    const shard = job?.shards.find((candidate) => candidate.shardId === shardId);
    if (shard === undefined || job?.job.stream !== true) return;
    for (const [i, output] of read(this.#node, shard.outputsHash, 'outputs').entries()) {
      const shown = this.#texts.get(`${jobId} ${shard.start + i}`) ?? '';
      if (shown !== at(output, 'text'))
        this.#node.fault(
          'I10',
          `item ${i} of ${shardId} was shown as “${shown}” and accepted as “${at(output, 'text')}”`,
        );
    }
  }
}
