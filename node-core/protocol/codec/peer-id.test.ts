import { publicKeyFromRaw } from '@libp2p/crypto/keys';
import { peerIdFromPublicKey, peerIdFromString } from '@libp2p/peer-id';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PeerId } from '../primitives.ts';
import { peerIdOf, publicKeyOf } from './peer-id.ts';

/** Public keys of RFC 8032, section 7.1, tests 1 and 2. */
const vectors: [publicKey: string, peerId: string][] = [
  [
    'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a',
    '12D3KooWQK1wnefoLrcVHbbnf5tLzbopUd3K3bFAoJpA7YJgL5pV',
  ],
  [
    '3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c',
    '12D3KooWDwTirQce1RRKnasT5fPVFgzXCy6SiRgSwrwPGLC7zE91',
  ],
];

const key = fc.uint8Array({ minLength: 32, maxLength: 32 });

describe('peer ids', () => {
  it.each(vectors)('of the key %s', (publicKey, peerId) => {
    expect(peerIdOf(Buffer.from(publicKey, 'hex'))).toBe(peerId);
    expect(Buffer.from(publicKeyOf(peerId)).toString('hex')).toBe(publicKey);
  });

  it('are those of libp2p', () => {
    for (const [publicKey, peerId] of vectors) {
      expect(peerIdFromPublicKey(publicKeyFromRaw(Buffer.from(publicKey, 'hex'))).toString()).toBe(peerId);
    }
    fc.assert(
      fc.property(key, (bytes) => {
        expect(peerIdFromString(peerIdOf(bytes)).toString()).toBe(peerIdOf(bytes));
      }),
    );
  });

  it('hold the key, whatever it is, and match their schema', () => {
    fc.assert(
      fc.property(key, (bytes) => {
        const peerId = peerIdOf(bytes);
        expect(PeerId.parse(peerId)).toBe(peerId);
        expect(Buffer.from(publicKeyOf(peerId)).equals(bytes)).toBe(true);
      }),
    );
  });

  it.each([0, 31, 33])('are not made of %d bytes', (length) => {
    expect(() => peerIdOf(new Uint8Array(length))).toThrow(TypeError);
  });

  it.each([
    '',
    'QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N',
    `12D3KooW${'z'.repeat(44)}`,
    '12D3KooWQK1wnefoLrcVHbbnf5tLzbopUd3K3bFAoJpA7YJgL5p0',
  ])('of another kind are refused: %j', (text) => {
    expect(() => publicKeyOf(text)).toThrow();
  });
});
