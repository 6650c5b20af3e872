import { describe, expect, it } from 'vitest';
import { createSigner, createVerifier } from '../../identity/index.ts';
import { toBase64Url } from '../codec/base64url.ts';
import type { Json, PeerId } from '../primitives.ts';
import { replicaIdOf, shardIdOf } from '../primitives.ts';
import { type SignsBytes, signBody } from '../signed.ts';
import type { z } from '../zod.ts';
import {
  type Commitment,
  commitmentDigest,
  itemHashesOf,
  type Opening,
  outputsHashOf,
  type Reveal,
  type SignedCommitment,
  taskHashOf,
} from './commitment.ts';
import {
  type BadReceipt,
  type Evidence,
  type GoodReceipt,
  isProof,
  isShareable,
  itemsThatDiffer,
  Receipt,
  type ReceiptBody,
  receiptFault,
  witnessesOf,
} from './receipt.ts';

type Bad = z.infer<typeof BadReceipt>;
type Good = z.infer<typeof GoodReceipt>;
interface Copy {
  commitment: SignedCommitment;
  opening: Opening;
}

const signerOf = (n: number): SignsBytes => createSigner(new Uint8Array(32).fill(n));
const [client, accused, second, third, stranger] = [signerOf(1), signerOf(2), signerOf(3), signerOf(4), signerOf(5)];
const verifier = createVerifier();

const jobId = '0123456789abcdef0123456789abcdef';
const shardId = shardIdOf(jobId, 0);
const template = 'bafyreicm2ab7u3zv6tw5yvhy37dtmi77k6afwfltg3sgock42csxgaorzm';
const itemSalt = 'c2FsdHNhbHRzYWx0c2Fsdw';
const salt = 'AAECAwQFBgcICQoLDA0ODw';
const right: Json[] = [{ label: 'a' }, { label: 'b' }, { label: 'a' }];
const wrong: Json[] = [{ label: 'b' }, { label: 'b' }, { label: 'b' }];

interface Changes {
  commitment?: Partial<Commitment>;
  reveal?: Partial<Reveal>;
}

/** What an honest provider sends for its outputs, and what it would send if it lied about one of the fields. */
function copyOf(signer: SignsBytes, outputs: Json[], change: Changes = {}): Copy {
  const replicaId = replicaIdOf(shardId, 1, signer.peerId);
  const itemHashes = itemHashesOf(itemSalt, outputs);
  const outputsHash = outputsHashOf(itemHashes);
  const subject = { jobId, shardId, replicaId, peerId: signer.peerId, ...change.commitment };
  const digest = commitmentDigest(subject, outputsHash, salt);
  const taskHash = taskHashOf({ template, model: null, params: {}, inputsHash: 'a'.repeat(64), itemSalt });
  const reveal: Reveal = { v: 1, replicaId: subject.replicaId, digest, outputsHash, salt, ...change.reveal };
  return {
    commitment: signBody(signer, 'commitment', { v: 1, taskHash, digest, at: 1000, ...subject }),
    opening: { reveal: signBody(signer, 'reveal', reveal), itemHashes },
  };
}

const common = {
  v: 1,
  client: client.peerId,
  provider: accused.peerId,
  jobId,
  shardId,
  replicaId: replicaIdOf(shardId, 1, accused.peerId),
  template,
  model: null,
  items: 3,
  at: 2000,
} as const;

function receiptOf(body: ReceiptBody, by = client, provider: SignsBytes | null = null): Receipt {
  return {
    body,
    clientSignature: signBody(by, 'receipt', body).signature,
    providerSignature: provider === null ? null : signBody(provider, 'receipt', body).signature,
  };
}

function goodBody(change: Partial<Good> = {}): Good {
  const check = { type: 'replicate', copies: 2, quorum: 2, agreed: 2 } as const;
  return { ...common, kind: 'good', priceMicro: '2000', check, digest: 'd'.repeat(64), ...change };
}

