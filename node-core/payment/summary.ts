/** The wallet, as the control API shows it. */
import { type Micro, micro, type PeerId, type WalletSummary } from '../protocol/index.ts';
import type { Books } from './books.ts';

const notice =
  'Credits are not money: they count work that peers owe each other, pair by pair. Nobody has to redeem them, and they cannot be transferred.';

/** @param limitFor unpaid work that a peer is granted, micro-credits. */
export function summarise(books: Books, limitFor: (peer: PeerId) => Micro): WalletSummary {
  const ids = new Set([...Object.keys(books.payers), ...Object.keys(books.payees)]);
  const peers = [...ids].sort().map((peerId) => {
    const payer = books.payers[peerId];
    const payee = books.payees[peerId];
    const receivedMicro = payee?.best?.body.cumulativeMicro ?? micro.zero;
    const owedMicro = payee?.owedMicro ?? micro.zero;
    return {
      peerId,
      paidMicro: payer?.tail.end.cumulativeMicro ?? micro.zero,
      paidAckedMicro: payer?.ackedMicro ?? micro.zero,
      reservedMicro: payer?.reservedMicro ?? micro.zero,
      receivedMicro,
      earnedMicro: micro.add(receivedMicro, owedMicro),
      unpaidMicro: micro.add(payee?.inFlightMicro ?? micro.zero, owedMicro),
      creditLimitMicro: limitFor(peerId),
    };
  });
  return {
    unit: 'micro-credit',
    notice,
    paidMicro: micro.sum(peers.map((peer) => peer.paidMicro)),
    receivedMicro: micro.sum(peers.map((peer) => peer.receivedMicro)),
    reservedMicro: micro.sum(peers.map((peer) => peer.reservedMicro)),
    owedToUsMicro: micro.sum(Object.values(books.payees).map((book) => book.owedMicro)),
    peers,
  };
}
