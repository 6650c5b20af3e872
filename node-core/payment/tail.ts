/** The end of a channel's history: where it stands, and the last payments, by which a difference is found and healed. */
import { type Micro, micro, type PaidReplica, paidTailMax, type ReplicaId } from '../protocol/index.ts';
import { type Point, pointAfter, startPoint } from './chain.ts';

/** Plain JSON; part of the projection's state. */
export interface Tail {
  /** Before the first of `recent`. */
  base: Point;
  /** At most `paidTailMax`, oldest first. */
  recent: PaidReplica[];
  /** After the last of `recent`. */
  end: Point;
}

export function newTail(at: Point = startPoint): Tail {
  return { base: at, recent: [], end: at };
}

/** In place; the oldest payment is forgotten when the tail is full. */
export function append(tail: Tail, paid: PaidReplica): void {
  tail.recent.push(paid);
  tail.end = pointAfter(tail.end, paid);
  while (tail.recent.length > paidTailMax) {
    const oldest = tail.recent.shift();
    if (oldest !== undefined) tail.base = pointAfter(tail.base, oldest);
  }
}

/** Payments after `seq` up to `until`, as far back as the tail reaches. */
export function paymentsAfter(tail: Tail, seq: number, until: number): PaidReplica[] {
  const from = Math.max(0, seq - tail.base.seq);
  return tail.recent.slice(from, Math.max(from, until - tail.base.seq));
}

/** The point after payment `seq`, or null when the tail does not reach there. */
export function pointAt(tail: Tail, seq: number): Point | null {
  if (seq === tail.end.seq) return tail.end;
  if (seq < tail.base.seq || seq > tail.end.seq) return null;
  return tail.recent.slice(0, seq - tail.base.seq).reduce(pointAfter, tail.base);
}

/** The point whose head is this, or null when it is not in the tail. */
export function pointWithHead(tail: Tail, head: string): Point | null {
  if (tail.end.head === head) return tail.end;
  let point = tail.base;
  if (point.head === head) return point;
  for (const paid of tail.recent) {
    point = pointAfter(point, paid);
    if (point.head === head) return point;
  }
  return null;
}

/** The first payment count with which `cumulativeMicro` was reached; the base's when that lies before the tail. */
export function seqReaching(tail: Tail, cumulativeMicro: Micro): number {
  let { seq, cumulativeMicro: sum } = tail.base;
  for (const { priceMicro } of tail.recent) {
    if (!micro.less(sum, cumulativeMicro)) break;
    sum = micro.add(sum, priceMicro);
    seq++;
  }
  return seq;
}

export function priceIn(recent: readonly PaidReplica[], replicaId: ReplicaId): Micro | null {
  return recent.find((paid) => paid.replicaId === replicaId)?.priceMicro ?? null;
}
