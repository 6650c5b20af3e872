import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type Commitment,
  commitmentDigest,
  itemHashesOf,
  opens,
  outputsHashOf,
  type Reveal,
  taskHashOf,
} from './commitment.ts';

const sha256 = (text: string) => createHash('sha256').update(text, 'utf8').digest('hex');

const subject = {
  jobId: '0123456789abcdef0123456789abcdef',
  shardId: '0123456789abcdef0123456789abcdef.0',
  replicaId: '0123456789abcdef0123456789abcdef.0.1.7YJgL5pV',
  peerId: '12D3KooWQK1wnefoLrcVHbbnf5tLzbopUd3K3bFAoJpA7YJgL5pV',
};
const itemSalt = 'c2FsdHNhbHRzYWx0c2Fsdw';
const salt = 'AAECAwQFBgcICQoLDA0ODw';

describe('hashes of outputs', () => {
  // The same by hand, as another client would write it: only a hash of texts.
  const items = [
    sha256(`{"index":0,"itemSalt":"${itemSalt}","output":{"label":"positive"}}`),
    sha256(`{"index":1,"itemSalt":"${itemSalt}","output":null}`),
  ];

  it('are per item, with the salt and the place', () => {
    expect(itemHashesOf(itemSalt, [{ label: 'positive' }, null])).toEqual(items);
    expect(items[0]).toBe('921997c57056408dad7b9f803859c32b2b2057db60049191f0c8499db75bd5a0');
  });

  it('and together', () => {
    expect(outputsHashOf(items)).toBe(sha256(`{"items":["${items[0]}","${items[1]}"]}`));
    expect(outputsHashOf(items)).toBe('80dd34382113de7c4f5505ea2c59dc620829cd55c309892a7a267f39ce2b859e');
  });

  it('tell the same outputs at other places, and under other salts, apart', () => {
    const [a, b] = itemHashesOf(itemSalt, ['x', 'x']);
    expect(a).not.toBe(b);
    expect(itemHashesOf('b3RoZXI', ['x'])[0]).not.toBe(a);
  });
});

describe('a task', () => {
  it('is what copies must have in common for their outputs to be compared', () => {
    const template = 'bafyreicm2ab7u3zv6tw5yvhy37dtmi77k6afwfltg3sgock42csxgaorzm';
    const task = { template, model: null, params: { seed: 7 }, inputsHash: 'a'.repeat(64), itemSalt };
    const text = `{"inputsHash":"${'a'.repeat(64)}","itemSalt":"${itemSalt}","model":null,"params":{"seed":7},"template":"${template}"}`;
    expect(taskHashOf(task)).toBe(sha256(text));
    const others = [
      { ...task, template: `${template.slice(0, -1)}a` },
      { ...task, model: template },
      { ...task, params: {} },
      { ...task, inputsHash: 'b'.repeat(64) },
      { ...task, itemSalt: 'AAAA' },
    ];
    expect(new Set([task, ...others].map(taskHashOf)).size).toBe(1 + others.length);
  });
});

describe('a commitment', () => {
  const outputsHash = sha256('outputs');
  const digest = commitmentDigest(subject, outputsHash, salt);
  const commitment: Commitment = { v: 1, ...subject, taskHash: sha256('task'), digest, at: 1 };
  const reveal: Reveal = { v: 1, replicaId: subject.replicaId, digest, outputsHash, salt };

  it('is the hash of the canonical subject, outputs and salt', () => {
    const { jobId, shardId, replicaId, peerId } = subject;
    const text = `{"jobId":"${jobId}","outputsHash":"${outputsHash}","peerId":"${peerId}","replicaId":"${replicaId}","salt":"${salt}","shardId":"${shardId}"}`;
    expect(digest).toBe(sha256(text));
  });

  it('is opened by the right opening', () => {
    expect(opens(commitment, reveal)).toBe(true);
  });

  const wrong: [what: string, commitment: Commitment, reveal: Reveal][] = [
    ['other outputs', commitment, { ...reveal, outputsHash: sha256('other') }],
    ['another salt', commitment, { ...reveal, salt: 'AQECAwQFBgcICQoLDA0ODw' }],
    ['the reveal of another replica', commitment, { ...reveal, replicaId: `${subject.jobId}.0.2.7YJgL5pV` }],
    ['the reveal of another commitment', commitment, { ...reveal, digest: sha256('other') }],
    ['another job', { ...commitment, jobId: 'f'.repeat(32) }, reveal],
    ['another shard', { ...commitment, shardId: `${subject.jobId}.1` }, reveal],
    ['another replica', { ...commitment, replicaId: `${subject.jobId}.0.2.7YJgL5pV` }, reveal],
    ['another provider', { ...commitment, peerId: '12D3KooWDwTirQce1RRKnasT5fPVFgzXCy6SiRgSwrwPGLC7zE91' }, reveal],
    ['another digest', { ...commitment, digest: sha256('other') }, { ...reveal, digest: sha256('other') }],
  ];
  it.each(wrong)('is not opened with %s', (_, changedCommitment, changedReveal) => {
    expect(opens(changedCommitment, changedReveal)).toBe(false);
  });

  it('is opened by no other hash or salt', () => {
    const hash = fc.stringMatching(/^[0-9a-f]{64}$/);
    const otherSalt = fc.stringMatching(/^[A-Za-z0-9_-]{0,32}$/);
    fc.assert(
      fc.property(hash, otherSalt, (h, s) => {
        const other = { ...reveal, outputsHash: h, salt: s };
        expect(opens(commitment, other)).toBe(h === outputsHash && s === salt);
      }),
    );
  });
});
