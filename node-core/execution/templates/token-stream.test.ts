import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { TokenStream } from '../../../resources/templates/lib/token-stream.mjs';

/** The design's bound on how long a token may be held back to go out with others. */
const gatherMsMax = 25;

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

describe('TokenStream', () => {
  const written: Array<{ at: number; index: number; tokens: readonly number[]; text: string }> = [];
  const stream = () => {
    written.length = 0;
    return new TokenStream(async (piece) => {
      written.push({ at: performance.now(), ...piece });
    });
  };

  it('lets the first token out at once', async () => {
    const startedAt = performance.now();
    await stream().push(0, 7, 'a');
    expect(written).toEqual([{ at: startedAt, index: 0, tokens: [7], text: 'a' }]);
  });

  it.each([1, 4, 9, 24, 40])('lets none wait for more than 25 ms when one comes every %i ms', async (everyMs) => {
    const tokens = stream();
    const pushedAt: number[] = [];
    for (let index = 0; index < 50; index += 1) {
      pushedAt.push(performance.now());
      await tokens.push(index, index, 'x');
      await vi.advanceTimersByTimeAsync(everyMs);
    }
    await vi.advanceTimersByTimeAsync(gatherMsMax);
    expect(written.flatMap((piece) => piece.tokens)).toEqual(pushedAt.map((_, index) => index));
    for (const { at, tokens: gathered } of written) {
      for (const index of gathered) expect(at - (pushedAt[index] ?? 0)).toBeLessThanOrEqual(gatherMsMax);
    }
  });

  it('gathers those of the same moment, sixteen at most, and leaves no timer behind', async () => {
    const tokens = stream();
    for (let index = 0; index < 20; index += 1) await tokens.push(index, index, '');
    expect(written.map((piece) => piece.tokens.length)).toEqual([1, 16]);
    await tokens.flush();
    expect(written.at(-1)).toMatchObject({ index: 17, tokens: [17, 18, 19] });
    expect(vi.getTimerCount()).toBe(0);
  });

  it('holds back whoever makes tokens while the pipe is full', async () => {
    let drain = (): void => {};
    const full = new TokenStream(() => new Promise<void>((resolve) => (drain = resolve)));
    let isFree = false;
    const pushed = full.push(0, 1, 'a').then(() => {
      isFree = true;
    });
    await vi.advanceTimersByTimeAsync(1000);
    expect(isFree).toBe(false);
    drain();
    await pushed;
    expect(isFree).toBe(true);
  });
});
