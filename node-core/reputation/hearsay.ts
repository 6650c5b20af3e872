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
 * and is not handed on, so a ring whose members praise each other has none. Clients who paid for this node's work have a
 * little, as credits cost nothing to promise. Each of the three kinds of witnesses adds so much at most, all together
 * ({@link addsMaxMilli}); strangers less than one piece of work done for this node.
 */
import type { EpochMs, PeerId } from '../protocol/index.ts';
import { dayOf, keptAfter, weights } from './scores.ts';
import type { Heard } from './testimony.ts';

export interface Outcomes {
  readonly goodMilli: number;
  readonly badMilli: number;
}

/** What a peer did for this node, as of now. */
export interface Experience extends Outcomes {
  /** It accepted so much work of this node, and signed for it. */
  readonly patronMilli: number;
}

/**
 * Why a receipt counts as it does: `trusted` = its witness did good work here; `patron` = it accepted this node's; `repeated` =
 * another receipt for the same work counts; `distrusted` = those who vouch for it have only done bad work here.
 */
export type Footing = 'proof' | 'trusted' | 'patron' | 'stranger' | 'repeated' | 'distrusted';

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
  readonly patrons: Outcomes;
  readonly strangers: Outcomes;
  readonly receipts: readonly Weighed[];
}

/** What all witnesses of a kind add at most, good and bad together. */
export const addsMaxMilli = {
  /** Four pieces of work, or less than half of one proven lie. */
  trusted: 4_000,
  patron: 1_000,
  stranger: 500,
} as const;
/** A stranger's word counts as that of a peer which did so much good work. */
const strangerMilli = 500;
/** Each accepted piece of work makes its client trusted as if it had done so much itself. */
export const patronMilli = 250;

interface Witness {
  readonly peer: PeerId;
  readonly footing: 'trusted' | 'patron' | 'stranger' | 'distrusted';
  /** r and s of the formula, outcomes. */
  readonly r: number;
  readonly s: number;
}

interface Judged {
  readonly heard: Heard;
  readonly footing: Footing;
  readonly witness: Witness;
  readonly kept: number;
  readonly leftMilli: number;
}

const nothing: Outcomes = { goodMilli: 0, badMilli: 0 };

export function weigh(
  about: readonly Heard[],
  self: PeerId,
  experienceOf: (peer: PeerId) => Experience,
  now: EpochMs,
): Hearsay {
  const witnesses = new Map<PeerId, Witness>();
  const known = (peer: PeerId): Witness => {
    const witness = witnesses.get(peer) ?? witnessOf(peer, self, experienceOf(peer));
    witnesses.set(peer, witness);
    return witness;
  };
  const judged = judge(about, known, now);
  const said = new Map<PeerId, Outcomes>();
  for (const { footing, witness, heard, leftMilli } of judged) {
    if (isWord(footing)) said.set(witness.peer, plus(said.get(witness.peer) ?? nothing, heard.kind, leftMilli));
  }
  const single = judged.map(({ heard, footing, witness, kept, leftMilli }): Weighed => {
    const trust = footing === 'proof' ? 1 : isWord(footing) ? discount(witness, said.get(witness.peer) ?? nothing) : 0;
    return { heard, footing, witness: witness.peer, kept, trust, addsMilli: leftMilli * trust };
  });
  const scales = new Map(
    (['trusted', 'patron', 'stranger'] as const).map((footing) => {
      const { goodMilli, badMilli } = sumOf(single, footing);
      return [footing as Footing, Math.min(1, addsMaxMilli[footing] / (goodMilli + badMilli || 1))];
    }),
  );
  const receipts = single.map((each) => {
    const scale = scales.get(each.footing) ?? 1;
    return { ...each, trust: each.trust * scale, addsMilli: each.addsMilli * scale };
  });
  return {
    proofs: sumOf(receipts, 'proof'),
    trusted: sumOf(receipts, 'trusted'),
    patrons: sumOf(receipts, 'patron'),
    strangers: sumOf(receipts, 'stranger'),
    receipts,
  };
}

function judge(about: readonly Heard[], known: (peer: PeerId) => Witness, now: EpochMs): readonly Judged[] {
  const all = about.map((heard): Judged => {
    const kept = keptAfter(dayOf(now) - dayOf(heard.at));
    const witness = bestOf(heard, known);
    const footing = heard.proof ? 'proof' : witness.footing;
    return { heard, footing, witness, kept, leftMilli: weights[heard.kind] * kept };
  });
  // The same piece of work by several clients: the best word counts, and of equal ones the first.
  const best = new Map<string, Judged>();
  for (const each of all) {
    const rival = best.get(each.heard.work);
    if (rival === undefined || isBetter(each.witness, rival.witness)) best.set(each.heard.work, each);
  }
  return all.map((each) =>
    best.get(each.heard.work) === each ? each : { ...each, footing: 'repeated', leftMilli: 0 },
  );
}

/** One honest copy among those that agreed makes a minority true: so the best of all who vouch for it counts. */
function bestOf({ client, witnesses, proof }: Heard, known: (peer: PeerId) => Witness): Witness {
  let best = known(client);
  if (proof) return best;
  for (const peer of witnesses) {
    const other = known(peer);
    if (isBetter(other, best)) best = other;
  }
  return best;
}

function witnessOf(peer: PeerId, self: PeerId, { goodMilli, badMilli, patronMilli: paid }: Experience): Witness {
  if (peer === self) return { peer, footing: 'trusted', r: Number.POSITIVE_INFINITY, s: 0 };
  if (goodMilli > 0) return { peer, footing: 'trusted', r: goodMilli / 1_000, s: badMilli / 1_000 };
  if (badMilli > 0) return { peer, footing: 'distrusted', r: 0, s: badMilli / 1_000 };
  if (paid > 0) return { peer, footing: 'patron', r: paid / 1_000, s: 0 };
  return { peer, footing: 'stranger', r: strangerMilli / 1_000, s: 0 };
}

const ranks = { trusted: 3, patron: 2, stranger: 1, distrusted: 0 } as const;

function isBetter(one: Witness, other: Witness): boolean {
  if (one.footing !== other.footing) return ranks[one.footing] > ranks[other.footing];
  return one.r / (one.s + 2) > other.r / (other.s + 2);
}

/** The share of what a witness says that is believed. */
function discount({ r, s }: Witness, { goodMilli, badMilli }: Outcomes): number {
  if (r === Number.POSITIVE_INFINITY) return 1;
  const spoken = (goodMilli + badMilli) / 1_000;
  return (2 * r) / ((s + 2) * (spoken + 2) + 2 * r);
}

function isWord(footing: Footing): boolean {
  return footing === 'trusted' || footing === 'patron' || footing === 'stranger';
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
