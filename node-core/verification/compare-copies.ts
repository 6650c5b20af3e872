/**
 * Redundant execution, judged: which answer holds, and which copy is too far from it to be honest. Pure.
 *
 * An item's answer is what at least `quorum` providers gave, and more than gave any other one. A copy that differs is not
 * thereby bad: honest computers differ now and then (another CPU, another build), at the rate that the template states.
 * It is bad when that rate would explain its differences with less than `badProbabilityPpm`. ARCHITECTURE, “Trust”.
 */
import { InfernetError, type PeerId, type ReplicaId, type Template, type VerifierClass } from '../protocol/index.ts';
import { tailIsBelow } from './binomial.ts';
import { type Copy, type ItemTally, tally } from './tally.ts';

export interface Comparison {
  readonly verifier: VerifierClass;
  /** Providers that must agree on an item. */
  readonly quorum: number;
  readonly copies: readonly Copy[];
  /** From the template: items per million on which two honest providers differ. */
  readonly honestDisagreementPpm: number;
  /** From the config: less likely than this, and a copy is bad. Per million. */
  readonly badProbabilityPpm: number;
  /**
   * Besides asking this one shard: does the honest rate explain so many wrong items of this copy, in view of all that was
   * gathered of its provider (sequential.ts)?
   */
  isExplained?(copy: Copy, itemsWrong: number): boolean;
}

export interface CopyVerdict {
  readonly replicaId: ReplicaId;
  /**
   * `undecided` besides an agreement: too far off to be paid, but no two providers agree on all items, so that nothing
   * could be shown to a third party (I8).
   */
  readonly verdict: 'accepted' | 'rejected' | 'undecided';
  /** Items in which the copy differs from the answer that holds. */
  readonly itemsWrong: number;
  /** Other providers whose answer it was that holds where this copy differs; sorted. */
  readonly witnesses: readonly PeerId[];
}

export type Outcome =
  | {
      readonly kind: 'agreed';
      /** A replica whose outputs are the answer for all items; null when the answer must be merged from `items`. */
      readonly winner: ReplicaId | null;
      /** All such replicas, sorted: of them two or more, by different providers, are evidence against a rejected copy. */
      readonly holders: readonly ReplicaId[];
      /** Per item, a replica that holds the answer. */
      readonly items: readonly ReplicaId[];
      /** In the order of the copies. */
      readonly verdicts: readonly CopyVerdict[];
    }
  | {
      readonly kind: 'no-quorum';
      /** Indices of the items that have no answer, or one that no copy that holds has given; none when only too few copies hold. */
      readonly itemsWithout: readonly number[];
      /** Providers whose copy would hold if every item has an answer. */
      readonly holding: number;
      /** All `undecided`: nobody is paid, nobody penalised. */
      readonly verdicts: readonly CopyVerdict[];
    };

/** Can results of this template be compared? Asked when a job is submitted. `numeric` needs a tolerance (numeric.ts). */
export function canBeCompared({ verifier, tolerance }: Pick<Template, 'verifier' | 'tolerance'>): boolean {
  return supportsReplication(verifier) || (verifier === 'numeric' && tolerance !== undefined);
}

/** Can copies of this verifier class be compared by hashes? */
export function supportsReplication(verifier: VerifierClass): boolean {
  return verifier === 'exact' || verifier === 'label';
}

/**
 * Judges the copies of one shard. The result does not depend on their order.
 *
 * Besides a quorum for every item, as many copies must hold: else answers that were pieced together from copies that are too
 * far off, each somewhere else, would pass for agreement (I2). And one of those that hold must have said it, item by item: what
 * only copies said that are too far off is nobody's answer (I10).
 *
 * With a quorum of 1 a single copy is accepted as it is (unchecked); two that differ then have no answer.
 *
 * @throws InfernetError `policy` for a class that hashes cannot compare, RangeError when the copies differ in length.
 */
