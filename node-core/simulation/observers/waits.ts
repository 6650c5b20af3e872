/**
 * I6 and I7: nothing waits for ever. All nodes that are up are gone through from time to time, and again at the first moment
 * at which something would be overdue; what comes in between is due later than the next time, so none of these is missed.
 */
import { protocolLimits } from '../../protocol/index.ts';
import { isUnderWay } from './provider-book.ts';
import type { Subject } from './subject.ts';
import { isOver } from './transitions.ts';

/** For rounds, sweeps and the disk: nothing in a node is more exact than this. */
const slackMs = 30_000;

/**
 * @param liveTimers timers that the node has set and that did not run yet.
 * @returns the next virtual time at which something is overdue, unless it ends before.
 */
export function checkWaits(node: Subject, nowMs: number, liveTimers: number): number {
  const { client, provider, config, fault, upSinceMs } = node;
  if (upSinceMs === null) return Number.POSITIVE_INFINITY;
  const { leaseMs, graceMs, revealMs, suspectMs } = config.aggregator;
  const endMs = leaseMs + graceMs + revealMs + suspectMs + slackMs;
  let nextMs = Number.POSITIVE_INFINITY;
  /** A node that was down could not act; its time begins anew. */
  const mustEnd = (momentMs: number, invariant: string, what: () => string, withinMs = endMs): void => {
    const overdueMs = Math.max(momentMs, upSinceMs) + withinMs;
    if (nowMs > overdueMs) fault(invariant, what());
    nextMs = Math.min(nextMs, overdueMs);
  };

  for (const job of client.jobs.values()) {
    if (job.endedElapsedMs !== null) continue;
    const { jobId, state, deadlineElapsedMs, cancelledElapsedMs } = job;
    const late = (since: number): string => `${Math.round((nowMs - since) / 1000)} s after`;
    mustEnd(deadlineElapsedMs, 'I6', () => `job ${jobId} is ${state}, ${late(deadlineElapsedMs)} its deadline`);
    if (cancelledElapsedMs !== null)
      mustEnd(cancelledElapsedMs, 'I6', () => `job ${jobId} is ${state}, ${late(cancelledElapsedMs)} it was cancelled`);
    for (const shard of job.shards) {
      for (const replica of shard.replicas) {
        if (isOver(replica.state)) continue;
        // What is committed waits for the other copies, at most as long as the job.
        const isDone = replica.state === 'committed' || replica.state === 'revealed';
        const deadlineMs = isDone ? deadlineElapsedMs : replica.deadlineElapsedMs;
        mustEnd(
          Math.max(deadlineMs, replica.changedElapsedMs),
          'I7',
          () =>
            `${replica.replicaId} is ${replica.state} since ${Math.round(replica.changedElapsedMs / 1000)} s, and its deadline has passed`,
        );
      }
    }
  }
  for (const replica of client.reserved.values()) {
    if (!isOver(replica.state)) continue;
    mustEnd(
      replica.deadlineElapsedMs + leaseMs + graceMs + protocolLimits.clockSkewMsMax + endMs,
      'I7',
      () => `the price of ${replica.replicaId}, which is ${replica.state}, is still reserved`,
    );
  }
  for (const work of provider.work.values()) {
    if (isOver(work.state)) continue;
    // "Provider dies before commit → failed on return": no run outlives its process, however lively the new one renews its lease.
    if (isUnderWay(work) && work.changedElapsedMs < upSinceMs)
      mustEnd(
        upSinceMs,
        'I7',
        () => `work ${work.replicaId} is ${work.state} since before the node was started, and nothing runs it`,
        slackMs,
      );
    // The client renews its lease until the attempt's deadline; that of what is committed, until the job's.
    const isDone = work.state === 'committed' || work.state === 'revealed';
    const leasedMs = isDone ? jobMsMax : config.aggregator.replicaMs;
    mustEnd(
      work.changedElapsedMs + leasedMs + work.leaseMs + work.graceMs + endMs,
      'I7',
      () => `work ${work.replicaId} is ${work.state} since ${Math.round(work.changedElapsedMs / 1000)} s`,
    );
  }
  if (liveTimers > timersMax) fault('I7', `${liveTimers} timers are set`);
  return nextMs;
}

/** Jobs, channels, leases, requests under way: far more than all of these are a leak. */
const timersMax = 5_000;

/** The longest deadline that a scenario gives a job. */
const jobMsMax = 900_000;
