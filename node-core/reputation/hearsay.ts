/**
 * What others' receipts weigh here.
 *
 * A proof (the accused's own two signatures contradict each other) weighs as if it were own experience. Anything else is the
 * word of its witnesses, and weighs by the trust in the best of them: who has done r good and s bad pieces of work for this
 * node, and now says R good and S bad things about somebody, adds
 *
 *     2r·R / ((s + 2)(R + S + 2) + 2r)  good  and  2r·S / ((s + 2)(R + S + 2) + 2r)  bad
 *
 * outcomes, all with forgetting: the discounting of reputation feedback in A. Jøsang, R. Ismail, “The Beta Reputation
 * System”, Bled 2002, section 3.3. However much a witness says, it adds less than 2r / (s + 2): trust is earned by work alone,
 * and is not handed on, so a ring whose members praise each other has none. All trusted witnesses together add at most
 * `trustedMaxMilli`, all strangers together at most `strangersMaxMilli`: less than one piece of work done for this node.
 */
import type { EpochMs, PeerId } from '../protocol/index.ts';
import { dayOf, keptAfter, weights } from './scores.ts';
import type { Heard } from './testimony.ts';

export interface Outcomes {
  readonly goodMilli: number;
  readonly badMilli: number;
}

/**
 * Why a receipt counts as it does: `repeated` = another one about the same work counts; `distrusted` = those who vouch for it
 * have only done bad work for this node.
 */
export type Footing = 'proof' | 'trusted' | 'stranger' | 'repeated' | 'distrusted';

export interface Weighed {
  readonly heard: Heard;
  readonly footing: Footing;
  /** Whose word it is. */
  readonly witness: PeerId;
  /** Of its weight, how much is left of it by age, 0…1. */
  readonly kept: number;
  /** And how much of that is believed, 0…1. */
  readonly trust: number;
  /** What it adds to the good or the bad outcomes, thousandths. */
  readonly addsMilli: number;
}

export interface Hearsay {
  readonly proofs: Outcomes;
  readonly trusted: Outcomes;
  readonly strangers: Outcomes;
  readonly receipts: readonly Weighed[];
}

/** What all trusted witnesses add at most: four pieces of work, or less than half of one proven lie. */
export const trustedMaxMilli = 4_000;
/** What all strangers add at most. */
export const strangersMaxMilli = 500;
/** A stranger's word counts as that of a peer which did so much good work. */
const strangerMilli = 500;

/** @param ownOf good and bad work that a peer did for this node, as of now. */
export function weigh(about: readonly Heard[], self: PeerId, ownOf: (peer: PeerId) => Outcomes, now: EpochMs): Hearsay {
  const judged = judge(about, self, ownOf, now);
  const believed = new Map<PeerId, Outcomes>();
  for (const { footing, witness, heard, leftMilli } of judged) {
    if (footing !== 'trusted' && footing !== 'stranger') continue;
    believed.set(witness, plus(believed.get(witness) ?? nothing, heard.kind, leftMilli));
  }
  const trusts = new Map<PeerId, number>();
  for (const [witness, said] of believed) trusts.set(witness, discount(witness === self ? null : ownOf(witness), said));
  const first = judged.map((each): Weighed => {
    const { heard, footing, witness, kept, leftMilli } = each;
    const trust = footing === 'proof' ? 1 : (trusts.get(witness) ?? 0);
    return { heard, footing, witness, kept, trust, addsMilli: leftMilli * trust };
  });
  const trustedScale = scaleTo(trustedMaxMilli, sumOf(first, 'trusted'));
  const strangersScale = scaleTo(strangersMaxMilli, sumOf(first, 'stranger'));
  const receipts = first.map((each) => {
    const scale = each.footing === 'trusted' ? trustedScale : each.footing === 'stranger' ? strangersScale : 1;
    return scale === 1 ? each : { ...each, trust: each.trust * scale, addsMilli: each.addsMilli * scale };
  });
  return {
    proofs: sumOf(receipts, 'proof'),
    trusted: sumOf(receipts, 'trusted'),
    strangers: sumOf(receipts, 'stranger'),
    receipts,
  };
}

