import { describe, expect, it } from 'vitest';
import { createSigner, createVerifier } from '../identity/index.ts';
import type { Signer } from '../ports/index.ts';
import { canonicalBytes, nodeRecordKey, protocolLimits, signBody } from '../protocol/index.ts';
import { ClockWatch } from './clock-watch.ts';
import { PresenceDoor } from './presence-door.ts';
import { RecordDoor } from './record-door.ts';
import { ManualClock, signedLeave, signedPresence, signedRecord } from './testing.ts';

const alice = createSigner(new Uint8Array(32).fill(1));
const mallory = createSigner(new Uint8Array(32).fill(2));
const bob = createSigner(new Uint8Array(32).fill(3));
const carol = createSigner(new Uint8Array(32).fill(4));

function setUp() {
  const clock = new ManualClock();
  const verifier = createVerifier();
  const records = new RecordDoor({ clock, verifier, peersMax: 100 });
  const watch = new ClockWatch(clock, 100);
  const door = new PresenceDoor({ clock, verifier, records, watch, peersMax: 100 });
  const judge = (bytes: Uint8Array, from = alice.peerId, topic = 'a') => {
    const judged = door.judge(topic, bytes, from);
    if (judged.verdict === 'accept') return judged.news === null ? 'copy' : judged.news.kind;
    return `${judged.verdict}: ${judged.reason}`;
  };
  return { clock, watch, records, judge, now: clock.now() };
}

describe('PresenceDoor', () => {
  it('takes a heartbeat once, and its copies on the topics of other offers', () => {
    const { judge, now } = setUp();
    const beat = signedPresence(alice, now);
    expect(judge(beat)).toBe('presence');
    expect(judge(beat, alice.peerId, 'b')).toBe('copy');
    expect(judge(beat)).toBe('ignore: replay: the same message on the same topic');
    expect(judge(beat, alice.peerId, 'b')).toBe('ignore: replay: the same message on the same topic');
  });

  it('drops a replay of an older heartbeat', () => {
    const { judge, now } = setUp();
    const first = signedPresence(alice, now);
    expect(judge(first)).toBe('presence');
    expect(judge(signedPresence(alice, now + 1))).toBe('presence');
    expect(judge(first)).toBe(`ignore: replay: its time ${now} is not after ${now + 1}`);
  });

  it('forgives a clock that was set back when a new record comes with it', () => {
    const { judge, now } = setUp();
    expect(judge(signedPresence(alice, now))).toBe('presence');
    expect(judge(signedPresence(alice, now - 5000, { sequence: 2 }))).toBe('presence');
    expect(judge(signedPresence(alice, now + 1, { sequence: 1 }))).toBe('ignore: old sequence 1, 2 is known');
  });

  it('drops what is too far from its own time', () => {
    const { judge, now } = setUp();
    const skew = protocolLimits.clockSkewMsMax;
    expect(judge(signedPresence(alice, now + skew + 1))).toMatch(/^ignore: its time is 120001 ms off/);
    expect(judge(signedPresence(alice, now - skew - 1))).toMatch(/^ignore: its time is -120001 ms off/);
    expect(judge(signedPresence(alice, now - skew))).toBe('presence');
  });

  it('learns from what it drops that its own clock is wrong', async () => {
    const { clock, watch, judge, now } = setUp();
    const hour = 3_600_000;
    const beat = (signer: Signer, at: number) => judge(signedPresence(signer, at), signer.peerId);
    beat(alice, now + hour);
    // One peer may be the one that is wrong, and what is signed by another says nothing.
    const forged = {
      ...signBody(mallory, 'presence', { ...presenceOf(now + hour), peerId: bob.peerId }),
      by: bob.peerId,
    };
    expect(judge(canonicalBytes(forged), bob.peerId)).toMatch(/^reject: the signature/);
    expect(watch.fault()).toBeNull();
    expect(beat(bob, now + hour)).toMatch(/^ignore: its time is 3600000 ms off/);
    expect(watch.fault()).toBe(
      'clock: it is 60 min behind the clocks of 2 peers, which refuse what is more than 2 min off; set it by network time (timedatectl set-ntp true)',
    );
    // As many find it right: then those two may be wrong.
    beat(mallory, now);
    beat(carol, now);
    expect(watch.fault()).toBeNull();
    // A minute later nobody has said anything.
    await clock.advance(60_001);
    beat(alice, now - hour);
    expect(watch.fault()).toBeNull();
    beat(bob, now - hour);
    expect(watch.fault()).toMatch(/^clock: it is 61 min ahead of the clocks of 2 peers/);
    // Set right.
    clock.offsetMs = -hour - 60_001;
    await clock.advance(5_001);
    beat(alice, now - hour + 5_001);
    expect(watch.fault()).toBeNull();
  });

  it('rejects what another sends, what another signed, and what nobody signed', () => {
    const { judge, now } = setUp();
    expect(judge(signedPresence(alice, now), mallory.peerId)).toMatch(/^reject: sent by/);
    const forged = { ...signBody(mallory, 'presence', { ...presenceOf(now) }), by: alice.peerId };
    expect(judge(canonicalBytes(forged))).toMatch(/^reject: the signature does not verify/);
    expect(judge(canonicalBytes(signBody(mallory, 'presence', presenceOf(now))), mallory.peerId)).toMatch(
      /^reject: sent by/,
    );
    expect(judge(Uint8Array.of(0xff))).toBe('reject: not UTF-8');
    expect(judge(canonicalBytes({ x: 1 }))).toBe('reject: not a presence message');
    expect(judge(new Uint8Array(protocolLimits.gossipBytesMax + 1))).toMatch(/^reject: 65537 bytes/);
  });

  it('takes a tombstone, and not one from before the present record', () => {
    const { judge, records, now } = setUp();
    records.open(nodeRecordKey(alice.peerId), signedRecord(alice, now, { sequence: 5 }));
    expect(judge(signedLeave(alice, now, { sequence: 4 }))).toBe('ignore: old sequence 4, 5 is known');
    expect(judge(signedLeave(alice, now, { sequence: 6 }))).toBe('leave');
    expect(records.highest(alice.peerId)).toBe(6);
    expect(judge(signedLeave(alice, now), mallory.peerId)).toMatch(/^reject: sent by/);
  });

  it('takes no more than some heartbeats a second from one peer', async () => {
    const { clock, judge } = setUp();
    const burst = (count: number) =>
      Array.from({ length: count }, () => {
        clock.offsetMs++;
        return judge(signedPresence(alice, clock.now()));
      });
    expect(burst(12).filter((verdict) => verdict === 'presence')).toHaveLength(10);
    await clock.advance(1000);
    expect(burst(12).filter((verdict) => verdict === 'presence')).toHaveLength(4);
  });
});

function presenceOf(now: number) {
  return {
    v: 1,
    kind: 'presence',
    peerId: alice.peerId,
    at: now,
    sequence: 1,
    load: { running: 0, queued: 0, queueMax: 1 },
    nextMs: 1,
  };
}
