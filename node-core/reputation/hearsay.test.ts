import { describe, expect, it } from 'vitest';
import { createSigner } from '../identity/index.ts';
import { hashOf, isProof, type PeerId, type Receipt, witnessesOf } from '../protocol/index.ts';
import { addsMaxMilli, type Experience, weigh } from './hearsay.ts';
import { dayMs, weights } from './scores.ts';
import { type Heard, workOf } from './testimony.ts';
import { goodReceipt, minorityReceipt, proofReceipt, seedOf, wrapped } from './testing.ts';

const signerOf = (n: number) => createSigner(seedOf(n));
const now = 20_000 * dayMs;
const [self, bob, carol, dave, eve] = [signerOf(1), signerOf(2), signerOf(3), signerOf(4), signerOf(5)];

function heard(receipt: Receipt): Heard {
  const { body } = receipt;
  return {
    seq: 1,
    hash: hashOf(body),
    at: body.at,
    kind: body.kind,
    proof: isProof(body),
    work: workOf(body),
    client: body.client,
    witnesses: witnessesOf(body),
    bytes: 1_000,
    stranger: false,
  };
}

/** @param own good and bad pieces of work that peers did for this node. */
function weighed(
  receipts: readonly Receipt[],
  own: ReadonlyMap<PeerId, readonly [number, number]> = new Map(),
  patrons: readonly PeerId[] = [],
) {
  const experienceOf = (peer: PeerId): Experience => {
    const [good, bad] = own.get(peer) ?? [0, 0];
    return { goodMilli: good * 1_000, badMilli: bad * 1_000, patronMilli: patrons.includes(peer) ? 1_000 : 0 };
  };
  return weigh(receipts.map(heard), self.peerId, experienceOf, now);
}

const good = (n: number, client = carol, at = now) => goodReceipt({ client, provider: bob, n, at });

describe('what others say', () => {
  it('is discounted as in the source: r = 3, s = 1, R = 4, S = 0', () => {
    const receipts = [good(1), good(2), good(3), good(4)];
    const { trusted, strangers } = weighed(receipts, new Map([[carol.peerId, [3, 1]]]));
    expect(trusted.goodMilli).toBeCloseTo((1_000 * (2 * 3 * 4)) / ((1 + 2) * (4 + 0 + 2) + 2 * 3), 6);
    expect(strangers).toEqual({ goodMilli: 0, badMilli: 0 });
  });

  it('adds less than 2r / (s + 2) by one witness, however much it says', () => {
    const many = Array.from({ length: 200 }, (_, n) => good(n));
    const { trusted } = weighed(many, new Map([[carol.peerId, [1, 0]]]));
    expect(trusted.goodMilli).toBeGreaterThan(900);
    expect(trusted.goodMilli).toBeLessThan(1_000);
  });

  it('is bounded over all trusted witnesses, and far below over all strangers', () => {
    const clients = Array.from({ length: 40 }, (_, n) => signerOf(100 + n));
    const many = clients.flatMap((client, n) => [good(n, client), good(1_000 + n, client)]);
    const peerIds = clients.map(({ peerId }) => peerId);
    const trusting = weighed(many, new Map(peerIds.map((peerId) => [peerId, [50, 0]])));
    expect(trusting.trusted.goodMilli).toBeCloseTo(addsMaxMilli.trusted, 6);
    const strange = weighed(many);
    expect(strange.strangers.goodMilli).toBeCloseTo(addsMaxMilli.stranger, 6);
    const paying = weighed(many, new Map(), peerIds);
    expect(paying.patrons.goodMilli).toBeCloseTo(addsMaxMilli.patron, 6);
    // Less than one piece of work done for this node.
    expect(addsMaxMilli.stranger).toBeLessThan(weights.good);
  });

  it('counts nothing when its witness did only bad work here', () => {
    const { receipts, trusted, strangers } = weighed([good(1)], new Map([[carol.peerId, [0, 3]]]));
    expect(receipts).toMatchObject([{ footing: 'distrusted', addsMilli: 0 }]);
    expect([trusted, strangers]).toEqual([
      { goodMilli: 0, badMilli: 0 },
      { goodMilli: 0, badMilli: 0 },
    ]);
  });

  it('of a minority is the word of the best among those who differ from it, this node above all', () => {
    const minority = minorityReceipt({ client: carol, provider: bob, n: 1, at: now }, [dave, eve]);
    const trusted = weighed([minority], new Map([[eve.peerId, [6, 0]]]));
    expect(trusted.receipts).toMatchObject([{ footing: 'trusted', witness: eve.peerId }]);
    expect(trusted.trusted.badMilli).toBeCloseTo((1_000 * (2 * 6 * 10)) / (2 * 12 + 12), 6);
    const mine = minorityReceipt({ client: carol, provider: bob, n: 1, at: now }, [dave, self]);
    expect(weighed([mine]).receipts).toMatchObject([{ footing: 'trusted', witness: self.peerId, trust: 0.4 }]);
    expect(weighed([minority]).receipts).toMatchObject([{ footing: 'stranger', witness: carol.peerId }]);
  });

  it('is believed without anybody’s word when it is a proof, and once, whoever signs it again', () => {
    const proof = proofReceipt({ client: carol, provider: bob, n: 1, at: now });
    const again = [wrapped(proof, dave), wrapped(proof, eve)];
    const { proofs, receipts } = weighed([proof, ...again]);
    expect(proofs).toEqual({ goodMilli: 0, badMilli: weights.bad });
    expect(receipts.map(({ footing }) => footing)).toEqual(['proof', 'repeated', 'repeated']);
  });

  it('about one piece of work counts once, by the best word for it', () => {
    const first = minorityReceipt({ client: carol, provider: bob, n: 1, at: now }, [signerOf(8), signerOf(9)]);
    const { receipts } = weighed([first, wrapped(first, dave)], new Map([[dave.peerId, [2, 0]]]));
    expect(receipts.map(({ footing, addsMilli }) => [footing, addsMilli > 0])).toEqual([
      ['repeated', false],
      ['trusted', true],
    ]);
  });

  it('fades by half in thirty days', () => {
    const [old] = weighed([good(1, carol, now - 30 * dayMs)], new Map([[carol.peerId, [5, 0]]])).receipts;
    expect(old?.kept).toBeCloseTo(0.5, 2);
  });

  it('adds up: the parts are the sums of what the receipts add', () => {
    const receipts = [
      ...Array.from({ length: 9 }, (_, n) => good(n, signerOf(50 + n))),
      ...Array.from({ length: 9 }, (_, n) => good(100 + n, dave)),
      minorityReceipt({ client: eve, provider: bob, n: 200, at: now }, [signerOf(8), signerOf(9)]),
      proofReceipt({ client: eve, provider: bob, n: 201, at: now }),
    ];
    const all = weighed(receipts, new Map([[dave.peerId, [9, 0]]]));
    const sum = all.receipts.reduce((total, { addsMilli }) => total + addsMilli, 0);
    const parts = [all.proofs, all.trusted, all.patrons, all.strangers].reduce(
      (t, p) => t + p.goodMilli + p.badMilli,
      0,
    );
    expect(sum).toBeCloseTo(parts, 6);
  });
});
