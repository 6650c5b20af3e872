/** Events and folders for the tests of this room. */
import { createHash } from 'node:crypto';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { LogEntry, NodeEvent } from '../protocol/events/events.ts';
import { type Id, type Micro, type PeerId, replicaIdOf, type Sha256, shardIdOf } from '../protocol/primitives.ts';

/** A new empty folder; who makes it removes it. */
export const makeTestFolder = (): string => mkdtempSync(join(tmpdir(), 'infernet-store-'));

export const sha256 = (content: Uint8Array | string): Sha256 => createHash('sha256').update(content).digest('hex');

export const jobIdOf = (n: number): Id => n.toString(16).padStart(32, '0');

const base58 = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz';
/** A well-formed peer id, different for every n below 58². */
export const peerIdOf = (n: number): PeerId =>
  `12D3KooW${'B'.repeat(42)}${base58[Math.floor(n / 58) % 58]}${base58[n % 58]}`;

export const replicaOf = (
  job: number,
  provider: PeerId,
): { jobId: Id; shardId: string; replicaId: string; provider: PeerId } => {
  const jobId = jobIdOf(job);
  const shardId = shardIdOf(jobId, 0);
  return { jobId, shardId, replicaId: replicaIdOf(shardId, 1, provider), provider };
};

export function jobCreated(job: number, label = `job ${job}`, templateName = 'sentiment'): NodeEvent {
  return {
    type: 'job.created',
    jobId: jobIdOf(job),
    job: {
      template: `b${'a'.repeat(58)}`,
      templateName,
      model: null,
      modelName: null,
      items: 3,
      params: {},
      itemsPerShard: 10,
      policy: { type: 'replicate', copies: 2, quorum: 2, tieBreakers: 1 },
      budgetMicro: '5000',
      deadlineMs: 60_000,
      priority: 5,
      ownNode: 'never',
      stream: false,
      label,
      retryOf: null,
      aggregator: null,
    },
    inputsHash: sha256(`inputs of ${job}`),
    itemBytes: 12,
    deadlineAt: 1_700_000_060_000,
  };
}

export function jobEnded(job: number, spentMicro: Micro = '0'): NodeEvent {
  return {
    type: 'job.ended',
    jobId: jobIdOf(job),
    state: 'done',
    code: null,
    reason: '',
    resultsHash: sha256(`results of ${job}`),
    shardsAccepted: 1,
    shardsTotal: 1,
    itemsAccepted: 3,
    spentMicro,
  };
}

export function replicaAssigned(job: number, provider: PeerId): NodeEvent {
  return {
    type: 'replica.assigned',
    ...replicaOf(job, provider),
    attempt: 1,
    role: 'copy',
    priceMicro: '100',
    deadlineAt: 1_700_000_060_000,
    terms: { price: 1000, speed: 900 },
  };
}

export function paid(job: number, peer: PeerId, priceMicro: Micro, cumulativeMicro: Micro): NodeEvent {
  const { jobId, replicaId } = replicaOf(job, peer);
  return { type: 'payment.paid', jobId, replicaId, peer, priceMicro, cumulativeMicro, seq: 1, head: sha256('head') };
}

export function received(job: number, payer: PeerId, amountMicro: Micro, cumulativeMicro: Micro): NodeEvent {
  const payee = peerIdOf(0);
  const { replicaId } = replicaOf(job, payee);
  return {
    type: 'payment.received',
    voucher: {
      body: {
        v: 1,
        rail: 'credit',
        channelId: sha256('channel'),
        payer,
        payee,
        epoch: 0,
        cumulativeMicro,
        seq: 1,
        head: sha256('head'),
      },
      by: payer,
      signature: 'c2lnbmF0dXJl',
    },
    amountMicro,
    replicas: [{ replicaId, priceMicro: amountMicro }],
  };
}

export const stopped = (reason: string): NodeEvent => ({ type: 'node.stopped', reason });

/** Gives events their places in the log, after entry `after`. */
export const entriesOf = (events: readonly NodeEvent[], after = 0): LogEntry[] =>
  events.map((event, i) => ({ seq: after + 1 + i, at: 1_700_000_000_000 + after + i, event }));

/** The story of one job, from its creation to its end. */
export const jobStory = (job: number, label?: string): NodeEvent[] => {
  const provider = peerIdOf(job % 50);
  const jobId = jobIdOf(job);
  return [
    jobCreated(job, label),
    { type: 'job.planned', jobId, counts: [3] },
    { type: 'job.waiting', jobId, code: 'no-capacity', reason: 'no provider is free' },
    replicaAssigned(job, provider),
    { type: 'replica.started', ...replicaOf(job, provider) },
    {
      type: 'replica.judged',
      ...replicaOf(job, provider),
      verdict: 'accepted',
      itemsWrong: 0,
      reason: '',
      evidence: null,
    },
    { type: 'shard.accepted', jobId, shardId: shardIdOf(jobId, 0), how: 'checked', outputsHash: sha256('outputs') },
    paid(job, provider, '100', '100'),
    jobEnded(job, '100'),
  ];
};
