/** What `peers.reputation` answers: a score, and everything that it is made of. */
import { Cid, EpochMs, PeerId, ReplicaId } from '../primitives.ts';
import { z } from '../zod.ts';

const Outcomes = z.object({ good: z.number(), bad: z.number() });

export const PeerEvidence = z.object({
  seq: z.int().describe('its entry in the log'),
  at: EpochMs.describe('when it was written'),
  what: z.enum(['good', 'bad', 'note']),
  reason: z.string().describe('of a bad receipt or a note; else empty'),
  footing: z
    .enum(['own', 'proof', 'trusted', 'patron', 'stranger', 'repeated', 'distrusted', 'dropped', 'voided'])
    .describe(
      'own = this node’s experience; proof = needs nobody’s word; trusted, patron, stranger = the word of `witness`, who did good work here, accepted this node’s, or neither; repeated = another receipt for the same work counts; distrusted = its witness only did bad work here; dropped = no longer kept, by limits; voided = its witnesses turned out to cheat',
    ),
  client: PeerId.nullable().describe('who signed the receipt; null for a note'),
  signers: z.array(PeerId).describe('all whose signatures it rests on, the client first'),
  witness: PeerId.nullable().describe('whose word it is: the best trusted of those who vouch for it'),
  replicaId: ReplicaId,
  weight: z.number().describe('outcomes that it is worth when it is new and believed'),
  ageDays: z.int(),
  kept: z.number().describe('share of the weight that is left at this age, 0…1'),
  trust: z.number().describe('share that is believed, bounds included, 0…1'),
  adds: z.number().describe('weight × kept × trust: what it adds to the good or the bad outcomes'),
});

export const PeerExclusion = z.object({
  provider: PeerId,
  since: EpochMs,
  until: EpochMs,
  template: Cid.describe('with which it differed'),
  model: Cid.nullable(),
  compared: z.int().describe('items or tokens, or its verdicts on answers of others'),
  differed: z.int().describe('of these: more than honest computers do'),
  witnesses: z.array(PeerId).describe('whose answers it differed from; readmitted when too few of them are trusted'),
});
export type PeerExclusion = z.infer<typeof PeerExclusion>;

export const PeerReputation = z.object({
  peerId: PeerId,
  score: z.number().describe('0…1'),
  formula: z.string().describe('how it follows from the parts'),
  parts: z.object({
    prior: Outcomes.describe('what a stranger has'),
    own: Outcomes.describe('own receipts and notes'),
    proofs: Outcomes,
    trusted: Outcomes,
    patrons: Outcomes,
    strangers: Outcomes,
  }),
  excluded: PeerExclusion.nullable().describe('this node gives it no paid work; null = it does'),
  evidence: z.array(PeerEvidence).describe('oldest first'),
  next: z.int().nullable().describe('`after` of the next page; null = that was all'),
});
export type PeerReputation = z.infer<typeof PeerReputation>;
export type PeerEvidence = z.infer<typeof PeerEvidence>;
