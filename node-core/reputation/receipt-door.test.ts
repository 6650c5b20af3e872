import { beforeEach, describe, expect, it } from 'vitest';
import { createSigner, createVerifier } from '../identity/index.ts';
import type { Journal, View } from '../journal/index.ts';
import { Disk, MemoryStore, silent, TestClock, testJournal } from '../payment/testing.ts';
import { canonicalBytes, type Receipt, receiptsTopic } from '../protocol/index.ts';
import { type Memory, memoryProjection } from './projection.ts';
import { ReceiptDoor } from './receipt-door.ts';
import { dayMs } from './scores.ts';
import { type Testimony, testimonyProjection } from './testimony.ts';
import { goodReceipt, minorityReceipt, proofReceipt, seedOf, template, testConfig, wrapped } from './testing.ts';
import type { ReputationConfig } from './types.ts';

const signerOf = (n: number) => createSigner(seedOf(n));
const verifier = createVerifier();
const [self, bob, carol, dave, eve] = [signerOf(1), signerOf(2), signerOf(3), signerOf(4), signerOf(5)];
const topic = receiptsTopic(template);

interface Running {
  readonly door: ReceiptDoor;
  readonly journal: Journal;
  readonly clock: TestClock;
  readonly disk: Disk;
  readonly testimony: View<Testimony>;
}

async function boot(change: Partial<ReputationConfig> = {}, disk = new Disk()): Promise<Running> {
  const config = testConfig(change);
  const clock = new TestClock();
  clock.advance(20_000 * dayMs);
  const journal = testJournal(new MemoryStore(disk), clock, self, verifier);
  const memory: View<Memory> = journal.register(memoryProjection(self.peerId));
  const testimony = journal.register(testimonyProjection(config));
  await journal.open();
  const door = new ReceiptDoor({
    journal,
    memory,
    testimony,
    self: self.peerId,
    clock,
    verifier,
    log: silent,
    config,
  });
  return { door, journal, clock, disk, testimony };
}

let node: Running;
const batch = (...receipts: Receipt[]) => canonicalBytes({ v: 1, receipts });
const now = () => node.clock.now();
const good = (n: number, client = carol, provider = bob, at = now()) => goodReceipt({ client, provider, n, at });
const count = ({ testimony } = node) => Object.values(testimony.state.about).flat().length;

beforeEach(async () => {
  node = await boot();
});

describe('a batch', () => {
  it('is taken and spread when all of it convinces', () => {
    expect(node.door.judge(topic, batch(good(1), good(2)), carol.peerId)).toBe('accept');
    expect(count()).toBe(2);
  });

  it('that brings nothing new is dropped, whichever way it was known', () => {
    expect(node.door.admit(good(1), eve.peerId)).toBe('taken');
    expect(node.door.judge(topic, batch(good(1)), carol.peerId)).toBe('ignore');
    expect(node.door.judge(topic, batch(good(1), good(2)), carol.peerId)).toBe('accept');
    expect(count()).toBe(2);
  });

  it.each<[string, () => Uint8Array]>([
    ['no JSON', () => new Uint8Array([1, 2, 3])],
    ['no batch', () => canonicalBytes({ v: 1, receipts: [] })],
    ['too many', () => batch(...Array.from({ length: 17 }, (_, n) => good(n)))],
    [
      'too many bytes',
      () => batch(minorityReceipt({ client: carol, provider: bob, n: 1, at: now() }, [dave, eve], 400)),
    ],
    ['a receipt of somebody else', () => batch(good(1), good(2, dave))],
    ['a signature of somebody else', () => batch({ ...good(1), clientSignature: good(2).clientSignature })],
    ['no countersignature', () => batch({ ...good(1), providerSignature: null })],
    [
      'an accusation without evidence',
      () => batch(minorityReceipt({ client: carol, provider: bob, n: 1, at: now() }, [dave])),
    ],
  ])('with %s is refused, and counts nothing', (_, message) => {
    expect(node.door.judge(topic, message(), carol.peerId)).toBe('reject');
    expect(count()).toBe(0);
  });

  it('about another template than the topic’s is refused', () => {
    const other = receiptsTopic(`b${'c'.repeat(58)}`);
    expect(node.door.judge(other, batch(good(1)), carol.peerId)).toBe('reject');
  });

  it('over the rate of its author is dropped unread, and others are heard', () => {
    for (let n = 0; n < 6; n++) expect(node.door.judge(topic, batch(good(n)), carol.peerId)).toBe('accept');
    expect(node.door.judge(topic, batch(good(9)), carol.peerId)).toBe('ignore');
    expect(node.door.judge(topic, batch(good(9, dave)), dave.peerId)).toBe('accept');
    node.clock.advance(60_000);
    expect(node.door.judge(topic, batch(good(9)), carol.peerId)).toBe('accept');
  });
});

