/**
 * What a node says to others must be durable on its own disk first, and true. Checked on every frame as it leaves an
 * honest node: I2, I3, and the crash rules of PAYMENTS section 5.
 */
import { copiesOf, quorumOf, type ReplicaId } from '../../protocol/index.ts';
import type { ShardFacts } from './client-book.ts';
import { isUnderWay } from './provider-book.ts';
import { at, list, type Said, text } from './said.ts';
import type { Subject } from './subject.ts';

export { at, readFrame, type Said } from './said.ts';

/** @param to peer id of the receiver. */
export function checkSaid(node: Subject, to: string, { type, body }: Said): void {
  switch (type) {
    case 'job.offer':
      checkQuote(node, to, text(body, 'quote', 'body', 'creditLimitMicro'));
      break;
    case 'shard.assign':
      checkAssign(node, text(body, 'replicaId'));
      break;
    case 'shard.accept':
      checkAccept(node, text(body, 'replicaId'));
      break;
    case 'lease.ack':
      for (const said of list(body, 'replicas')) checkUnderWay(node, text(said, 'replicaId'));
      break;
    case 'shard.commit':
      checkCommit(node, text(body, 'commitment', 'body', 'replicaId'), text(body, 'commitment', 'body', 'digest'));
      if (at(body, 'result') !== undefined)
        checkReveal(node, text(body, 'result', 'replicaId'), text(body, 'result', 'reveal', 'body', 'digest'));
      break;
    case 'shard.reveal.request':
      checkRevealRequest(node, text(body, 'replicaId'));
      break;
    case 'shard.reveal':
      checkReveal(node, text(body, 'replicaId'), text(body, 'reveal', 'body', 'digest'));
      break;
    case 'shard.fail':
    case 'shard.cancelled':
      if (at(body, 'release') !== null) checkRelease(node, text(body, 'replicaId'));
      break;
    case 'shard.verdict':
      checkVerdict(node, text(body, 'replicaId'), text(body, 'verdict'), at(body, 'evidence'));
      break;
    case 'payment.voucher':
      checkVoucher(node, to, text(body, 'voucher', 'body', 'cumulativeMicro'));
      break;
    case 'payment.ack':
      checkAck(node, to, text(body, 'ack', 'body', 'cumulativeMicro'));
      break;
  }
}

/** A limit grows with work done for work, and not otherwise. */
function checkQuote({ credit, fault }: Subject, client: string, limitMicro: string): void {
  const bound = credit.boundMicro(client);
  if (BigInt(limitMicro) > bound)
    fault('I3', `a credit of ${limitMicro} was quoted to ${client}; it may have ${bound}`);
}

/** Crash rule 1: chosen and reserved durably, before the work leaves. */
function checkAssign({ client, disk, fault }: Subject, replicaId: ReplicaId): void {
  const replica =
    client.replicas.get(replicaId) ?? fault('I1', `${replicaId} was sent out, and the log does not know it`);
  if (replica.isOwn || client.payers.get(replica.provider)?.hasReminded === true) return;
  if (replica.reservedSeq === 0 || replica.reservedSeq > disk.synced) {
    fault('I3', `${replicaId} was sent out before its price was durably reserved`);
  }
}

function checkAccept(node: Subject, replicaId: ReplicaId): void {
  const { provider, fault } = node;
  if (!provider.work.has(replicaId)) fault('I1', `${replicaId} was accepted, and the log does not know it`);
  checkUnderWay(node, replicaId);
}

/** A run does not outlive its process ("failed on return"): a client that is told otherwise waits for nothing. */
function checkUnderWay({ provider, upSinceMs, fault }: Subject, replicaId: ReplicaId): void {
  const work = provider.work.get(replicaId);
  if (work === undefined || upSinceMs === null || !isUnderWay(work)) return;
  if (work.changedElapsedMs < upSinceMs)
    fault('I7', `${replicaId} was said to be ${work.state}; nothing has run it since the node was started`);
}