function minority(evidence: Partial<Evidence> = {}, change: Partial<Bad> = {}): Receipt {
  return receiptOf({
    ...common,
    kind: 'bad',
    reason: 'minority',
    itemsWrong: 2,
    evidence: { accused: copyOf(accused, wrong), quorum: [copyOf(second, right), copyOf(third, right)], ...evidence },
    ...change,
  });
}

function mismatch(accusedCopy: Copy, change: Partial<Bad> = {}): Receipt {
  const evidence = { accused: accusedCopy, quorum: [] };
  return receiptOf({ ...common, kind: 'bad', reason: 'reveal-mismatch', itemsWrong: 0, evidence, ...change });
}

const fault = (receipt: Receipt) => receiptFault(verifier, receipt);

/** As it arrives: through JSON and the schema. */
const overTheWire = (receipt: Receipt) => Receipt.parse(JSON.parse(JSON.stringify(receipt)));

describe('a good receipt', () => {
  it('convinces with both signatures', () => {
    expect(fault(overTheWire(receiptOf(goodBody(), client, accused)))).toBeNull();
  });

  it('convinces when a later version has added to it, at whatever depth', () => {
    const body = { ...goodBody(), later: 1, check: { ...goodBody().check, later: { deep: [1] } } };
    expect(fault(overTheWire(receiptOf(body, client, accused)))).toBeNull();
  });

  it('does not convince without the provider’s signature', () => {
    expect(fault(receiptOf(goodBody(), client))).toBe('a good receipt needs the provider’s signature');
  });

  it.each([
    ['a stranger for the client', receiptOf(goodBody(), stranger, accused), 'client'],
    ['a stranger for the provider', receiptOf(goodBody(), client, stranger), 'provider'],
    ['the provider for both', receiptOf(goodBody(), accused, accused), 'client'],
    ['the client for both', receiptOf(goodBody(), client, client), 'provider'],
  ])('does not convince when signed by %s', (_, receipt, who) => {
    expect(fault(receipt)).toBe(`the ${who}’s signature does not verify`);
  });

  it('does not convince when any field was changed after signing', () => {
    const receipt = receiptOf(goodBody(), client, accused);
    const changes: Partial<Good>[] = [
      { provider: second.peerId },
      { jobId: 'f'.repeat(32) },
      { items: 4 },
      { priceMicro: '2001' },
      { at: 2001 },
      { check: { type: 'replicate', copies: 3, quorum: 2, agreed: 3 } },
      { digest: 'e'.repeat(64) },
    ];
    for (const change of changes) {
      expect(fault({ ...receipt, body: goodBody(change) })).toBe('the client’s signature does not verify');
    }
  });

  it('does not convince when its signature is damaged', () => {
    const receipt = receiptOf(goodBody(), client, accused);
    for (const clientSignature of ['', 'AAAA', '!', toBase64Url(new Uint8Array(64))]) {
      expect(fault({ ...receipt, clientSignature })).toBe('the client’s signature does not verify');
    }
  });

  it('is not written by a node for itself', () => {
    expect(fault(receiptOf(goodBody({ client: accused.peerId }), accused, accused))).toMatch('for itself');
  });

  it('is not made of a signature for something else', () => {
    const body = goodBody();
    const asQuote = signBody(client, 'quote', body).signature;
    expect(fault({ ...receiptOf(body, client, accused), clientSignature: asQuote })).not.toBeNull();
  });
});

