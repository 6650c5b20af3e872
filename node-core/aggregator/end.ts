/** The end of a job: merges what was accepted, in the order of the inputs, and deletes what is not needed any more. */
import type { NodeEvent, Sha256 } from '../protocol/index.ts';
import type { AggregatorContext } from './context.ts';
import { payloads, type Results, writtenBefore } from './payloads.ts';
import { isFinalShard, type Job } from './state.ts';

/** Payloads of a job under way; its results are not among them. */
export function blobsOf({ inputsHash, shards }: Job): Sha256[] {
  const hashes = shards.flatMap(({ outputsHash, before, canary, replicas }) => [
    outputsHash,
    canary?.hash ?? null,
    before?.outputsHash ?? null,
    ...replicas.flatMap(({ resultHash, prefixesHash }) => [resultHash, prefixesHash ?? null]),
  ]);
  return [inputsHash, ...hashes.filter((hash) => hash !== null)];
}

/** Outputs accepted so far, one per input item. */
export async function mergedResults(context: AggregatorContext, job: Job): Promise<Results['outputs']> {
  const outputs: Results['outputs'] = [];
  for (const shard of job.shards) {
    const accepted =
      shard.outputsHash === null ? null : await payloads.shardOutputs(context.journal, shard.outputsHash);
    for (let i = 0; i < shard.count; i++) {
      const output = accepted?.outputs[i];
      const given = accepted?.given?.[i] ?? 0;
      const marks = { ...(given > 0 && { given }), ...(shard.mark !== null && { mark: shard.mark }) };
      outputs.push(
        output === undefined ? { output: null, how: 'missing' } : { output, how: shard.how ?? 'missing', ...marks },
      );
    }
  }
  while (outputs.length < job.job.items) outputs.push({ output: null, how: 'missing' });
  return outputs;
}

/** @returns false when a shard was opened again meanwhile: the job goes on. */
export async function endJob(context: AggregatorContext, job: Job): Promise<boolean> {
  const { store, journal, payment, log } = context;
  const { jobId, cancelling } = job;
  const answers = () => job.shards.map(({ state, outputsHash, mark }) => [state, outputsHash, mark].join()).join();
  const begun = answers();
  const outputs = await mergedResults(context, job);
  const accepted = job.shards.filter((shard) => shard.state === 'accepted');
  const failed = job.shards.find((shard) => shard.failure !== null)?.failure ?? null;
  const complete = job.shards.length > 0 && accepted.length === job.shards.length;
  const itemsAccepted = accepted.reduce((sum, shard) => sum + shard.count, 0);
  const inputs = (await payloads.inputs(store, job.inputsHash))?.inputs;
  const isWorthKeeping = itemsAccepted > 0 || inputs !== undefined;
  const results = isWorthKeeping
    ? payloads.ofResults({ jobId, outputs, ...(inputs !== undefined && { inputs }) })
    : null;
  const blobs = results === null ? [] : await writtenBefore(store, results);

  if (!job.shards.every(isFinalShard) || answers() !== begun) return false;
  // What was not begun when its owner stopped the job has no answer.
  const stopped = cancelling === null && failed === null && job.stopping?.all === true;
  const state = complete ? 'done' : stopped ? 'cancelled' : (cancelling?.becomes ?? 'failed');
  const code = complete
    ? null
    : (cancelling?.code ?? (cancelling === null && !stopped ? (failed?.code ?? 'internal') : null));
  const reason = complete ? '' : stopped ? 'stopped by its owner' : (cancelling?.reason ?? failed?.reason ?? '');
  const waiting =
    !complete && job.waiting !== null && cancelling?.code === 'timeout'
      ? `; it waited because ${job.waiting.reason}`
      : '';
  const ended: NodeEvent = {
    type: 'job.ended',
    jobId,
    state,
    code,
    reason: `${reason}${waiting}`.slice(0, 500),
    resultsHash: results?.hash ?? null,
    shardsAccepted: accepted.length,
    shardsTotal: job.shards.length,
    itemsAccepted,
    spentMicro: payment.spentOf(jobId),
  };
  await journal.commit([ended], blobs);
  log.info({ jobId, state, code, itemsAccepted, items: job.job.items }, 'a job ended');
  try {
    await store.deleteBlobs(blobsOf(job));
  } catch (error) {
    // Swept at the next start.
    log.warn({ jobId, error: error instanceof Error ? error.message : String(error) }, 'payloads could not be deleted');
  }
  return true;
}
