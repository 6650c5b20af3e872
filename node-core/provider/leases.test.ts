import { describe, expect, it } from 'vitest';
import { type ReplicaId, replicaIdOf } from '../protocol/index.ts';
import { Chance } from '../simulation/chance.ts';
import { NodeClock, VirtualTime } from '../simulation/clock.ts';
import { KeyRing } from '../simulation/keys.ts';
import { Leases } from './leases.ts';

const { peerId } = new KeyRing().make(new Chance(1));
const [a, b] = [1, 2].map((attempt) => replicaIdOf(`${'0'.repeat(32)}.0`, attempt, peerId)) as [ReplicaId, ReplicaId];

function started() {
  const time = new VirtualTime();
  const ended: string[] = [];
  const leases = new Leases(new NodeClock(time), (replicaIds) => void ended.push(...replicaIds));
  const pass = (ms: number): void => {
    const until = time.elapsed + ms;
    while (time.step(until));
    time.skipTo(until);
  };
  return { time, leases, ended, pass };
}

describe('leases', () => {
  it('end when they were not renewed, also those from before the start', () => {
    const { leases, ended, pass } = started();
    leases.watch(a, 2_000);
    leases.start();
    leases.watch(b, 2_000);
    pass(1_500);
    leases.watch(b, 2_000);
    pass(1_500);
    expect(ended).toEqual([a]);
    pass(1_000);
    expect(ended).toEqual([a, b]);
  });

  it('wake nobody who has no work', () => {
    const { time, leases, ended, pass } = started();
    leases.start();
    pass(60_000);
    expect(time.steps).toBe(0);
    leases.watch(a, 1_000);
    pass(60_000);
    expect([ended, time.steps]).toEqual([[a], 2]);
    leases.watch(b, 1_000);
    leases.stop();
    pass(60_000);
    expect(ended).toEqual([a]);
  });
});