interface Judged {
  readonly heard: Heard;
  readonly footing: Footing;
  readonly witness: PeerId;
  readonly kept: number;
  readonly leftMilli: number;
}

const nothing: Outcomes = { goodMilli: 0, badMilli: 0 };

function judge(
  about: readonly Heard[],
  self: PeerId,
  ownOf: (peer: PeerId) => Outcomes,
  now: EpochMs,
): readonly Judged[] {
  const all = about.map((heard): Judged => {
    const kept = keptAfter(dayOf(now) - dayOf(heard.at));
    return { heard, ...footingOf(heard, self, ownOf), kept, leftMilli: weights[heard.kind] * kept };
  });
  // The same piece of work by several clients: the best word counts, and of equal ones the first.
  const best = new Map<string, Judged>();
  const rank = ({ footing, witness }: Judged): number =>
    ranks[footing] * rankStep + (witness === self ? rankStep - 1 : Math.min(rankStep - 1, boundOf(ownOf(witness))));
  for (const each of all) {
    const rival = best.get(each.heard.work);
    if (rival === undefined || rank(each) > rank(rival)) best.set(each.heard.work, each);
  }
  return all.map((each) =>
    best.get(each.heard.work) === each ? each : { ...each, footing: 'repeated', leftMilli: 0 },
  );
}

const ranks = { proof: 3, trusted: 2, stranger: 1, distrusted: 0, repeated: 0 } as const;
const rankStep = 1_000_000_000;

function footingOf(
  { proof, client, witnesses }: Heard,
  self: PeerId,
  ownOf: (peer: PeerId) => Outcomes,
): { footing: Footing; witness: PeerId } {
  if (proof) return { footing: 'proof', witness: client };
  if (witnesses.includes(self)) return { footing: 'trusted', witness: self };
  let witness = client;
  // One honest copy among those that agreed makes a minority true: so the best of them counts.
  for (const peer of witnesses) if (boundOf(ownOf(peer)) > boundOf(ownOf(witness))) witness = peer;
  const { goodMilli, badMilli } = ownOf(witness);
  if (goodMilli > 0) return { footing: 'trusted', witness };
  return { footing: badMilli > 0 ? 'distrusted' : 'stranger', witness };
}

/** The most that a witness can add, outcomes. */
function boundOf({ goodMilli, badMilli }: Outcomes): number {
  return (2 * goodMilli) / (badMilli + 2_000);
}

/** The share of what a witness says that is believed. @param own null = this node itself. */
function discount(own: Outcomes | null, said: Outcomes): number {
  if (own === null) return 1;
  const isStranger = own.goodMilli === 0;
  const r = (isStranger ? strangerMilli : own.goodMilli) / 1_000;
  const s = isStranger ? 0 : own.badMilli / 1_000;
  const spoken = (said.goodMilli + said.badMilli) / 1_000;
  return (2 * r) / ((s + 2) * (spoken + 2) + 2 * r);
}

function plus({ goodMilli, badMilli }: Outcomes, kind: Heard['kind'], milli: number): Outcomes {
  return kind === 'good' ? { goodMilli: goodMilli + milli, badMilli } : { goodMilli, badMilli: badMilli + milli };
}

function sumOf(receipts: readonly Weighed[], footing: Footing): Outcomes {
  return receipts.reduce(
    (sum, each) => (each.footing === footing ? plus(sum, each.heard.kind, each.addsMilli) : sum),
    nothing,
  );
}

function scaleTo(maxMilli: number, { goodMilli, badMilli }: Outcomes): number {
  const sum = goodMilli + badMilli;
  return sum <= maxMilli ? 1 : maxMilli / sum;
}
