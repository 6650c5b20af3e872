/**
 * The payment records of rail L0 `credit`: pairwise, cumulative, signed. PAYMENTS sections 1 and 5.
 * Two one-way channels per pair of peers; the difference of their sums is who owes whom. Credits are not money.
 */
import { hashOf } from '../codec/canonical.ts';
import { Micro, PeerId, ReplicaId, Sha256 } from '../primitives.ts';
import { signedSchema } from '../signed.ts';
import { z } from '../zod.ts';

export const creditUnit = 'micro-credit';

/**
 * Name of the one-way credit channel from payer to payee. `epoch` rises when their books can never agree again: the payer
 * begins anew, and what the old channel does not cover is written off.
 */
export function creditChannelId(payer: PeerId, payee: PeerId, epoch: number): Sha256 {
  return hashOf({ rail: 'credit', payer, payee, unit: creditUnit, epoch });
}

/** Head of the hash chain over (replica, price) in payment order: finds the first difference of two books. */
export const emptyHead: Sha256 = hashOf({ rail: 'credit', head: 'empty' });

export function nextHead(head: Sha256, replicaId: ReplicaId, priceMicro: Micro): Sha256 {
  return hashOf({ head, replicaId, priceMicro });
}

export const Voucher = z.object({
  v: z.literal(1),
  rail: z.literal('credit'),
  channelId: Sha256,
  payer: PeerId,
  payee: PeerId,
  epoch: z.int().min(0),
  cumulativeMicro: Micro.describe('all that was ever paid through this channel'),
  seq: z.int().min(1).describe('replicas paid so far'),
  head: Sha256.describe('hash chain over (replicaId, priceMicro) in payment order'),
});
export type Voucher = z.infer<typeof Voucher>;
export const SignedVoucher = signedSchema(Voucher);
export type SignedVoucher = z.infer<typeof SignedVoucher>;

export const VoucherAck = z.object({
  v: z.literal(1),
  channelId: Sha256,
  cumulativeMicro: Micro,
  head: Sha256,
});
export type VoucherAck = z.infer<typeof VoucherAck>;
export const SignedVoucherAck = signedSchema(VoucherAck);

/** One line of a voucher's account. */
export const PaidReplica = z.object({ replicaId: ReplicaId, priceMicro: Micro });
export type PaidReplica = z.infer<typeof PaidReplica>;

export const paidTailMax = 256;

/** State of one channel as its payee keeps it; exchanged on every new connection between peers that have books. */
export const Statement = z.object({
  channelId: Sha256,
  payer: PeerId,
  payee: PeerId,
  best: SignedVoucher.nullable().describe(
    'the highest voucher that the payee holds, or that the payer knows to have signed',
  ),
  recent: z.array(PaidReplica).max(paidTailMax).describe('the last payments, oldest first'),
  due: z
    .array(ReplicaId)
    .max(paidTailMax)
    .optional()
    .describe('from the payee: accepted work that no voucher covers, as far as it fits'),
  void: z
    .array(ReplicaId)
    .max(paidTailMax)
    .optional()
    .describe('from the payer: of what the payee called due, what nothing is set aside for; it will not be paid'),
});
export type Statement = z.infer<typeof Statement>;

/** A provider's word that it will never claim anything for a replica: the payer may release its reservation. */
export const Release = z.object({
  v: z.literal(1),
  replicaId: ReplicaId,
  provider: PeerId,
});
export type Release = z.infer<typeof Release>;
export const SignedRelease = signedSchema(Release);
export type SignedRelease = z.infer<typeof SignedRelease>;
