import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Base64Url } from '../primitives.ts';
import { fromBase64Url, toBase64Url } from './base64url.ts';

describe('base64url', () => {
  it('is that of RFC 4648 without padding', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
        const text = toBase64Url(bytes);
        expect(text).toBe(Buffer.from(bytes).toString('base64url'));
        expect(Base64Url.safeParse(text).success).toBe(true);
        expect(Buffer.from(fromBase64Url(text)).equals(bytes)).toBe(true);
      }),
    );
  });

  it('has one text for each value: unused bits are zero, or a signature would have several spellings', () => {
    expect([...fromBase64Url('AA')]).toEqual([0]);
    expect(() => fromBase64Url('AB')).toThrow();
  });
});
