/** Counting the answers of several copies of one shard, item by item. */
import type { PeerId, ReplicaId, Sha256 } from '../protocol/index.ts';

/** The revealed answers of one replica. */
export interface Copy {
  readonly replicaId: ReplicaId;
  readonly peerId: PeerId;
  /** One hash per item, salted alike in all copies, of normalised outputs: equal hashes are agreement. */
  readonly itemHashes: readonly Sha256[];
}

/** Votes on one item. */
export interface ItemTally {
  /** The answer with more votes than any other; null when two lead, or nobody voted. */
  readonly leader: Sha256 | null;
  /** Votes of the best answer, and of the next one. */
  readonly most: number;
  readonly second: number;
}

/**
 * One tally per item. A provider has one vote per item and answer, however many copies it ran.
 * @throws RangeError when the copies differ in length: the door refuses a reveal with another number of items.
 */
export function tally(copies: readonly Copy[]): ItemTally[] {
  const items = copies[0]?.itemHashes.length ?? 0;
  if (copies.some((copy) => copy.itemHashes.length !== items)) {
    throw new RangeError('copies of one shard have one answer per item, all the same number');
  }
  return Array.from({ length: items }, (_, item) => tallyItem(copies, item));
}

function tallyItem(copies: readonly Copy[], item: number): ItemTally {
  const votes = new Map<Sha256, Set<PeerId>>();
  for (const copy of copies) {
    const hash = copy.itemHashes[item];
    if (hash === undefined) continue;
    const voters = votes.get(hash) ?? new Set();
    voters.add(copy.peerId);
    votes.set(hash, voters);
  }
  let leader: Sha256 | null = null;
  let most = 0;
  let second = 0;
  for (const [hash, { size }] of votes) {
    if (size > most) {
      second = most;
      most = size;
      leader = hash;
    } else if (size > second) {
      second = size;
    }
  }
  return { leader: most > second ? leader : null, most, second };
}
