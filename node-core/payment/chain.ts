/**
 * A channel's history as a hash chain over its payments, so that two peers compare all of it by one hash and find the
 * first difference when one of them comes back from a backup. PAYMENTS, section 5.
 */
import { emptyHead, type Micro, micro, nextHead, type PaidReplica, type Sha256 } from '../protocol/index.ts';

/** A place in a channel's history: payments so far, their sum, and the head of their hash chain. */
export interface Point {
  readonly seq: number;
  readonly cumulativeMicro: Micro;
  readonly head: Sha256;
}

export const startPoint: Point = { seq: 0, cumulativeMicro: micro.zero, head: emptyHead };

/** The point after one more payment. */
export function pointAfter(point: Point, { replicaId, priceMicro }: PaidReplica): Point {
  return {
    seq: point.seq + 1,
    cumulativeMicro: micro.add(point.cumulativeMicro, priceMicro),
    head: nextHead(point.head, replicaId, priceMicro),
  };
}

export function pointAfterAll(point: Point, paid: readonly PaidReplica[]): Point {
  return paid.reduce(pointAfter, point);
}

export function samePoint(a: Point, b: Point): boolean {
  return a.seq === b.seq && a.cumulativeMicro === b.cumulativeMicro && a.head === b.head;
}

/** A voucher or a point, without what else it carries. */
export function pointOf({ seq, cumulativeMicro, head }: Point): Point {
  return { seq, cumulativeMicro, head };
}

export type Judgement =
  /** Nothing new: this or a higher one is held already. */
  | { readonly kind: 'held' }
  | {
      readonly kind: 'higher';
      /** The payments since the best voucher, as far as the payer lists them. */
      readonly fresh: readonly PaidReplica[];
      /** Payments that are in the sum and not in the list: more than a list holds were missed. */
      readonly unlisted: number;
    }
  /** Not a continuation of what the payee holds: one side lost a part of its history. */
  | { readonly kind: 'differs' };

/**
 * What a valid voucher is to a payee that holds `best`.
 * @param listed the payer's last payments, oldest first, ending with the voucher's last.
 */
export function judgeVoucher(best: Point, offered: Point, listed: readonly PaidReplica[]): Judgement {
  if (samePoint(best, offered)) return { kind: 'held' };
  const lower = micro.less(offered.cumulativeMicro, best.cumulativeMicro);
  if (offered.seq <= best.seq) {
    const behind = lower || (offered.seq < best.seq && offered.cumulativeMicro === best.cumulativeMicro);
    return behind ? { kind: 'held' } : { kind: 'differs' };
  }
  if (lower) return { kind: 'differs' };
  const missing = offered.seq - best.seq;
  if (listed.length < missing) {
    // The hashes in between are not known here; that a list claims no more than was paid is.
    const amountMicro = micro.subtract(offered.cumulativeMicro, best.cumulativeMicro);
    const listedMicro = micro.sum(listed.map(({ priceMicro }) => priceMicro));
    return micro.less(amountMicro, listedMicro)
      ? { kind: 'differs' }
      : { kind: 'higher', fresh: listed, unlisted: missing - listed.length };
  }
  const fresh = listed.slice(listed.length - missing);
  return samePoint(pointAfterAll(best, fresh), offered) ? { kind: 'higher', fresh, unlisted: 0 } : { kind: 'differs' };
}
