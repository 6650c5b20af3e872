import { describe, expect, it } from 'vitest';
import { peerIdOf } from '../protocol/index.ts';
import { Turns } from './turns.ts';

const here = peerIdOf(new Uint8Array(32).fill(1));
const there = peerIdOf(new Uint8Array(32).fill(2));

/** Jobs with shards out here, by name. */
function jobs(...entries: Array<[name: string, priority: number, inFlight: number]>) {
  const turns = new Turns();
  const woken: string[] = [];
  for (const [name, priority, inFlight] of entries) {
    turns.enter(name, priority, () => woken.push(name));
    turns.looks(name, new Map([[here, inFlight]]));
  }
  return { turns, woken };
}

describe('turns', () => {
  it('leave a place, and its price, to a job with fewer shards there that found no room', () => {
    const { turns } = jobs(['large', 5, 2], ['small', 5, 0]);
    expect(turns.at(here)).toBe(2);
    expect(turns.claimsBefore('large', here).places).toBe(0);
    turns.denied('small', here, '700');
    expect(turns.claimsBefore('large', here)).toEqual({ places: 1, priceMicro: '700' });
    expect(turns.claimsBefore('large', there).places).toBe(0);
    expect(turns.claimsBefore('small', here).places).toBe(0);
    // When it looks again it says anew where there is no room.
    turns.looks('small', new Map([[here, 1]]));
    expect(turns.claimsBefore('large', here).places).toBe(0);
  });

  it('weigh priorities against shards, and let nobody starve', () => {
    const { turns } = jobs(['usual', 5, 2], ['urgent', 7, 3], ['even', 5, 2], ['least', 0, 0]);
    for (const name of ['usual', 'urgent', 'even', 'least']) turns.denied(name, here, '1');
    // Urgent (7 − 3) comes before usual and even (5 − 2), which wait for each other not at all; least has nothing yet.
    expect(turns.claimsBefore('usual', here).places).toBe(2);
    expect(turns.claimsBefore('urgent', here).places).toBe(1);
    expect(turns.claimsBefore('least', here).places).toBe(0);
  });

  it('wake who waits for a place when one with a worse claim gives one back', () => {
    const { turns, woken } = jobs(['large', 5, 2], ['small', 5, 0], ['other', 5, 0]);
    turns.denied('small', here, '1');
    turns.looks('large', new Map([[here, 1]]));
    expect(woken).toEqual(['small']);
    turns.leave('large');
    expect(woken).toEqual(['small', 'small']);
    expect(turns.at(here)).toBe(0);
  });
});
