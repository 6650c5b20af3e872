/** I6 and I7: nothing waits for ever. Looked at from time to time in all nodes that are up. */
import { protocolLimits, replicaMachine } from '../../protocol/index.ts';
import type { Subject } from './subject.ts';

/** For rounds, sweeps and the disk: nothing in a node is more exact than this. */
const slackMs = 30_000;

/** @param liveTimers timers that the node has set and that did not run yet. */
export function checkWaits(node: Subject, nowMs: number, liveTimers: number): void {
  const { client, provider, config, fault, upSinceMs } = node;
  if (upSinceMs === null) return;
  const { leaseMs, graceMs, revealMs, suspectMs } = config.aggregator;
  const endMs = leaseMs + graceMs + revealMs + suspectMs + slackMs;
  /** A node that was down could not act; its time begins anew. */
  const since = (momentMs: number): number => Math.max(momentMs, upSinceMs);

  for (const job of client.jobs.values()) {
    if (job.endedElapsedMs !== null) continue;
    if (nowMs > since(job.deadlineElapsedMs) + endMs) {
      fault(
        'I6',
        `job ${job.jobId} is ${job.state}, ${Math.round((nowMs - job.deadlineElapsedMs) / 1000)} s after its deadline`,
      );
    }
    if (job.cancelledElapsedMs !== null && nowMs > since(job.cancelledElapsedMs) + endMs) {
      fault(
        'I6',
        `job ${job.jobId} is ${job.state}, ${Math.round((nowMs - job.cancelledElapsedMs) / 1000)} s after it was cancelled`,
      );
    }
    for (const shard of job.shards) {
      for (const replica of shard.replicas) {
        if (replicaMachine.isFinal(replica.state)) continue;
        // What is committed waits for the other copies, at most as long as the job.
        const isDone = replica.state === 'committed' || replica.state === 'revealed';
        const deadlineMs = isDone ? job.deadlineElapsedMs : replica.deadlineElapsedMs;
        if (nowMs > since(Math.max(deadlineMs, replica.changedElapsedMs)) + endMs) {
          fault(
            'I7',
            `${replica.replicaId} is ${replica.state} since ${Math.round(replica.changedElapsedMs / 1000)} s, and its deadline has passed`,
          );
        }
      }
    }
  }
  for (const replica of client.reserved.values()) {
    if (!replicaMachine.isFinal(replica.state)) continue;
    const until = replica.deadlineElapsedMs + leaseMs + graceMs + protocolLimits.clockSkewMsMax + endMs;
    if (nowMs > since(until))
      fault('I7', `the price of ${replica.replicaId}, which is ${replica.state}, is still reserved`);
  }
  for (const work of provider.work.values()) {
    if (replicaMachine.isFinal(work.state)) continue;
    // The client renews its lease until the attempt's deadline; that of what is committed, until the job's.
    const isDone = work.state === 'committed' || work.state === 'revealed';
    const leasedMs = isDone ? jobMsMax : config.aggregator.replicaMs;
    const until = work.changedElapsedMs + leasedMs + work.leaseMs + work.graceMs + endMs;
    if (nowMs > since(until))
      fault('I7', `work ${work.replicaId} is ${work.state} since ${Math.round(work.changedElapsedMs / 1000)} s`);
  }
  if (liveTimers > timersMax) fault('I7', `${liveTimers} timers are set`);
}

/** Jobs, channels, leases, requests under way: far more than all of these are a leak. */
const timersMax = 5_000;

/** The longest deadline that a scenario gives a job. */
const jobMsMax = 900_000;