describe('a receipt', () => {
  it('about own work, from the future, too old, or not meant for others is not taken', () => {
    const { door } = node;
    expect(door.admit(good(1, self), carol.peerId)).toBe('not-taken');
    expect(door.admit(good(2, carol, self), carol.peerId)).toBe('not-taken');
    expect(door.admit(good(3, carol, bob, now() + 3 * 60_000), carol.peerId)).toBe('not-taken');
    expect(door.admit(good(4, carol, bob, now() - 121 * dayMs), carol.peerId)).toBe('not-taken');
    const secret = goodReceipt({ client: carol, provider: bob, n: 5, at: now(), shared: false });
    expect(door.admit(secret, carol.peerId)).toBe('not-taken');
    expect(count()).toBe(0);
  });

  it('for the same work, signed anew by the same client, is not taken', () => {
    expect(node.door.admit(good(1), carol.peerId)).toBe('taken');
    expect(node.door.admit(good(1, carol, bob, now() - 1), carol.peerId)).toBe('not-taken');
  });

  it('that repeats own experience under another name is not taken', async () => {
    const proof = proofReceipt({ client: self, provider: bob, n: 1, at: now() });
    await node.journal.commit([{ type: 'receipt.stored', receipt: proof }]);
    expect(node.door.admit(wrapped(proof, eve), eve.peerId)).toBe('not-taken');
  });

  it('is a stranger’s until somebody who vouches for it has done good work here', async () => {
    const stranger = ({ disk }: Running) =>
      disk.entries.flatMap(({ event }) => (event.type === 'receipt.heard' ? [event.stranger] : []));
    node.door.admit(good(1), carol.peerId);
    await node.journal.commit([
      { type: 'receipt.stored', receipt: goodReceipt({ client: self, provider: dave, n: 50, at: now() }) },
    ]);
    node.door.admit(good(2, dave), dave.peerId);
    node.door.admit(minorityReceipt({ client: carol, provider: bob, n: 3, at: now() }, [dave, eve]), carol.peerId);
    node.door.admit(
      minorityReceipt({ client: carol, provider: bob, n: 4, at: now() }, [signerOf(9), eve]),
      carol.peerId,
    );
    await node.journal.settled();
    expect(stranger(node)).toEqual([true, false, false, true]);
  });
});

describe('what is kept', () => {
  const clients = Array.from({ length: 30 }, (_, n) => signerOf(100 + n));

  it('is bounded per signer, per provider, and in all; strangers’ fill half of it', async () => {
    node = await boot({ receiptsMax: 40, receiptsPerSignerMax: 5, receiptsPerProviderMax: 10 });
    for (let n = 0; n < 12; n++) node.door.admit(good(n, carol, signerOf(200 + n), now() + n), carol.peerId);
    expect(count()).toBe(5);
    for (const [n, client] of clients.entries()) node.door.admit(good(n, client, bob, now() + n), client.peerId);
    expect(node.testimony.state.about[bob.peerId]).toHaveLength(10);
    for (const [n, client] of clients.entries())
      node.door.admit(good(n, client, signerOf(300 + n), now() + 100 + n), client.peerId);
    expect(count()).toBe(20);
    // The newest are kept, and an older one is not taken any more.
    const left = Object.values(node.testimony.state.about).flat();
    expect(Math.min(...left.map(({ at }) => at))).toBe(now() + 110);
    expect(node.door.admit(good(1, dave, signerOf(400), now() + 90), dave.peerId)).toBe('not-taken');
  });

  it('is written to the log only so much a day, of one signer, of strangers, and in all', async () => {
    const day = async (change: Partial<ReputationConfig>, clientOf: (n: number) => typeof carol): Promise<number> => {
      node = await boot(change);
      for (let n = 0; n < 30; n++) node.door.admit(good(n, clientOf(n)), carol.peerId);
      const first = count();
      node.clock.advance(dayMs);
      node.door.admit(good(99, carol), carol.peerId);
      expect(count()).toBe(first + 1);
      return first;
    };
    expect(await day({ bytesPerSignerPerDayMax: 10_000 }, () => carol)).toBeLessThan(15);
    expect(await day({ bytesPerDayMax: 20_000 }, (n) => clients[n] ?? carol)).toBeLessThan(15);
  });

  it('is the same after a restart, with and without the snapshot', async () => {
    node = await boot({ receiptsMax: 16 });
    const { disk, journal } = node;
    for (const [n, client] of clients.entries())
      node.door.admit(good(n, client, signerOf(300 + (n % 4))), client.peerId);
    await journal.settled();
    expect(disk.snapshot).not.toBe(null);
    for (const snapshot of [disk.snapshot, null]) {
      const copy = disk.copy();
      copy.snapshot = snapshot;
      const again = await boot({ receiptsMax: 16 }, copy);
      expect(again.journal.stateText()).toBe(journal.stateText());
    }
  });
});
