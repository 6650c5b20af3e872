import { describe, expect, it } from 'vitest';
import { createSigner, createVerifier } from '../identity/index.ts';
import { type NodeRecord, SignedNodeRecord } from './discovery/node-record.ts';
import { isSigned, type SignatureDomain, signatureDomains, signBody } from './signed.ts';

const signer = createSigner(new Uint8Array(32).fill(1));
const other = createSigner(new Uint8Array(32).fill(2));
const verifier = createVerifier();
const cid = 'bafyreicm2ab7u3zv6tw5yvhy37dtmi77k6afwfltg3sgock42csxgaorzm';

const record: NodeRecord = {
  v: 1,
  kind: 'node',
  peerId: signer.peerId,
  sequence: 1,
  addresses: ['/ip4/127.0.0.1/tcp/4001/ws'],
  agent: 'infernet/0.1.0',
  hardware: { os: 'linux-x64', cpu: { model: 'x', cores: 2 }, memoryBytes: 1, gpus: [], tier: 'cpu' },
  offers: [
    {
      template: cid,
      templateName: 'text-classification',
      model: null,
      modelName: null,
      price: { shardMicro: '1000', itemMicro: '100' },
      tokensPerSecondMilli: 0,
      itemsPerShardMax: 200,
    },
  ],
  attestation: 'none',
  issuedAt: 1,
  expiresAt: 2,
};

const overTheWire = (value: unknown) => SignedNodeRecord.parse(JSON.parse(JSON.stringify(value)));

describe('signed bodies', () => {
  it('verify after the wire', () => {
    const signed = overTheWire(signBody(signer, 'node-record', record));
    expect(isSigned(verifier, 'node-record', signed)).toBe(true);
    expect(signed.body).toEqual(record);
  });

  it('verify in their own domain only', () => {
    const domains: SignatureDomain[] = [];
    for (const key of Object.keys(signatureDomains)) if (isDomain(key)) domains.push(key);
    for (const made of domains) {
      const signed = signBody(signer, made, record);
      for (const asked of domains) expect(isSigned(verifier, asked, signed)).toBe(asked === made);
    }
  });

  it('do not verify under another name, or when anything was changed', () => {
    const signed = signBody(signer, 'node-record', record);
    const changed = [
      { ...signed, by: other.peerId },
      { ...signed, body: { ...record, sequence: 2 } },
      { ...signed, body: { ...record, extra: 1 } },
      { ...signed, signature: signBody(other, 'node-record', record).signature },
    ];
    for (const each of changed) expect(isSigned(verifier, 'node-record', each)).toBe(false);
  });

  it('are never an exception, however malformed', () => {
    const signed = signBody(signer, 'node-record', record);
    const malformed = [
      { ...signed, by: 'nobody' },
      { ...signed, signature: '!' },
      { ...signed, body: undefined },
      { ...signed, body: { half: 0.5 } },
      { ...signed, body: JSON.parse('['.repeat(100_000) + ']'.repeat(100_000)) },
    ];
    for (const each of malformed) expect(isSigned(verifier, 'node-record', each)).toBe(false);
  });

  it('of later versions verify: what they add is kept, at any depth', () => {
    const [offer] = record.offers;
    const later = {
      ...record,
      region: 'eu',
      hardware: { ...record.hardware, npus: [{ model: 'y' }] },
      offers: [{ ...offer, price: { ...offer?.price, tokenMicro: '1' }, batch: true }],
    };
    const signed = overTheWire(signBody(signer, 'node-record', later));
    expect(signed.body).toEqual(later);
    expect(isSigned(verifier, 'node-record', signed)).toBe(true);
  });

  it('are still checked by their schema, and the fault is named with its place', () => {
    const broken = { ...signBody(signer, 'node-record', record), body: { ...record, offers: [{ template: 5 }] } };
    const paths = SignedNodeRecord.safeParse(broken).error?.issues.map((issue) => issue.path.join('.'));
    expect(paths).toContain('body.offers.0.template');
    expect(paths).toContain('body.offers.0.price');
  });

  it('hold no fractions', () => {
    expect(() => signBody(signer, 'quote', { price: 0.5 })).toThrow(TypeError);
  });
});

function isDomain(key: string): key is SignatureDomain {
  return Object.hasOwn(signatureDomains, key);
}
