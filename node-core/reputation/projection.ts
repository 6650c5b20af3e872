/** What is remembered of peers: a projection of the log. Bounded in peers and in receipts that it tells apart. */
import type { Projection } from '../journal/index.ts';
import type { EpochMs, EventOf, PeerId, ReceiptBody, ReplicaId, Sha256 } from '../protocol/index.ts';
import { receiptHashOf } from './receipt-hash.ts';
import { decay, keptAfter, newStanding, type Standing, weights } from './scores.ts';

export const peersMax = 10_000;
/** Receipts that are recognised when they come again. */
export const recentMax = 1_000;

export interface Memory {
  peers: Record<PeerId, Standing>;
  /** Oldest first. */
  recent: Array<{ subject: string; hash: Sha256 }>;
  /** Own bad receipts that may lose their weight, oldest first. */
  blamed: Array<{ provider: PeerId; replicaId: ReplicaId; day: number }>;
  /** Whose bad receipt has lost it, oldest first. */
  voided: ReplicaId[];
}

export function memoryProjection(self: PeerId): Projection<Memory> {
  return {
    name: 'reputation',
    version: 2,
    initial: () => ({ peers: {}, recent: [], blamed: [], voided: [] }),
    apply(memory, { at, event }) {
      switch (event.type) {
        case 'receipt.stored':
          remember(memory, event, at, self);
          break;
        case 'reputation.noted': {
          const standing = standingOf(memory, event.peerId, at);
          standing.badMilli += weights[event.what];
          standing.noted++;
          break;
        }
        case 'check.voided':
          takeBack(memory, event, at);
          break;
      }
    },
  };
}

/** One piece of work has one good and one bad receipt at most. */
export function subjectOf({ kind, client, replicaId, provider }: ReceiptBody): string {
  return `${kind} ${client} ${provider} ${replicaId}`;
}

/** The hash under which a receipt for the same work is known, or null. */
export function knownHash(memory: Memory, body: ReceiptBody): Sha256 | null {
  const subject = subjectOf(body);
  return memory.recent.find((known) => known.subject === subject)?.hash ?? null;
}

function remember(memory: Memory, { receipt }: EventOf<'receipt.stored'>, at: EpochMs, self: PeerId): void {
  const { body } = receipt;
  if (knownHash(memory, body) !== null) return;
  memory.recent.push({ subject: subjectOf(body), hash: receiptHashOf(body) });
  if (memory.recent.length > recentMax) memory.recent.shift();
  const standing = standingOf(memory, body.client === self ? body.provider : body.client, at);
  standing.receipts++;
  // That a client thanked us says nothing about its own work.
  if (body.client !== self) return;
  if (body.kind === 'good') {
    standing.good++;
    standing.goodMilli += weights.good;
  } else {
    standing.bad++;
    standing.badMilli += weights.bad;
    memory.blamed.push({ provider: body.provider, replicaId: body.replicaId, day: standing.day });
    if (memory.blamed.length > recentMax) memory.blamed.shift();
  }
}

/** Those on whose word it stands have turned out to cheat: what is left of its weight goes. */
function takeBack(memory: Memory, { provider, replicaId }: EventOf<'check.voided'>, at: EpochMs): void {
  const blame = memory.blamed.find((each) => each.provider === provider && each.replicaId === replicaId);
  if (blame === undefined) return;
  memory.blamed = memory.blamed.filter((each) => each !== blame);
  memory.voided.push(replicaId);
  if (memory.voided.length > recentMax) memory.voided.shift();
  const standing = standingOf(memory, provider, at);
  standing.bad = Math.max(0, standing.bad - 1);
  const left = Math.floor(weights.bad * keptAfter(standing.day - blame.day));
  standing.badMilli = Math.max(0, standing.badMilli - left);
}

function standingOf(memory: Memory, peer: PeerId, at: EpochMs): Standing {
  let standing = memory.peers[peer];
  if (standing === undefined) {
    standing = newStanding(at);
    memory.peers[peer] = standing;
    forgetOldest(memory, peer);
  }
  decay(standing, at);
  return standing;
}

/** Over the limit: who was heard of longest ago goes. */
function forgetOldest(memory: Memory, except: PeerId): void {
  const peers = Object.keys(memory.peers);
  if (peers.length <= peersMax) return;
  let oldest: PeerId | null = null;
  let oldestDay = Number.POSITIVE_INFINITY;
  // Sorted, as a snapshot keeps no order.
  for (const peer of peers.sort()) {
    const day = memory.peers[peer]?.day ?? 0;
    if (peer !== except && day < oldestDay) {
      oldest = peer;
      oldestDay = day;
    }
  }
  if (oldest !== null) delete memory.peers[oldest];
}
