/** PAYMENTS section 7 (12): k Sybils cost a provider at most the cap, however they behave. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { addUnpaid, minuteOf, roomForStranger, takeUnpaid, type UnpaidByMinute } from './strangers.ts';

const cap = 100n;
const minuteMs = 60_000;
const hourMs = 60 * minuteMs;

/** Clients by number. */
class Desk {
  readonly unpaid: UnpaidByMinute = {};
  readonly settled = new Map<string, bigint>();
  readonly taken: Array<{ client: string; at: number; price: bigint }> = [];
  now = 5_000_000;

  room(client: string, price: bigint) {
    const view = {
      unpaid: this.unpaid,
      settledMicro: (peer: string) => String(this.settled.get(peer) ?? 0n),
      inFlightMicro: () => '0',
    };
    return roomForStranger({ strangersPerHourMicro: String(cap) }, view, client, String(price), this.now);
  }

  take(client: string, price: bigint): boolean {
    if (!this.room(client, price).ok) return false;
    addUnpaid(this.unpaid, client, minuteOf(this.now), String(price));
    this.taken.push({ client, at: this.now, price });
    return true;
  }

  /** The oldest that it has taken. */
  end(client: string, isPaid: boolean): void {
    const index = this.taken.findIndex((work) => work.client === client);
    const [work] = index < 0 ? [] : this.taken.splice(index, 1);
    if (work === undefined) return;
    takeUnpaid(this.unpaid, client, minuteOf(work.at), String(work.price));
    if (isPaid) this.settled.set(client, (this.settled.get(client) ?? 0n) + work.price);
  }

  /** What clients took in the last hour, beyond what each has settled. */
  get lost(): bigint {
    const clients = new Set(this.taken.map(({ client }) => client));
    let lost = 0n;
    for (const client of clients) {
      const recent = this.taken.filter((work) => work.client === client && this.now - work.at < hourMs);
      const beyond = recent.reduce((sum, { price }) => sum + price, 0n) - (this.settled.get(client) ?? 0n);
      if (beyond > 0n) lost += beyond;
    }
    return lost;
  }
}

const client = fc.nat({ max: 6 }).map((n) => `client-${n}`);
const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ do: fc.constant('take' as const), client, price: fc.bigInt({ min: 1n, max: 60n }) }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('pay' as const), client }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('hand back' as const), client }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.nat({ max: 50 * minuteMs }) }) },
);

describe('strangers', () => {
  it('never take more in an hour than their cap, and are served when they come back as told', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120, size: 'max' }), (steps) => {
        const desk = new Desk();
        for (const action of steps) {
          if (action.do === 'take') desk.take(action.client, action.price);
          if (action.do === 'pay') desk.end(action.client, true);
          if (action.do === 'hand back') desk.end(action.client, false);
          if (action.do === 'wait') desk.now += action.ms;
          expect(desk.lost <= cap).toBe(true);
        }
        const room = desk.room('newcomer', 60n);
        if (room.ok) return;
        desk.now += room.retryAfterMs;
        expect(desk.take('newcomer', 60n)).toBe(true);
      }),
      { numRuns: 300 },
    );
  });

  it('are those who have settled less than they owe', () => {
    const desk = new Desk();
    expect(desk.take('a', 60n)).toBe(true);
    expect(desk.take('b', 60n)).toBe(false);
    desk.end('a', true);
    expect(desk.take('b', 60n)).toBe(true);
    // What it has settled, it may owe besides the strangers; beyond that it is one of them.
    expect(desk.take('a', 60n)).toBe(true);
    expect(desk.take('a', 41n)).toBe(false);
    expect(desk.take('a', 40n)).toBe(true);
  });

  it('are forgotten after an hour', () => {
    const desk = new Desk();
    for (let i = 0; i < 5; i++) {
      expect(desk.take(`sybil-${i}`, 100n)).toBe(true);
      desk.now += 62 * minuteMs;
    }
    expect(Object.keys(desk.unpaid)).toHaveLength(1);
  });

  it('are told to wait for the whole hour by a cap below one shard', () => {
    expect(new Desk().room('a', 101n)).toEqual({ ok: false, retryAfterMs: hourMs });
  });
});
