/**
 * Rail L0 `credit`: Ed25519-signed cumulative vouchers between two peers. No chain, no account, no money: what a voucher
 * is worth is what its payee does for its payer in return. PAYMENTS, section 1.
 */
import type { Signer, Verifier } from '../ports/index.ts';
import { creditChannelId, creditUnit, isSigned, signBody } from '../protocol/index.ts';
import type { Channel, Fault, PaymentRail } from './rail.ts';

/** @param signer signs what this node says; Ed25519 is deterministic, so the same claim is the same voucher. */
export function creditRail(signer: Signer, verifier: Verifier): PaymentRail {
  const channelId = ({ payer, payee, epoch }: Channel) => creditChannelId(payer, payee, epoch);
  const otherChannel: Fault = {
    code: 'unsupported',
    message: 'it is of another channel or epoch than these peers have',
  };
  return {
    name: 'credit',
    unit: creditUnit,
    channelId,

    makeVoucher: (channel, { seq, cumulativeMicro, head }) =>
      signBody(signer, 'voucher', {
        v: 1,
        rail: 'credit',
        channelId: channelId(channel),
        payer: channel.payer,
        payee: channel.payee,
        epoch: channel.epoch,
        cumulativeMicro,
        seq,
        head,
      }),

    voucherFault(voucher, channel) {
      const { body } = voucher;
      if (voucher.by !== channel.payer || body.payer !== channel.payer) {
        return {
          code: 'bad-signature',
          message: 'a voucher is signed by its payer, and sent or returned between its two peers',
        };
      }
      if (body.payee !== channel.payee || body.epoch !== channel.epoch || body.channelId !== channelId(channel)) {
        return otherChannel;
      }
      return isSigned(verifier, 'voucher', voucher)
        ? null
        : { code: 'bad-signature', message: 'the voucher’s signature does not verify' };
    },

    makeAck: (channel, { cumulativeMicro, head }) =>
      signBody(signer, 'voucher-ack', { v: 1, channelId: channelId(channel), cumulativeMicro, head }),

    ackFault(ack, channel) {
      if (ack.body.channelId !== channelId(channel)) return otherChannel;
      return ack.by === channel.payee && isSigned(verifier, 'voucher-ack', ack)
        ? null
        : { code: 'bad-signature', message: 'the acknowledgement is not signed by the payee' };
    },
  };
}