describe('a bad receipt for a minority', () => {
  it('convinces with the commitments and openings of accused and quorum', () => {
    expect(fault(overTheWire(minority()))).toBeNull();
  });

  it('counts the items that differ, missing ones too', () => {
    const [one, other] = [copyOf(accused, wrong).opening, copyOf(second, right).opening];
    expect(itemsThatDiffer(one, other)).toBe(2);
    expect(itemsThatDiffer(one, one)).toBe(0);
    const short = copyOf(accused, wrong.slice(0, 1));
    expect(itemsThatDiffer(short.opening, other)).toBe(3);
    expect(fault(minority({ accused: short }, { itemsWrong: 3 }))).toBeNull();
  });

  it('is not the client’s word alone', () => {
    expect(fault(minority({ quorum: [] }))).toBe('fewer than two copies agreed');
    expect(fault(minority({ quorum: [copyOf(second, right)] }))).toBe('fewer than two copies agreed');
  });

  it('is signed by the client', () => {
    expect(fault({ ...minority(), clientSignature: minority({}, { at: 1 }).clientSignature })).toMatch(
      'client’s signature',
    );
  });

  const twice = copyOf(second, right);
  const otherShard = { shardId: shardIdOf(jobId, 1) };
  const notQuorum: [what: string, copies: Copy[], fault: string][] = [
    ['the client', [copyOf(second, right), copyOf(client, right)], 'do not count among the copies'],
    ['the accused', [copyOf(second, right), copyOf(accused, right)], 'do not count among the copies'],
    ['a provider twice', [twice, twice], 'counts twice'],
    ['copies that differ', [copyOf(second, right), copyOf(third, wrong)], 'do not agree with each other'],
    [
      'a copy of another shard',
      [copyOf(second, right), copyOf(third, right, { commitment: otherShard })],
      'is not signed',
    ],
    [
      'a copy of another job',
      [copyOf(second, right), copyOf(third, right, { commitment: { jobId: 'f'.repeat(32) } })],
      'is not signed',
    ],
    [
      'a copy that was given other inputs',
      [copyOf(second, right), copyOf(third, right, { commitment: { taskHash: 'b'.repeat(64) } })],
      'another task',
    ],
    [
      'a copy whose opening fits another commitment',
      [copyOf(second, right), { ...copyOf(third, right), opening: copyOf(third, wrong).opening }],
      'does not match its commitment',
    ],
    [
      'a copy whose item hashes are not those that it revealed',
      [copyOf(second, right), withItemHashes(copyOf(third, wrong), right)],
      'does not match its commitment',
    ],
    [
      'a commitment under another name',
      [copyOf(second, right), signedBy(copyOf(third, right), stranger.peerId)],
      'is not signed',
    ],
  ];
  it.each(notQuorum)('does not count %s', (_, quorum, text) => {
    expect(fault(minority({ quorum }))).toMatch(text);
  });

  it.each([0, 1, 3])('does not convince with a wrong count of wrong items: %i', (itemsWrong) => {
    expect(fault(minority({}, { itemsWrong }))).toBe('the stated number of differing items is wrong');
  });

  it('does not convince with a wrong count of items', () => {
    expect(fault(minority({}, { items: 300 }))).toBe('the stated number of items is wrong');
  });

  it('does not convince against a provider that agreed', () => {
    expect(fault(minority({ accused: copyOf(accused, right) }, { itemsWrong: 0 }))).toMatch('differing items');
  });

  it('does not convince when the accused had been given another task', () => {
    const framed = copyOf(accused, wrong, { commitment: { taskHash: 'b'.repeat(64) } });
    expect(fault(minority({ accused: framed }))).toBe('a copy of the quorum was given another task');
  });

  it('does not convince when the accused’s opening is not the one that it had committed to', () => {
    const honest = copyOf(accused, right);
    expect(fault(minority({ accused: withItemHashes(honest, wrong) }))).toMatch(
      'does not match the accused’s commitment',
    );
    const forged = { ...honest, opening: copyOf(accused, wrong).opening };
    expect(fault(minority({ accused: forged }))).toMatch('another commitment');
  });
});

