import { describe, expect, it } from 'vitest';
import type { PeerId, ReplicaId } from '../protocol/index.ts';
import { Chance } from '../simulation/chance.ts';
import { NodeClock, VirtualTime } from '../simulation/clock.ts';
import { KeyRing } from '../simulation/keys.ts';
import { Liveness } from './liveness.ts';

const { peerId } = new KeyRing().make(new Chance(1));

/** One job at most, with one provider that says nothing. */
function watched() {
  const time = new VirtualTime();
  let isIdle = true;
  let active = new Map<PeerId, ReplicaId[]>();
  let seenAt: number | null = null;
  let rounds = 0;
  const messenger = { onHeard() {}, onDown() {}, request: () => new Promise<never>(() => {}), channelOf: () => null };
  const liveness = new Liveness({
    messenger,
    clock: new NodeClock(time),
    log: { debug() {}, info() {}, warn() {}, error() {} },
    renewMs: 1_000,
    suspectMs: 5_000,
    isIdle: () => isIdle,
    active: () => active,
    lastSeenAt: () => seenAt,
    onState() {},
    onRound: () => void rounds++,
  });
  return {
    time,
    liveness,
    rounds: () => rounds,
    begin() {
      isIdle = false;
      active = new Map([[peerId, []]]);
      liveness.wake();
      liveness.expect(peerId);
    },
    end() {
      isIdle = true;
      active = new Map();
    },
    seen(at: number) {
      seenAt = at;
    },
    pass(ms: number): void {
      const until = time.elapsed + ms;
      while (time.step(until));
      time.skipTo(until);
    },
  };
}

describe('the failure detector', () => {
  it('wakes nobody without a job', () => {
    const { time, liveness, pass } = watched();
    liveness.start();
    pass(60_000);
    expect(time.steps).toBe(0);
  });

  it('goes round while a job runs, whenever it began, and once more after its end', () => {
    const w = watched();
    w.liveness.start();
    w.begin();
    w.pass(3_500);
    expect(w.rounds()).toBe(3);
    w.end();
    w.pass(60_000);
    expect(w.rounds()).toBe(4);
    w.begin();
    w.pass(3_500);
    expect(w.rounds()).toBe(7);
  });

  it('goes on doubting who fell silent when the next job begins, unless it was seen since', () => {
    const w = watched();
    w.seen(0);
    w.liveness.start();
    w.begin();
    w.pass(7_500);
    expect(w.liveness.isSuspect(peerId)).toBe(true);
    w.end();
    w.pass(60_000);
    expect(w.liveness.isSuspect(peerId)).toBe(true);
    w.begin();
    expect(w.liveness.isSuspect(peerId)).toBe(true);
    w.end();
    w.pass(60_000);
    w.seen(Number.MAX_SAFE_INTEGER);
    w.begin();
    expect(w.liveness.isSuspect(peerId)).toBe(false);
  });
});
