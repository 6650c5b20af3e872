/**
 * A payer that was restored from a backup meets a voucher that it signed and has forgotten. It takes the payee's history
 * as its own, and puts behind it what it paid since; a replica that is in both counts once. PAYMENTS, “Crash rules” 5.
 */
import { micro, type PaidReplica } from '../protocol/index.ts';
import { type Point, pointAfterAll, samePoint } from './chain.ts';
import { append, newTail, paymentsAfter, pointAt, type Tail } from './tail.ts';

export type Adoption =
  /** The voucher is in our own history. */
  | { readonly kind: 'ours' }
  | {
      readonly kind: 'merged';
      readonly tail: Tail;
      /** Payments that we had forgotten. */
      readonly forgotten: readonly PaidReplica[];
    }
  /**
   * More was forgotten than a statement lists, or the list does not hash to the voucher. The sum is ours, for it is
   * signed; which replicas it paid is not known, so nothing open at this peer may be paid any more.
   */
  | { readonly kind: 'unlisted'; readonly tail: Tail }
  /** Of another history than ours, and not above it: nothing to learn from. */
  | { readonly kind: 'refused' };

/**
 * Pure. The sum never falls: a merged history holds both, an unlisted one is taken only when it is higher.
 * @param voucher a voucher with our own valid signature.
 * @param listed the payee's last payments, oldest first, ending with the voucher's.
 */
export function adoptionOf(tail: Tail, voucher: Point, listed: readonly PaidReplica[]): Adoption {
  if (voucher.seq < tail.base.seq) return { kind: 'ours' };
  const known = pointAt(tail, voucher.seq);
  if (known !== null && samePoint(known, voucher)) return { kind: 'ours' };

  const listStart = voucher.seq - listed.length;
  const start = pointAt(tail, Math.max(tail.base.seq, listStart));
  if (listStart >= 0 && start !== null) {
    const theirs = listed.slice(start.seq - listStart);
    const mine = paymentsAfter(tail, start.seq, tail.end.seq);
    const common = commonLength(mine, theirs);
    const fork = pointAfterAll(start, mine.slice(0, common));
    const forgotten = theirs.slice(common);
    if (samePoint(pointAfterAll(fork, forgotten), voucher)) {
      const ids = new Set(forgotten.map(({ replicaId }) => replicaId));
      const merged: Tail = { base: tail.base, recent: paymentsAfter(tail, tail.base.seq, fork.seq), end: fork };
      for (const paid of forgotten) append(merged, paid);
      for (const paid of mine.slice(common)) if (!ids.has(paid.replicaId)) append(merged, paid);
      return { kind: 'merged', tail: merged, forgotten };
    }
  }
  return micro.less(tail.end.cumulativeMicro, voucher.cumulativeMicro)
    ? { kind: 'unlisted', tail: newTail(voucher) }
    : { kind: 'refused' };
}

function commonLength(a: readonly PaidReplica[], b: readonly PaidReplica[]): number {
  let i = 0;
  while (i < a.length && a[i]?.replicaId === b[i]?.replicaId && a[i]?.priceMicro === b[i]?.priceMicro) i++;
  return i;
}