describe('telling others', () => {
  const shared = { shared: true };

  it('is for receipts that their client shares', () => {
    expect(isShareable(receiptOf(goodBody(), client, accused))).toBe(false);
    expect(isShareable(receiptOf(goodBody(shared), client, accused))).toBe(true);
    expect(isShareable(minority({}, shared))).toBe(true);
  });

  it('is not for evidence of a kind that may hold text', () => {
    expect(isShareable(minority({}, { ...shared, reason: 'stream-mismatch' }))).toBe(false);
  });

  it('rests on the word of the client and of each copy that agreed', () => {
    expect(witnessesOf(goodBody())).toEqual([client.peerId]);
    expect(witnessesOf(minority().body)).toEqual([client.peerId, second.peerId, third.peerId]);
    expect([minority().body, mismatch(copyOf(accused, right)).body, goodBody()].map(isProof)).toEqual([
      false,
      true,
      false,
    ]);
  });
});

describe('a bad receipt for a reveal that does not match', () => {
  const liar = copyOf(accused, right, { reveal: { outputsHash: 'f'.repeat(64) } });

  it('convinces with the accused’s two signatures', () => {
    expect(fault(overTheWire(mismatch(liar)))).toBeNull();
    expect(fault(mismatch(copyOf(accused, right, { reveal: { salt: 'AAAA' } })))).toBeNull();
  });

  it('claims no wrong items and no other copies: nobody could check them', () => {
    expect(fault(mismatch(liar, { itemsWrong: 1 }))).toBe('a mismatch proves no number of wrong items');
    const evidence = { accused: liar, quorum: [copyOf(second, right), copyOf(third, right)] };
    expect(fault(mismatch(liar, { evidence }))).toBe('a mismatch needs no other copies');
  });

  it('does not convince when the reveal does match', () => {
    expect(fault(mismatch(copyOf(accused, right)))).toBe('the reveal does match the commitment');
  });

  it('does not convince with an honest reveal of another replica, or of another run under the same id', () => {
    const one = copyOf(accused, right);
    const otherReplica = copyOf(accused, right, { commitment: { replicaId: replicaIdOf(shardId, 2, accused.peerId) } });
    expect(fault(mismatch({ ...one, opening: otherReplica.opening }))).toBe('the reveal is of another commitment');
    // Ids are made by clients: two of them that collude can use the same one.
    const otherRun = copyOf(accused, wrong);
    expect(fault(mismatch({ ...one, opening: otherRun.opening }))).toBe('the reveal is of another commitment');
  });

  it('does not convince about another provider or replica', () => {
    expect(fault(mismatch(liar, { provider: second.peerId }))).toBe(
      'the commitment is not of this provider and replica',
    );
    expect(fault(mismatch(liar, { replicaId: replicaIdOf(shardId, 2, accused.peerId) }))).toMatch(
      'not of this provider',
    );
    expect(fault(mismatch(liar, { shardId: shardIdOf(jobId, 1) }))).toMatch('not of this provider');
  });

  it('does not convince when commitment or reveal is signed by somebody else', () => {
    const forged = copyOf(stranger, right, {
      commitment: { peerId: accused.peerId, replicaId: common.replicaId },
      reveal: { outputsHash: 'f'.repeat(64) },
    });
    const named = signedBy(forged, accused.peerId);
    expect(fault(mismatch(named))).toBe('the accused’s commitment is not signed by it');
    const onlyReveal = { commitment: liar.commitment, opening: { ...liar.opening, reveal: named.opening.reveal } };
    expect(fault(mismatch(onlyReveal))).toBe('the reveal is not signed by the accused');
  });
});

/** The copy with the item hashes of other outputs beside its signed reveal. */
function withItemHashes(copy: Copy, outputs: Json[]): Copy {
  return { ...copy, opening: { ...copy.opening, itemHashes: itemHashesOf(itemSalt, outputs) } };
}

/** The same signatures under another name. */
function signedBy(copy: Copy, by: PeerId): Copy {
  return {
    commitment: { ...copy.commitment, by, body: { ...copy.commitment.body, peerId: by } },
    opening: { ...copy.opening, reveal: { ...copy.opening.reveal, by } },
  };
}