export function compareCopies(comparison: Comparison): Outcome {
  const { verifier, quorum, copies } = comparison;
  if (!supportsReplication(verifier)) {
    throw new InfernetError('policy', `results of verifier class ${verifier} cannot be compared by replication yet`);
  }
  const tallies = tally(copies);
  const itemsWithout = tallies.flatMap((votes, item) => (hasQuorum(votes, quorum) ? [] : [item]));
  if (copies.length === 0 || itemsWithout.length > 0) {
    return noQuorum(copies, itemsWithout);
  }

  const sorted = [...copies].sort((a, b) => (a.replicaId < b.replicaId ? -1 : 1));
  const holders = sorted.filter((copy) => itemsWrong(copy, tallies) === 0);
  const verdicts = copies.map((copy) => judge(copy, tallies, holders, comparison));
  const accepted = copies.filter((_, i) => verdicts[i]?.verdict === 'accepted');
  const holding = new Set(accepted.map(({ peerId }) => peerId)).size;
  if (holding < quorum) return noQuorum(copies, [], holding);
  const unheld = tallies.flatMap(({ leader }, item) =>
    accepted.some(({ itemHashes }) => itemHashes[item] === leader) ? [] : [item],
  );
  if (unheld.length > 0) return noQuorum(copies, unheld, holding);
  const winner = holders[0];
  const items = tallies.map(({ leader }, item) => {
    const holder = winner ?? sorted.find((copy) => accepted.includes(copy) && copy.itemHashes[item] === leader);
    if (holder === undefined) throw new Error('an answer with a quorum has a holder');
    return holder.replicaId;
  });
  return {
    kind: 'agreed',
    winner: winner?.replicaId ?? null,
    holders: holders.map(({ replicaId }) => replicaId),
    items,
    verdicts,
  };
}

function noQuorum(copies: readonly Copy[], itemsWithout: readonly number[], holding = 0): Outcome {
  const verdicts = copies.map(
    ({ replicaId }) => ({ replicaId, verdict: 'undecided', itemsWrong: 0, witnesses: [] }) as const,
  );
  return { kind: 'no-quorum', itemsWithout, holding, verdicts };
}

/**
 * Could `more` further copies still give every item its quorum and a holder, and enough copies that hold? False too when all is there.
 * @throws RangeError when the copies differ in length.
 */
export function tieBreakNeeded(question: {
  readonly quorum: number;
  readonly copies: readonly Copy[];
  /** What compareCopies made of them. */
  readonly outcome: Outcome;
  readonly more?: number;
}): boolean {
  const { quorum, copies, outcome, more = 1 } = question;
  if (outcome.kind === 'agreed' || more <= 0) return false;
  if (copies.length === 0) return more >= quorum;
  const tallies = tally(copies);
  // One more that says what the quorum says holds, and changes nothing for the others.
  if (tallies.every((votes) => hasQuorum(votes, quorum))) return outcome.holding + more >= quorum;
  return tallies.every((votes) => votes.most + more >= quorum);
}

function hasQuorum(votes: ItemTally, quorum: number): boolean {
  return votes.leader !== null && votes.most >= quorum;
}

function itemsWrong(copy: Copy, tallies: readonly ItemTally[]): number {
  return copy.itemHashes.filter((hash, item) => hash !== tallies[item]?.leader).length;
}

function judge(
  copy: Copy,
  tallies: readonly ItemTally[],
  holders: readonly Copy[],
  comparison: Comparison,
): CopyVerdict {
  const { honestDisagreementPpm, badProbabilityPpm, isExplained } = comparison;
  const wrong = itemsWrong(copy, tallies);
  const { replicaId } = copy;
  const witnesses = wrong === 0 ? [] : witnessesOf(copy, tallies, comparison.copies);
  const explained = (): boolean =>
    !tailIsBelow(tallies.length, wrong, honestDisagreementPpm, badProbabilityPpm) &&
    (isExplained?.(copy, wrong) ?? true);
  if (wrong === 0 || explained()) {
    return { replicaId, verdict: 'accepted', itemsWrong: wrong, witnesses };
  }
  const provers = new Set(holders.map(({ peerId }) => peerId));
  provers.delete(copy.peerId);
  return { replicaId, verdict: provers.size >= 2 ? 'rejected' : 'undecided', itemsWrong: wrong, witnesses };
}

function witnessesOf(accused: Copy, tallies: readonly ItemTally[], copies: readonly Copy[]): PeerId[] {
  const gaveIt = ({ itemHashes, peerId }: Copy): boolean =>
    peerId !== accused.peerId &&
    tallies.some(({ leader }, item) => itemHashes[item] === leader && accused.itemHashes[item] !== leader);
  return [...new Set(copies.filter(gaveIt).map(({ peerId }) => peerId))].sort();
}
