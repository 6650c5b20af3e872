/** The evidence of a score, from the log: each receipt and note, who signed it, and what it adds now. */
import type { History } from '../ports/index.ts';
import {
  type EpochMs,
  type EventType,
  isProof,
  type LogEntry,
  type PeerEvidence,
  type PeerId,
  type Receipt,
  type ReplicaId,
  witnessesOf,
} from '../protocol/index.ts';
import type { Hearsay } from './hearsay.ts';
import { receiptHashOf } from './receipt-hash.ts';
import { dayOf, keptAfter, weights } from './scores.ts';

/** Entries of the log that are read for one page: some are about a peer’s clients, not about its work. */
const entriesPerPageMax = 2_000;
const entriesAtOnce = 500;

export interface EvidenceQuery {
  readonly peer: PeerId;
  readonly self: PeerId;
  readonly now: EpochMs;
  readonly hearsay: Hearsay;
  /** Own bad receipts that have lost their weight. */
  readonly voided: readonly ReplicaId[];
  /** Entries after this seq. */
  readonly after: number;
  readonly limit: number;
}

const types: readonly EventType[] = ['receipt.stored', 'receipt.heard', 'reputation.noted'];

/** @returns a page, and where the next one begins; null = there is none. */
export async function evidenceOf(
  history: Pick<History, 'entries'>,
  query: EvidenceQuery,
): Promise<{ evidence: PeerEvidence[]; next: number | null }> {
  const { peer, limit } = query;
  const evidence: PeerEvidence[] = [];
  let { after } = query;
  for (let read = 0; read < entriesPerPageMax; ) {
    const entries = await history.entries({ after, limit: entriesAtOnce, peerId: peer, types });
    for (const entry of entries) {
      if (evidence.length === limit) return { evidence, next: after };
      after = entry.seq;
      const found = evidenceIn(entry, query);
      if (found !== null) evidence.push(found);
    }
    if (entries.length < entriesAtOnce) return { evidence, next: null };
    read += entries.length;
  }
  return { evidence, next: after };
}

function evidenceIn({ seq, at, event }: LogEntry, query: EvidenceQuery): PeerEvidence | null {
  const { peer, self } = query;
  if (event.type === 'reputation.noted' && event.peerId === peer) {
    const { what, replicaId } = event;
    const signed = { client: null, signers: [], witness: null };
    return own(query, { seq, at, what: 'note', reason: what, ...signed, replicaId }, weights[what]);
  }
  if (event.type !== 'receipt.stored' && event.type !== 'receipt.heard') return null;
  const { body } = event.receipt;
  if (body.provider !== peer) return null;
  const said = saidBy(event.receipt, seq);
  // What it did for this node counts from when the countersignature came, as the log has it.
  if (event.type === 'receipt.stored') {
    if (body.client !== self) return null;
    const found = own(query, { ...said, at }, weights[body.kind]);
    const isVoid = body.kind === 'bad' && query.voided.includes(body.replicaId);
    return isVoid ? { ...found, footing: 'voided', trust: 0, adds: 0 } : found;
  }
  const hash = receiptHashOf(body);
  const weighed = query.hearsay.receipts.find(({ heard }) => heard.hash === hash);
  const weight = weights[body.kind] / 1_000;
  const ageDays = dayOf(query.now) - dayOf(body.at);
  if (weighed === undefined) return { ...said, footing: 'dropped', weight, ageDays, kept: 0, trust: 0, adds: 0 };
  const { footing, witness, kept, trust, addsMilli } = weighed;
  return {
    ...said,
    footing,
    witness: footing === 'proof' ? null : witness,
    weight,
    ageDays,
    kept,
    trust,
    adds: addsMilli / 1_000,
  };
}

type Said = Omit<PeerEvidence, 'footing' | 'weight' | 'ageDays' | 'kept' | 'trust' | 'adds'>;

function saidBy({ body }: Receipt, seq: number): Said {
  const { kind, client, provider, at, replicaId } = body;
  const countersigned = kind === 'good' ? [provider] : [];
  const signers = [...new Set([...witnessesOf(body), ...countersigned, ...(isProof(body) ? [provider] : [])])];
  return { seq, at, what: kind, reason: kind === 'bad' ? body.reason : '', client, signers, witness: null, replicaId };
}

function own({ now }: EvidenceQuery, said: Said, weightMilli: number): PeerEvidence {
  const ageDays = Math.max(0, dayOf(now) - dayOf(said.at));
  const kept = keptAfter(ageDays);
  const weight = weightMilli / 1_000;
  return { ...said, footing: 'own', weight, ageDays, kept, trust: 1, adds: weight * kept };
}