/** Outputs and salt are durable before the commitment leaves. */
function checkCommit({ provider, disk, fault }: Subject, replicaId: ReplicaId, digest: string): void {
  const work = provider.work.get(replicaId);
  if (work === undefined || work.committedSeq === 0 || work.committedSeq > disk.synced) {
    fault('I2', `the commitment of ${replicaId} left before it was durable`);
  }
  if (provider.digests.get(replicaId) !== digest)
    fault('I2', `another commitment of ${replicaId} left than the log holds`);
}

/** What a client has seen counts against its limit also after a kill: it is written down before it leaves. */
function checkReveal({ provider, fault }: Subject, replicaId: ReplicaId, digest: string): void {
  if (provider.digests.get(replicaId) !== digest) fault('I2', `the reveal of ${replicaId} is of another commitment`);
  if (provider.work.get(replicaId)?.state === 'committed')
    fault('I3', `the result of ${replicaId} left before it was written down that its client has seen it`);
}

/** Nobody is asked to reveal before all copies have committed, or there is nobody left to wait for. */
function checkRevealRequest({ client, fault }: Subject, replicaId: ReplicaId): void {
  const unknown = (): never => fault('I1', `a reveal of ${replicaId} was asked for, and the log does not know it`);
  const replica = client.replicas.get(replicaId) ?? unknown();
  const job = client.jobs.get(replica.jobId) ?? unknown();
  const shard = job.shards.find(({ shardId }) => shardId === replica.shardId) ?? unknown();
  if (shard.state === 'accepted' || shard.opened.has(replicaId)) return;
  const committed = shard.replicas.filter((other) => other.digest !== null && other.state !== 'lost').length;
  const copies = copiesOf(job.job.policy);
  if (committed >= copies) {
    // One of them may be lost before the others are reached: what had begun goes on.
    for (const other of shard.replicas) if (other.digest !== null) shard.opened.add(other.replicaId);
    return;
  }
  const isAlone = !shard.replicas.some((other) => other.state === 'assigned' || other.state === 'running');
  if (isAlone && committed >= wantedQuorum(shard, quorumOf(job.job.policy, false))) return;
  fault('I2', `${replicaId} was asked to reveal when ${committed} of ${copies} copies had committed`);
}

function wantedQuorum(shard: ShardFacts, quorum: number): number {
  return shard.replicas.some((replica) => replica.isOwn) ? 1 : quorum;
}

/** A release is a promise: nothing will be claimed, so nothing may follow. */
function checkRelease({ provider, fault }: Subject, replicaId: ReplicaId): void {
  const work = provider.work.get(replicaId);
  if (work === undefined) return;
  if (work.endedSeq === 0) fault('I3', `${replicaId} was released while it is ${work.state}`);
}

function checkVerdict({ client, fault }: Subject, replicaId: ReplicaId, verdict: string, evidence: unknown): void {
  const replica = client.replicas.get(replicaId);
  if (replica === undefined) return;
  // A commitment that comes too late is told so: the attempt was given up, and the log has no verdict on it.
  const known: string = replica.verdict ?? 'superseded';
  if (known !== verdict) fault('I2', `${replicaId} is ${known}, and its provider was told that it is ${verdict}`);
  const why = verdict === 'rejected' ? client.whyUnconvincing(replica, evidence) : null;
  if (why !== null) fault('I8', `${replicaId} was told that it is rejected, and the evidence convinces nobody: ${why}`);
}

/** I3 and crash rule 2: a voucher is never higher than what was durably paid, and that is what was accepted. */
function checkVoucher({ client, disk, fault }: Subject, payee: string, cumulativeMicro: string): void {
  const paid = client.durablyPaid(payee, disk.synced);
  if (BigInt(cumulativeMicro) > paid)
    fault('I3', `a voucher of ${cumulativeMicro} left for ${payee}; durably paid are ${paid}`);
}

/** Crash rule 4: stored before it is acknowledged. */
function checkAck({ provider, disk, fault }: Subject, payer: string, cumulativeMicro: string): void {
  const received = provider.durablyReceived(payer, disk.synced);
  if (BigInt(cumulativeMicro) > received) {
    fault('I3', `an acknowledgement of ${cumulativeMicro} left for ${payer}; durably received are ${received}`);
  }
}
