import { describe, expect, it } from 'vitest';
import { createSigner, createVerifier } from '../identity/index.ts';
import { canonicalBytes, nodeRecordKey, protocolLimits, signBody } from '../protocol/index.ts';
import { RecordDoor, RecordRefused } from './record-door.ts';
import { ManualClock, nodeRecord, offer, signedLeave, signedRecord } from './testing.ts';

const alice = createSigner(new Uint8Array(32).fill(1));
const mallory = createSigner(new Uint8Array(32).fill(2));
const key = nodeRecordKey(alice.peerId);

function setUp(peersMax = 100) {
  const clock = new ManualClock();
  const door = new RecordDoor({ clock, verifier: createVerifier(), peersMax });
  const refused = (value: Uint8Array, under = key): string => {
    try {
      door.open(under, value);
    } catch (error) {
      if (error instanceof RecordRefused) return `${error.code}: ${error.message}`;
      throw error;
    }
    return 'taken';
  };
  return { clock, door, refused, now: clock.now() };
}

describe('RecordDoor', () => {
  it('takes a record and its copies', () => {
    const { door, now } = setUp();
    const value = signedRecord(alice, now, { sequence: 5 });
    expect(door.open(key, value).body).toMatchObject({ kind: 'node', peerId: alice.peerId, sequence: 5 });
    expect(door.open(key, value).body.sequence).toBe(5);
    expect(door.highest(alice.peerId)).toBe(5);
  });

  it('refuses an old sequence, whatever has been stored since', () => {
    const { door, refused, now } = setUp();
    door.open(key, signedRecord(alice, now, { sequence: 5 }));
    expect(refused(signedRecord(alice, now, { sequence: 3 }))).toBe('old-sequence: old sequence 3, 5 is known');
    expect(refused(signedRecord(alice, now, { sequence: 6 }))).toBe('taken');
    expect(refused(signedRecord(alice, now, { sequence: 5 }))).toBe('old-sequence: old sequence 5, 6 is known');
  });

  it('refuses a second record with the same sequence', () => {
    const { door, refused, now } = setUp();
    door.open(key, signedRecord(alice, now, { sequence: 5 }));
    expect(refused(signedRecord(alice, now, { sequence: 5, agent: 'other' }))).toBe(
      'old-sequence: old sequence 5, another record with it is known',
    );
  });

  it('lets a tombstone win over the records before it, and a later record over the tombstone', () => {
    const { door, refused, now } = setUp();
    door.open(key, signedRecord(alice, now, { sequence: 5 }));
    expect(door.open(key, signedLeave(alice, now, { sequence: 6 })).body.kind).toBe('leave');
    expect(refused(signedRecord(alice, now, { sequence: 5 }))).toBe('old-sequence: old sequence 5, 6 is known');
    expect(refused(signedRecord(alice, now, { sequence: 7 }))).toBe('taken');
  });

  it('refuses what expired, beyond what clocks may differ', () => {
    const { clock, refused, now } = setUp();
    const value = signedRecord(alice, now, { expiresAt: now + 1000 });
    clock.offsetMs = 1000 + protocolLimits.clockSkewMsMax;
    expect(refused(value)).toBe('taken');
    clock.offsetMs += 1;
    expect(refused(value)).toBe(`expired: the record expired ${protocolLimits.clockSkewMsMax + 1} ms ago`);
  });

  it('refuses a record under another peer’s key', () => {
    const { refused, now } = setUp();
    const value = signedRecord(mallory, now);
    expect(refused(value)).toMatch(/^foreign-key: a record of .* lies under the key .* which is not its own$/);
    expect(refused(value, '/other/thing')).toBe('foreign-key: /other/thing is not the key of a node record');
  });

  it('refuses a record that another key signed', () => {
    const { refused, now } = setUp();
    const value = canonicalBytes(signBody(mallory, 'node-record', nodeRecord(alice.peerId, now)));
    expect(refused(value)).toMatch(/^foreign-key: a record of .* is signed by another key/);
  });

  it('refuses a wrong signature, and one of another domain', () => {
    const { door, refused, now } = setUp();
    const body = nodeRecord(alice.peerId, now);
    const forged = { ...signBody(mallory, 'node-record', body), by: alice.peerId };
    expect(refused(canonicalBytes(forged))).toBe(
      `bad-signature: the signature does not verify with the key of ${alice.peerId}`,
    );
    expect(refused(canonicalBytes(signBody(alice, 'presence', body)))).toMatch(/^bad-signature/);
    // Changed after signing.
    const signed = signBody(alice, 'node-record', body);
    expect(refused(canonicalBytes({ ...signed, body: { ...body, sequence: 9 } }))).toMatch(/^bad-signature/);
    expect(door.highest(alice.peerId)).toBe(0);
  });

  it('refuses more than 16 KiB before it reads any of it', () => {
    const { refused, now } = setUp();
    const value = signedRecord(alice, now, { offers: Array.from({ length: 60 }, () => offer) });
    expect(value.length).toBeGreaterThan(protocolLimits.recordBytesMax);
    expect(refused(value)).toBe(`too-large: a record of ${value.length} bytes; at most 16384 (recordBytesMax)`);
  });

  it('names what is malformed', () => {
    const { refused, now } = setUp();
    expect(refused(Uint8Array.of(0xff, 0xfe))).toBe('malformed: a record is JSON in UTF-8');
    expect(refused(canonicalBytes({ hello: 1 }))).toMatch(/^malformed: not a node record/);
    const { sequence: _, ...body } = nodeRecord(alice.peerId, now);
    expect(refused(canonicalBytes(signBody(alice, 'node-record', body)))).toMatch(/^malformed: .*body\.sequence/);
  });

  it('keeps a field of a later version under its signature', () => {
    const { door, now } = setUp();
    const body = { ...nodeRecord(alice.peerId, now), later: { a: 1 } };
    expect(door.open(key, canonicalBytes(signBody(alice, 'node-record', body))).body.sequence).toBe(1);
  });

  it('selects the highest sequence, whatever the order, and skips what it cannot read', () => {
    const { door, now } = setUp();
    const values = [
      Uint8Array.of(1),
      signedRecord(alice, now, { sequence: 3 }),
      signedLeave(alice, now, { sequence: 4 }),
      signedRecord(alice, now, { sequence: 4 }),
    ];
    expect(door.select(values)).toBe(2);
    expect(door.select([...values].reverse())).toBe(1);
    expect(door.select([Uint8Array.of(1)])).toBe(0);
  });

  it('remembers a bounded number of sequences, and the latest ones', () => {
    const { door, now } = setUp(3);
    const signers = [10, 11, 12, 13].map((seed) => createSigner(new Uint8Array(32).fill(seed)));
    for (const signer of signers) door.open(nodeRecordKey(signer.peerId), signedRecord(signer, now, { sequence: 5 }));
    expect(signers.map(({ peerId }) => door.highest(peerId))).toEqual([0, 5, 5, 5]);
  });
});
