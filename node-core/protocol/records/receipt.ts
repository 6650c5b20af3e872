/**
 * Receipts: signed memories of work, good and bad. A receipt must convince a third party, so a bad one carries evidence
 * that anyone can check, and is worth nothing without it.
 */

import { canonicalJson } from '../codec/canonical.ts';
import { protocolLimits } from '../limits.ts';
import { Base64Url, Cid, EpochMs, Id, Micro, PeerId, ReplicaId, Sha256, ShardId } from '../primitives.ts';
import { asSent, isSigned, signaturesOf, type VerifiesBytes } from '../signed.ts';
import { z } from '../zod.ts';
import { Opening, opens, outputsHashOf, SignedCommitment } from './commitment.ts';
import { contradicts, SignedStreamHead } from './stream.ts';

/** Commitments and openings of copies of one shard. */
export const Evidence = z.object({
  accused: z.object({
    commitment: SignedCommitment,
    opening: Opening.describe('what was revealed'),
    stream: SignedStreamHead.optional().describe('of a `stream-mismatch`: what it had shown'),
  }),
  quorum: z
    .array(z.object({ commitment: SignedCommitment, opening: Opening }))
    .max(8)
    .describe(
      'the copies that agreed with each other; empty when the accused’s reveal does not open its own commitment',
    ),
});
export type Evidence = z.infer<typeof Evidence>;

const common = {
  v: z.literal(1),
  client: PeerId,
  provider: PeerId,
  jobId: Id,
  shardId: ShardId,
  replicaId: ReplicaId,
  template: Cid,
  model: Cid.nullable(),
  items: z.int().min(1),
  at: EpochMs,
  shared: z
    .boolean()
    .optional()
    .describe('its client lets everybody know of this work; without it the receipt stays with the two of them'),
};

/** Absent in receipts of older nodes. */
const CheckHow = z
  .enum(['copies', 'tokens', 'canary', 'none', 'checker'])
  .describe(
    'copies = compared with those of others; tokens = others forced its tokens through their models; canary = unchecked, but for one item whose answer was known; none = unchecked; checker = the work was itself a check of tokens',
  );
export type CheckHow = z.infer<typeof CheckHow>;

export const GoodReceipt = z.object({
  ...common,
  kind: z.literal('good'),
  priceMicro: Micro,
  check: z.object({
    type: z.literal('replicate').describe('older nodes know no other; `policy` and `how` say what was done'),
    policy: z.enum(['replicate', 'sample', 'adaptive']).optional(),
    how: CheckHow.optional(),
    copies: z.int().min(1),
    quorum: z.int().min(1),
    agreed: z.int().min(1).describe('copies that agreed, this one included'),
  }),
  digest: Sha256.describe('of the commitment'),
});
export const BadReceipt = z.object({
  ...common,
  kind: z.literal('bad'),
  reason: z.enum(['reveal-mismatch', 'minority', 'stream-mismatch']),
  itemsWrong: z.int().min(0),
  evidence: Evidence,
});

export const ReceiptBody = z.discriminatedUnion('kind', [GoodReceipt, BadReceipt]);
export type ReceiptBody = z.infer<typeof ReceiptBody>;

/** A good receipt needs both signatures; a bad one the client's, and its evidence. */
export const Receipt = z.object({
  body: asSent(ReceiptBody).describe('a ReceiptBody'),
  clientSignature: Base64Url,
  providerSignature: Base64Url.nullable(),
});
export type Receipt = z.infer<typeof Receipt>;

/** Topic on which the receipts for work with a template are gossiped. */
export function receiptsTopic(template: Cid): string {
  return `/infernet/receipts/1/${template}`;
}

/** What travels on a receipts topic: some receipts, each written by the peer that publishes the batch. */
export const ReceiptBatch = z.object({
  v: z.literal(1),
  receipts: z.array(Receipt).min(1).max(protocolLimits.receiptsPerBatchMax),
});
export type ReceiptBatch = z.infer<typeof ReceiptBatch>;

/** Bad receipts that others may see: their evidence is hashes and signatures, and no text. */
const sharedReasons: ReadonlySet<string> = new Set(['reveal-mismatch', 'minority']);

/** May it be told to others than the two peers that it names? */
export function isShareable({ body }: Receipt): boolean {
  if (body.shared !== true) return false;
  return body.kind === 'good' || (sharedReasons.has(body.reason) && body.evidence.accused.stream === undefined);
}

/**
 * Peers that signed what a receipt claims, and whose word it is: of a good one its client; of a minority also the copies that
 * agreed, since the accused differed from each of them.
 */
export function witnessesOf(body: ReceiptBody): PeerId[] {
  if (body.kind === 'good') return [body.client];
  return [body.client, ...body.evidence.quorum.map(({ commitment }) => commitment.by)];
}

/** The accused’s own signatures prove it: it needs nobody’s word. */
export function isProof(body: ReceiptBody): boolean {
  return body.kind === 'bad' && body.reason === 'reveal-mismatch';
}

