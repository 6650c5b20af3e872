/**
 * I6 and I10: what a job says that it has, it has; what was shown of it stays; and every answer is one that its providers
 * revealed. Read from the blobs on the disk, at the moment at which the log speaks of them.
 */
import { canonicalJson, type LogEntry, Opening, opens, type Sha256, utf8 } from '../../protocol/index.ts';
import type { JobFacts, ReplicaFacts, ShardFacts } from './client-book.ts';
import type { Subject } from './subject.ts';
import { at } from './wire.ts';

/** Is this output right for this input? null = it is; else what is wrong. */
export type Truth = (input: unknown, output: unknown) => string | null;

export function checkResults(node: Subject, { event }: LogEntry): void {
  if (event.type === 'replica.revealed') {
    const replica = node.client.replicas.get(event.replicaId);
    if (replica !== undefined) checkRevealed(node, replica);
  } else if (event.type === 'shard.accepted') {
    const job = node.client.jobs.get(event.jobId);
    const shard = job?.shards.find(({ shardId }) => shardId === event.shardId);
    if (job !== undefined && shard !== undefined) checkShard(node, job, shard);
  } else if (event.type === 'job.ended' && event.resultsHash !== null) {
    const job = node.client.jobs.get(event.jobId);
    if (job !== undefined) checkMerged(node, job, event.resultsHash);
  }
}

/** What counts as revealed opens what was committed to. */
function checkRevealed(node: Subject, { replicaId, commitment, resultHash }: ReplicaFacts): void {
  const bytes = resultHash === null ? undefined : node.disk.blobs.get(resultHash);
  if (bytes === undefined) {
    node.fault('I6', `the revealed outputs of ${replicaId} are not on the disk`);
    return;
  }
  const opening = Opening.parse(at(JSON.parse(utf8.decode(bytes)), 'opening'));
  if (commitment === null || !opens(commitment.body, opening.reveal.body)) {
    node.fault('I2', `what ${replicaId} revealed does not open its commitment`);
  }
}

/** An answer is taken from what was revealed, item by item. */
function checkShard(node: Subject, { inputsHash }: JobFacts, shard: ShardFacts): void {
  const { disk, fault } = node;
  const outputs = read(node, shard.outputsHash, 'outputs');
  if (outputs.length !== shard.count)
    fault('I10', `shard ${shard.shardId} has ${outputs.length} outputs for ${shard.count} items`);
  if (!disk.blobs.has(inputsHash)) fault('I6', `the inputs of ${shard.shardId} are gone before its job has ended`);
  const revealed = shard.replicas
    .filter((replica) => replica.verdict === 'accepted')
    .map((replica) => {
      const copy = read(node, replica.resultHash, 'outputs');
      return shard.canaryAt === null ? copy : copy.toSpliced(shard.canaryAt, 1);
    });
  for (const [i, output] of outputs.entries()) {
    const text = canonicalJson(output);
    if (!revealed.some((copy) => canonicalJson(copy[i]) === text)) {
      fault('I10', `item ${i} of ${shard.shardId} is not what any accepted copy revealed`);
    }
  }
}

/** The end shows what was accepted, in its place. The shards' blobs are still there: they are deleted after the entry. */
function checkMerged(node: Subject, job: JobFacts, resultsHash: Sha256): void {
  const merged = read(node, resultsHash, 'outputs');
  if (merged.length !== job.job.items)
    node.fault('I6', `job ${job.jobId} of ${job.job.items} items has ${merged.length} results`);
  for (const shard of job.shards) {
    const accepted = shard.outputsHash === null ? null : read(node, shard.outputsHash, 'outputs');
    const given = accepted === null ? [] : read(node, shard.outputsHash, 'given');
    for (let i = 0; i < shard.count; i++) {
      const shown = merged[shard.start + i];
      const begun = Number(given[i] ?? 0) > 0 ? { given: given[i] } : {};
      const marked = shard.mark === null ? {} : { mark: shard.mark };
      const expected =
        accepted === null
          ? { output: null, how: 'missing' }
          : { output: accepted[i], how: shard.how, ...begun, ...marked };
      if (canonicalJson(shown) !== canonicalJson(expected)) {
        node.fault('I10', `item ${shard.start + i} of job ${job.jobId} was shown otherwise than it was accepted`);
      }
    }
  }
}

/** Answers of an ended job that are not true, although honest providers were in the majority. */
export function countWrong(node: Subject, job: JobFacts, truth: Truth, inputs: readonly unknown[]): number {
  return wrongItems(node, job, truth, inputs).length;
}

/** Their indices in the job. */
export function wrongItems(node: Subject, job: JobFacts, truth: Truth, inputs: readonly unknown[]): number[] {
  if (job.resultsHash === null) return [];
  return read(node, job.resultsHash, 'outputs').flatMap((shown, i) =>
    at(shown, 'how') !== 'missing' && truth(inputs[i], at(shown, 'output')) !== null ? [i] : [],
  );
}

/** A list in a blob on the disk. */
export function read(node: Subject, hash: Sha256 | null, field: string): unknown[] {
  const bytes = hash === null ? undefined : node.disk.blobs.get(hash);
  if (bytes === undefined) node.fault('I6', `the log names the blob ${hash}, and it is not on the disk`);
  const parsed: unknown = JSON.parse(utf8.decode(bytes));
  const found = at(parsed, field);
  return Array.isArray(found) ? found : [];
}
