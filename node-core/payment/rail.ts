/**
 * What a way of paying adds to the accounting core: how a cumulative claim becomes something that the payee can hold
 * against the payer, and how it is checked. The first is `credit`; rails on a chain come later behind this interface.
 * PAYMENTS, sections 1 and 5.
 */
import type {
  SignedVoucherAck as AckSchema,
  PeerId,
  Sha256,
  SignedVoucher,
  WireErrorCode,
  z,
} from '../protocol/index.ts';
import type { Point } from './chain.ts';

export type SignedVoucherAck = z.infer<typeof AckSchema>;

/** One direction between two peers. */
export interface Channel {
  readonly payer: PeerId;
  readonly payee: PeerId;
  readonly epoch: number;
}

export interface Fault {
  readonly code: WireErrorCode;
  readonly message: string;
}

export interface PaymentRail {
  /** As in a voucher's `rail`. */
  readonly name: SignedVoucher['body']['rail'];
  readonly unit: string;
  channelId(channel: Channel): Sha256;
  /** Payer: the same point always gives the same voucher, so that none needs storing. */
  makeVoucher(channel: Channel, point: Point): SignedVoucher;
  /** Why a voucher is not one of this channel, or null. Says nothing about its amount. */
  voucherFault(voucher: SignedVoucher, channel: Channel): Fault | null;
  /** Payee: “I hold this, durably”. */
  makeAck(channel: Channel, point: Point): SignedVoucherAck;
  ackFault(ack: SignedVoucherAck, channel: Channel): Fault | null;
}
