/** The wallet, as the control API shows it. */
import { type Micro, micro, type PeerId, type WalletSummary } from '../protocol/index.ts';
import { ackedBy, type Books, paidTo, receivedFrom } from './books.ts';
import type { CreditLimit } from './limits.ts';
import type { Outlay } from './spending.ts';

const notice =
  'Credits are not money: they count work that peers owe each other, pair by pair. Nobody has to redeem them, and they cannot be transferred.';

/** What follows from the owner's rules and not from the books alone. */
export interface WalletView {
  readonly caps: WalletSummary['caps'];
  readonly strangers: WalletSummary['strangers'];
  limitOf(peer: PeerId): CreditLimit;
  outlay(peer: PeerId): Outlay;
  leftToday(peer: PeerId): Micro | null;
}

export function summarise(books: Books, view: WalletView): WalletSummary {
  const ids = new Set([...Object.keys(books.payers), ...Object.keys(books.payees)]);
  const peers = [...ids].sort().map((peerId) => {
    const payer = books.payers[peerId];
    const payee = books.payees[peerId];
    const paidMicro = paidTo(payer);
    const receivedMicro = receivedFrom(payee);
    const owedMicro = payee?.owedMicro ?? micro.zero;
    const earnedMicro = micro.add(receivedMicro, owedMicro);
    const { limitMicro, ...creditLimit } = view.limitOf(peerId);
    return {
      peerId,
      paidMicro,
      paidAckedMicro: ackedBy(payer),
      reservedMicro: payer?.reservedMicro ?? micro.zero,
      receivedMicro,
      earnedMicro,
      unpaidMicro: micro.add(payee?.inFlightMicro ?? micro.zero, owedMicro),
      creditLimitMicro: limitMicro,
      creditLimit,
      owesUsMicro: beyond(earnedMicro, paidMicro),
      weOweMicro: beyond(paidMicro, earnedMicro),
      spentTodayMicro: view.outlay(peerId).spentMicro,
      leftTodayMicro: view.leftToday(peerId),
    };
  });
  return {
    unit: 'micro-credit',
    notice,
    paidMicro: micro.sum(peers.map((peer) => peer.paidMicro)),
    receivedMicro: micro.sum(peers.map((peer) => peer.receivedMicro)),
    reservedMicro: micro.sum(peers.map((peer) => peer.reservedMicro)),
    owedToUsMicro: micro.sum(Object.values(books.payees).map((book) => book.owedMicro)),
    net: {
      owedByPeersMicro: micro.sum(peers.map((peer) => peer.owesUsMicro)),
      peersOwing: peers.filter((peer) => peer.owesUsMicro !== micro.zero).length,
      owedToPeersMicro: micro.sum(peers.map((peer) => peer.weOweMicro)),
      peersOwed: peers.filter((peer) => peer.weOweMicro !== micro.zero).length,
    },
    caps: view.caps,
    strangers: view.strangers,
    peers,
  };
}

function beyond(a: Micro, b: Micro): Micro {
  return micro.less(b, a) ? micro.subtract(a, b) : micro.zero;
}
