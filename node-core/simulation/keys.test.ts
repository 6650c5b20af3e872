import { expect, it } from 'vitest';
import { isSigned, signBody } from '../protocol/index.ts';
import { Chance } from './chance.ts';
import { KeyRing } from './keys.ts';

it('a signature of the simulator is checked, and nobody but its owner can make it', () => {
  const keys = new KeyRing();
  const chance = new Chance(1);
  const [ada, bob] = [keys.make(chance), keys.make(chance)];
  const bytes = chance.bytes(100);
  const signature = ada.sign(bytes);
  expect(keys.verify(ada.peerId, bytes, signature)).toBe(true);
  expect(keys.verify(bob.peerId, bytes, signature)).toBe(false);
  expect(keys.verify(ada.peerId, bytes, bob.sign(bytes))).toBe(false);
  for (let i = 0; i < bytes.length; i++) {
    const other = bytes.slice();
    other[i] = (other[i] ?? 0) ^ 1;
    expect(keys.verify(ada.peerId, other, signature), `byte ${i}`).toBe(false);
  }
  expect(keys.verify(ada.peerId, bytes.slice(1), signature)).toBe(false);
  expect(keys.verify(ada.peerId, bytes, signature.slice(1))).toBe(false);
  const signed = signBody(ada, 'leave', { n: 1 });
  expect(isSigned(keys, 'leave', signed)).toBe(true);
  expect(isSigned(keys, 'presence', signed)).toBe(false);
  expect(isSigned(keys, 'leave', { ...signed, by: bob.peerId })).toBe(false);
});
