import { generateKeyPairFromSeed } from '@libp2p/crypto/keys';
import { peerIdFromPrivateKey } from '@libp2p/peer-id';
import { describe, expect, it } from 'vitest';
import { peerIdOf } from '../protocol/index.ts';
import { createSigner } from './signer.ts';
import { createVerifier } from './verifier.ts';

const hex = (text: string) => new Uint8Array(Buffer.from(text, 'hex'));

/** RFC 8032, section 7.1. */
const vectors = [
  {
    name: 'TEST 1',
    seed: '9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60',
    publicKey: 'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a',
    message: '',
    signature:
      'e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b',
  },
  {
    name: 'TEST 2',
    seed: '4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb',
    publicKey: '3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c',
    message: '72',
    signature:
      '92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00',
  },
  {
    name: 'TEST 3',
    seed: 'c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7',
    publicKey: 'fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025',
    message: 'af82',
    signature:
      '6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a',
  },
];

describe('signer and verifier', () => {
  for (const { name, seed, publicKey, message, signature } of vectors) {
    it(`agree with RFC 8032, ${name}`, () => {
      const signer = createSigner(hex(seed));
      expect(signer.peerId).toBe(peerIdOf(hex(publicKey)));
      expect(Buffer.from(signer.sign(hex(message))).toString('hex')).toBe(signature);
      expect(createVerifier().verify(signer.peerId, hex(message), hex(signature))).toBe(true);
    });
  }

  it('give the peer id that libp2p gives the same key', async () => {
    for (const { seed } of vectors) {
      const theirs = peerIdFromPrivateKey(await generateKeyPairFromSeed('Ed25519', hex(seed)));
      expect(createSigner(hex(seed)).peerId).toBe(theirs.toString());
    }
  });

  it('refuses a seed of another length', () => {
    expect(() => createSigner(new Uint8Array(31))).toThrow('32 bytes, not 31');
  });
});

describe('verifier', () => {
  const signer = createSigner(new Uint8Array(32).fill(7));
  const other = createSigner(new Uint8Array(32).fill(8));
  const message = new TextEncoder().encode('hello');
  const signature = signer.sign(message);
  const verifier = createVerifier({ keysMax: 1 });

  it('refuses another message, another signer, and a changed signature', () => {
    expect(verifier.verify(signer.peerId, message, signature)).toBe(true);
    expect(verifier.verify(signer.peerId, new TextEncoder().encode('hallo'), signature)).toBe(false);
    expect(verifier.verify(other.peerId, message, signature)).toBe(false);
    const changed = Uint8Array.from(signature);
    changed[10] = (changed[10] ?? 0) ^ 1;
    expect(verifier.verify(signer.peerId, message, changed)).toBe(false);
  });

  it('does not throw at malformed input', () => {
    expect(verifier.verify('12D3KooW', message, signature)).toBe(false);
    expect(verifier.verify('no peer id', message, signature)).toBe(false);
    expect(verifier.verify('', message, signature)).toBe(false);
    expect(verifier.verify(signer.peerId, message, new Uint8Array(0))).toBe(false);
    expect(verifier.verify(signer.peerId, message, new Uint8Array(65))).toBe(false);
  });

  it('goes on with more peers than it keeps keys of', () => {
    for (let round = 0; round < 3; round += 1) {
      expect(verifier.verify(signer.peerId, message, signature)).toBe(true);
      expect(verifier.verify(other.peerId, message, other.sign(message))).toBe(true);
    }
  });
});
