/**
 * Results that are numbers: equal within a tolerance, compared by replication. Pure, and independent of the order of copies.
 *
 * Nearness is not transitive: b may agree with a and with c, which do not agree with each other. So per item the output with
 * which most providers agree is taken for a centre, all that agree with it form a cluster, and the rest is
 * clustered likewise; then clusters are votes, as equal hashes are in the other classes.
 */
import { canonicalJson, type Json, type Tolerance } from '../protocol/index.ts';
import { type Comparison, compareCopies, type Outcome } from './compare-copies.ts';
import type { Copy } from './tally.ts';

export interface NumericCopy extends Copy {
  /** One per item; those of which `itemHashes` are the hashes. */
  readonly outputs: readonly Json[];
}

export interface NumericComparison extends Omit<Comparison, 'verifier' | 'copies'> {
  readonly tolerance: Tolerance;
  readonly copies: readonly NumericCopy[];
}

/**
 * Like {@link compareCopies}. Besides its own output, a winner's quorum has others near it and not the same: who wants to show a
 * third party why a copy was rejected must show outputs, since their hashes differ.
 *
 * @throws RangeError when the copies differ in length.
 */
export function compareNumeric({ tolerance, copies, ...comparison }: NumericComparison): Outcome {
  return compareCopies({ ...comparison, verifier: 'label', copies: clusterCopies(copies, tolerance) });
}

/** The same copies, each item with the hash of the output at the centre of its cluster: equal hashes are agreement. */
export function clusterCopies(copies: readonly NumericCopy[], tolerance: Tolerance): Copy[] {
  const items = copies[0]?.outputs.length ?? 0;
  const columns = Array.from({ length: items }, (_, item) => centresOf(copies, item, tolerance));
  return copies.map(({ replicaId, peerId, itemHashes }) => ({
    replicaId,
    peerId,
    itemHashes: itemHashes.map((hash, item) => columns[item]?.get(replicaId)?.itemHashes[item] ?? hash),
  }));
}

/** Per replica, the copy at the centre of its cluster. */
function centresOf(copies: readonly NumericCopy[], item: number, tolerance: Tolerance): Map<string, NumericCopy> {
  const found = new Map<string, NumericCopy>();
  const keys = new Map(copies.map(({ replicaId, outputs }) => [replicaId, canonicalJson(outputs[item] ?? null)]));
  const keyOf = (copy: NumericCopy): string => `${keys.get(copy.replicaId)} ${copy.replicaId}`;
  // The same bytes agree whatever the numbers are, also where squares overflow.
  const agree = (a: NumericCopy, b: NumericCopy): boolean =>
    keys.get(a.replicaId) === keys.get(b.replicaId) ||
    isWithin(a.outputs[item] ?? null, b.outputs[item] ?? null, tolerance);
  for (let rest = [...copies]; rest.length > 0; rest = rest.filter(({ replicaId }) => !found.has(replicaId))) {
    const candidates = rest.map((centre) => {
      const near = rest.filter((copy) => agree(copy, centre));
      return { centre, near, voters: new Set(near.map(({ peerId }) => peerId)).size };
    });
    const [best] = candidates.sort((a, b) => b.voters - a.voters || (keyOf(a.centre) < keyOf(b.centre) ? -1 : 1));
    for (const { replicaId } of best?.near ?? []) if (best !== undefined) found.set(replicaId, best.centre);
  }
  return found;
}

/**
 * Do two outputs agree? Lists of numbers within the tolerance, each list by itself; a number alone within `absoluteMax`, or
 * equal where none is given; all else equal.
 */
export function isWithin(a: Json, b: Json, tolerance: Tolerance): boolean {
  if (typeof a === 'number' && typeof b === 'number') {
    return a === b || (tolerance.absoluteMax !== undefined && Math.abs(a - b) <= tolerance.absoluteMax);
  }
  if (Array.isArray(a) && Array.isArray(b)) {
    if (a.length !== b.length) return false;
    if (isVector(a) && isVector(b)) return vectorsAgree(a, b, tolerance);
    return a.every((value, i) => isWithin(value, b[i] ?? null, tolerance));
  }
  if (isObject(a) && isObject(b)) {
    const keys = Object.keys(a);
    return (
      keys.length === Object.keys(b).length &&
      keys.every((key) => Object.hasOwn(b, key) && isWithin(a[key] ?? null, b[key] ?? null, tolerance))
    );
  }
  return a === b;
}

function vectorsAgree(
  a: readonly number[],
  b: readonly number[],
  { cosineDistanceMaxPpm, absoluteMax }: Tolerance,
): boolean {
  if (absoluteMax !== undefined && a.some((x, i) => !(Math.abs(x - (b[i] ?? 0)) <= absoluteMax))) return false;
  return (
    cosineDistanceMaxPpm === undefined || a.length === 0 || cosineDistance(a, b) * 1_000_000 <= cosineDistanceMaxPpm
  );
}

/**
 * 1 − cosine, at least 0; 2 where only one of them is 0. Sums, products and square roots only, in one order: IEEE 754 gives these
 * the same bits everywhere.
 */
export function cosineDistance(a: readonly number[], b: readonly number[]): number {
  let product = 0;
  let squaresA = 0;
  let squaresB = 0;
  for (const [i, x] of a.entries()) {
    const y = b[i] ?? 0;
    product += x * y;
    squaresA += x * x;
    squaresB += y * y;
  }
  if (squaresA === 0 && squaresB === 0) return 0;
  if (squaresA === 0 || squaresB === 0) return 2;
  return Math.max(0, 1 - product / Math.sqrt(squaresA) / Math.sqrt(squaresB));
}

function isVector(list: readonly Json[]): list is number[] {
  return list.every((value) => typeof value === 'number');
}

function isObject(value: Json): value is { [key: string]: Json } {
  return value !== null && typeof value === 'object' && !Array.isArray(value);
}