/** Items in which the accused differs from the copies that agreed. */
export function itemsThatDiffer(accused: Opening, agreed: Opening): number {
  let count = Math.abs(accused.itemHashes.length - agreed.itemHashes.length);
  for (const [i, hash] of accused.itemHashes.entries()) {
    const other = agreed.itemHashes[i];
    if (other !== undefined && other !== hash) count++;
  }
  return count;
}

/**
 * Why a receipt does not convince, or null when it does. Checks signatures and, of a bad one, the evidence.
 */
export function receiptFault(verifier: VerifiesBytes, receipt: Receipt): string | null {
  const { body } = receipt;
  const signedBy = signaturesOf(verifier, 'receipt', body);
  if (body.client === body.provider) return 'nobody writes receipts for work done for itself';
  if (!signedBy(body.client, receipt.clientSignature)) return 'the client’s signature does not verify';
  if (body.kind === 'good') {
    if (receipt.providerSignature === null) return 'a good receipt needs the provider’s signature';
    return signedBy(body.provider, receipt.providerSignature) ? null : 'the provider’s signature does not verify';
  }
  return evidenceFault(verifier, body);
}

function hashesMatch(opening: Opening): boolean {
  return outputsHashOf(opening.itemHashes) === opening.reveal.body.outputsHash;
}

/** It signed what it showed, and committed to something else. */
function streamFault(verifier: VerifiesBytes, { provider, replicaId, evidence }: z.infer<typeof BadReceipt>) {
  const { commitment, stream } = evidence.accused;
  if (stream === undefined) return 'what was shown is not among the evidence';
  if (stream.by !== provider || stream.body.replicaId !== replicaId || !isSigned(verifier, 'stream', stream))
    return 'what was shown is not signed by the accused';
  return contradicts(commitment.body.shown ?? [], stream.body) ? null : 'what was shown is what was committed to';
}

/** Why the evidence of a rejection does not convince whoever was not there, or null when it does. */
export function evidenceFault(verifier: VerifiesBytes, body: z.infer<typeof BadReceipt>): string | null {
  const { accused, quorum } = body.evidence;
  const about = (c: SignedCommitment, peerId: PeerId): boolean =>
    c.by === peerId && c.body.peerId === peerId && c.body.shardId === body.shardId && c.body.jobId === body.jobId;
  if (!about(accused.commitment, body.provider) || accused.commitment.body.replicaId !== body.replicaId) {
    return 'the commitment is not of this provider and replica';
  }
  if (!isSigned(verifier, 'commitment', accused.commitment)) return 'the accused’s commitment is not signed by it';
  if (accused.opening.reveal.by !== body.provider || !isSigned(verifier, 'reveal', accused.opening.reveal)) {
    return 'the reveal is not signed by the accused';
  }
  // Else an honest reveal of one replica would prove a mismatch with the commitment to another.
  const { replicaId, digest } = accused.opening.reveal.body;
  if (replicaId !== body.replicaId || digest !== accused.commitment.body.digest) {
    return 'the reveal is of another commitment';
  }
  const opened = opens(accused.commitment.body, accused.opening.reveal.body);
  if (body.reason === 'stream-mismatch') return streamFault(verifier, body);
  if (body.reason === 'reveal-mismatch') {
    if (opened) return 'the reveal does match the commitment';
    // It proves a broken word and nothing about items or other copies: what cannot be checked is not claimed.
    if (body.itemsWrong !== 0) return 'a mismatch proves no number of wrong items';
    return quorum.length === 0 ? null : 'a mismatch needs no other copies';
  }
  if (!opened || !hashesMatch(accused.opening)) return 'the opening does not match the accused’s commitment';
  if (quorum.length < 2) return 'fewer than two copies agreed';
  const peers = new Set<PeerId>();
  const first = quorum[0];
  for (const copy of quorum) {
    const peer = copy.commitment.by;
    if (peer === body.provider || peer === body.client)
      return 'the accused and the client do not count among the copies that agreed';
    if (!about(copy.commitment, peer) || !isSigned(verifier, 'commitment', copy.commitment))
      return 'a commitment of the quorum is not signed';
    if (!opens(copy.commitment.body, copy.opening.reveal.body) || !hashesMatch(copy.opening))
      return 'an opening of the quorum does not match its commitment';
    if (copy.commitment.body.taskHash !== accused.commitment.body.taskHash) {
      return 'a copy of the quorum was given another task';
    }
    if (first !== undefined && canonicalJson(copy.opening.itemHashes) !== canonicalJson(first.opening.itemHashes)) {
      return 'the copies of the quorum do not agree with each other';
    }
    peers.add(peer);
  }
  if (peers.size !== quorum.length) return 'a provider counts twice in the quorum';
  if (first?.opening.itemHashes.length !== body.items) return 'the stated number of items is wrong';
  if (
    first === undefined ||
    itemsThatDiffer(accused.opening, first.opening) !== body.itemsWrong ||
    body.itemsWrong === 0
  ) {
    return 'the stated number of differing items is wrong';
  }
  return null;
}
