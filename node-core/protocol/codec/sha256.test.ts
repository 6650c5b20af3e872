import { afterEach, describe, expect, it, vi } from 'vitest';
import { sha256Hex } from './sha256.ts';

afterEach(() => {
  vi.unstubAllGlobals();
  vi.resetModules();
});

describe('SHA-256', () => {
  it('is the published one, of bytes and of a text in UTF-8', () => {
    // FIPS 180-4, example “abc”.
    const abc = 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad';
    expect(sha256Hex('abc')).toBe(abc);
    expect(sha256Hex(new Uint8Array([0x61, 0x62, 0x63]))).toBe(abc);
  });

  it('is the same where there is no Node', async () => {
    vi.stubGlobal('process', undefined);
    vi.resetModules();
    const { sha256Hex: computed } = await import('./sha256.ts');
    expect(computed).not.toBe(sha256Hex);
    for (const text of ['', 'abc', 'é€😀', 'x'.repeat(1_000)]) {
      expect(computed(text)).toBe(sha256Hex(text));
      expect(computed(new TextEncoder().encode(text))).toBe(sha256Hex(text));
    }
  });
});
