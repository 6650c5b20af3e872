import { beforeEach, describe, expect, it } from 'vitest';
import { createSigner, createVerifier } from '../identity/index.ts';
import type { Journal } from '../journal/index.ts';
import {
  Disk,
  type Mailbox,
  MemoryStore,
  type Parcel,
  silent,
  TestClock,
  testJournal,
  Wire,
} from '../payment/testing.ts';
import type { Signer } from '../ports/index.ts';
import {
  commitmentDigest,
  hashOf,
  itemHashesOf,
  outputsHashOf,
  type Receipt,
  receiptFault,
  replicaIdOf,
  shardIdOf,
  signBody,
} from '../protocol/index.ts';
import { jobIdOf } from '../store/testing.ts';
import { knownHash, memoryProjection, recentMax } from './projection.ts';
import { type BadWork, type GoodWork, Reputation } from './reputation.ts';
import { testConfig } from './testing.ts';

const verifier = createVerifier();
const signerOf = (n: number): Signer => createSigner(new Uint8Array(32).fill(n));
const [alice, bob, carol, dave, eve] = [signerOf(1), signerOf(2), signerOf(3), signerOf(4), signerOf(5)];
const jobId = jobIdOf(1);
const template = `b${'a'.repeat(58)}`;
const shardId = shardIdOf(jobId, 0);
const digest = 'd'.repeat(64);

const goodWork = (n: number, more: Partial<GoodWork> = {}): GoodWork => ({
  provider: bob.peerId,
  jobId,
  shardId: shardIdOf(jobId, n),
  replicaId: replicaIdOf(shardIdOf(jobId, n), 1, bob.peerId),
  template,
  model: null,
  items: 2,
  priceMicro: '1200',
  check: { type: 'replicate', copies: 2, quorum: 2, agreed: 2 },
  digest,
  ...more,
});

/** What a provider committed to and showed. */
function copyOf(signer: Signer, outputs: string[], shown = outputs) {
  const subject = { jobId, shardId, replicaId: replicaIdOf(shardId, 1, signer.peerId), peerId: signer.peerId };
  const salt = 'c2FsdHNhbHRzYWx0c2Fsdw';
  const hashes = (of: string[]) => itemHashesOf('aXRlbXNhbHQ', of);
  const committed = commitmentDigest(subject, outputsHashOf(hashes(outputs)), salt);
  return {
    commitment: signBody(signer, 'commitment', {
      v: 1 as const,
      ...subject,
      taskHash: hashOf('the task'),
      digest: committed,
      at: 1,
    }),
    opening: {
      reveal: signBody(signer, 'reveal', {
        v: 1 as const,
        replicaId: subject.replicaId,
        digest: committed,
        outputsHash: outputsHashOf(hashes(shown)),
        salt,
      }),
      itemHashes: hashes(shown),
    },
  };
}

const badWork = (more: Partial<BadWork> = {}): BadWork => ({
  provider: bob.peerId,
  jobId,
  shardId,
  replicaId: replicaIdOf(shardId, 1, bob.peerId),
  template,
  model: null,
  items: 2,
  reason: 'minority',
  itemsWrong: 1,
  evidence: {
    accused: copyOf(bob, ['a', 'x']),
    quorum: [copyOf(carol, ['a', 'b']), copyOf(dave, ['a', 'b'])],
  },
  ...more,
});

interface Running {
  readonly reputation: Reputation;
  readonly journal: Journal;
  readonly clock: TestClock;
  readonly mail: Mailbox;
  readonly disk: Disk;
}

async function boot(signer: Signer, wire: Wire, disk = new Disk(), gossip = true): Promise<Running> {
  const clock = new TestClock();
  const mail = wire.attach(signer.peerId, clock);
  const store = new MemoryStore(disk);
  const journal = testJournal(store, clock, signer, verifier);
  const reputation = new Reputation({
    journal,
    messenger: mail,
    network: {
      publish: async (_topic, message) => {
        published.push(message);
      },
      subscribe() {},
    },
    history: store.history,
    signer,
    verifier,
    clock,
    random: { fraction: () => 0.5, bytes: (count) => new Uint8Array(count) },
    log: silent,
    config: testConfig({ gossip }),
  });
  await journal.open();
  return { reputation, journal, clock, mail, disk };
}

const receiptsOn = (disk: Disk): Receipt[] =>
  disk.entries.flatMap(({ event }) => (event.type === 'receipt.stored' ? [event.receipt] : []));

/** What anybody gossiped. */
let published: Uint8Array[];
let wire: Wire;
let sent: Parcel[];
let client: Running;
let provider: Running;

beforeEach(async () => {
  published = [];
  wire = new Wire();
  sent = [];
  wire.onSend = (parcel) => sent.push(parcel);
  client = await boot(alice, wire);
  provider = await boot(bob, wire);
  provider.reputation.isOurWork = (body) => body.kind === 'good' && body.digest === digest;
});

/** Sends a receipt past the client's own room; the answer's type, or why it was refused. */
async function present(receipt: Receipt, from: Signer = alice): Promise<string> {
  const mail = wire.attach(from.peerId, new TestClock());
  const answered = mail.request(bob.peerId, { type: 'receipt', body: { receipt } }, ['receipt']).then(
    (answer) => answer.type,
    (error: Error) => error.message,
  );
  await wire.drain();
  return await answered;
}

function receiptOf(n: number, by = alice, more: Partial<GoodWork> = {}): Receipt {
  const body = { v: 1 as const, kind: 'good' as const, client: alice.peerId, at: 5, ...goodWork(n, more) };
  return { body, clientSignature: signBody(by, 'receipt', body).signature, providerSignature: null };
}

describe('a good receipt', () => {
  it('is signed by both, stored by both, and raises the score', async () => {
    const asked = client.reputation.good(goodWork(0));
    await wire.drain();
    await asked;
    for (const { disk } of [client, provider]) {
      const [receipt] = receiptsOn(disk);
      expect(receipt && receiptFault(verifier, receipt)).toBe(null);
    }
    expect(client.reputation.scoreOf(bob.peerId)).toEqual({ score: 3 / 5, good: 1, bad: 0, noted: 0, receipts: 1 });
    // The provider learns nothing about the client's work from it.
    expect(provider.reputation.scoreOf(alice.peerId)).toEqual({ score: 0.5, good: 0, bad: 0, noted: 0, receipts: 1 });
  });

  it('is asked for once per replica', async () => {
    for (let i = 0; i < 3; i++) {
      const asked = client.reputation.good(goodWork(0));
      await wire.drain();
      await asked;
    }
    expect(receiptsOn(client.disk)).toHaveLength(1);
    expect(receiptsOn(provider.disk)).toHaveLength(1);
    expect(sent).toHaveLength(2);
  });

  it('is asked for again once when the provider comes back', async () => {
    const asked = client.reputation.good(goodWork(0));
    for (let i = 0; i < 3; i++) {
      wire.parcels = [];
      client.clock.advance(20_000);
      await Promise.resolve();
    }
    await asked;
    wire.connect(alice.peerId, bob.peerId);
    await wire.drain();
    expect(receiptsOn(client.disk)).toHaveLength(1);
    wire.connect(alice.peerId, bob.peerId);
    await wire.drain();
    expect(sent).toHaveLength(3);
  });

  it('is stored when its countersignature comes late', async () => {
    const asked = client.reputation.good(goodWork(0));
    await Promise.resolve();
    const [question] = wire.parcels.splice(0);
    if (question === undefined) throw new Error('nothing was asked');
    client.clock.advance(20_000);
    await asked;
    wire.deliver(question);
    await wire.drain();
    expect(receiptsOn(client.disk)).toHaveLength(1);
  });

  it('is not made for the own work, nor when the provider refuses', async () => {
    await client.reputation.good(goodWork(0, { provider: alice.peerId }));
    expect(sent).toHaveLength(0);
    const asked = client.reputation.good(goodWork(0, { digest: 'e'.repeat(64) }));
    await wire.drain();
    await asked;
    wire.connect(alice.peerId, bob.peerId);
    await wire.drain();
    expect(sent).toHaveLength(2);
    expect(receiptsOn(client.disk)).toEqual([]);
    expect(client.reputation.scoreOf(bob.peerId).score).toBe(0.5);
  });

  it('is countersigned for the client that did it, and as often as it asks', async () => {
    expect(await present(receiptOf(0))).toBe('receipt');
    expect(await present(receiptOf(0))).toBe('receipt');
    expect(receiptsOn(provider.disk)).toHaveLength(1);
  });

  it('is not countersigned', async () => {
    expect(await present(receiptOf(0, eve)), 'when another signed it').toMatch('does not verify');
    expect(await present(receiptOf(0), eve), 'when another sends it').toMatch('exchanged between');
    expect(await present(receiptOf(0, alice, { digest: 'e'.repeat(64) })), 'for other work').toMatch('no such work');
    expect(await present(receiptOf(0))).toBe('receipt');
    expect(await present(receiptOf(0, alice, { priceMicro: '1' })), 'twice for one work').toMatch('another receipt');
    const bad: Receipt = { ...receiptOf(1), body: { v: 1, kind: 'bad', client: alice.peerId, at: 5, ...badWork() } };
    expect(await present(bad), 'when it is bad').toMatch('only good receipts');
  });

  it('is not stored when the provider forges or changes it', async () => {
    const own = receiptOf(0);
    const send = async (receipt: Receipt) => {
      const mail = wire.attach(bob.peerId, new TestClock());
      await mail.send(alice.peerId, { type: 'receipt', body: { receipt } });
      await wire.drain();
    };
    await send(own);
    await send({ ...own, providerSignature: signBody(eve, 'receipt', own.body).signature });
    const richer = { ...receiptOf(1).body, items: 900 };
    await send({ ...own, body: richer, providerSignature: signBody(bob, 'receipt', richer).signature });
    expect(receiptsOn(client.disk)).toEqual([]);
    await send({ ...own, providerSignature: signBody(bob, 'receipt', own.body).signature });
    expect(receiptsOn(client.disk)).toHaveLength(1);
  });
});

describe('a bad receipt', () => {
  it('comes with the penalty and its evidence, and costs more than ten good ones give', async () => {
    const events = client.reputation.bad(badWork(), 'one item differs');
    expect(events.map(({ type }) => type)).toEqual(['receipt.stored', 'peer.penalised']);
    await client.journal.commit(events);
    const [receipt] = receiptsOn(client.disk);
    expect(receipt && receiptFault(verifier, receipt)).toBe(null);
    expect(client.reputation.scoreOf(bob.peerId)).toMatchObject({ bad: 1, good: 0 });
    expect(client.reputation.scoreOf(bob.peerId).score).toBeLessThan(0.15);
    expect(client.reputation.bad(badWork(), 'again')).toEqual([]);
  });

  it('is made of a reveal that does not open its commitment', () => {
    const evidence = { accused: copyOf(bob, ['a', 'b'], ['a', 'c']), quorum: [] };
    const events = client.reputation.bad(badWork({ reason: 'reveal-mismatch', itemsWrong: 0, evidence }), 'mismatch');
    expect(events).toHaveLength(2);
  });

  it.each<[string, Partial<BadWork>]>([
    ['nobody else', { evidence: { accused: copyOf(bob, ['a', 'x']), quorum: [] } }],
    ['one other', { evidence: { accused: copyOf(bob, ['a', 'x']), quorum: [copyOf(carol, ['a', 'b'])] } }],
    [
      'this node itself',
      {
        evidence: { accused: copyOf(bob, ['a', 'x']), quorum: [copyOf(carol, ['a', 'b']), copyOf(alice, ['a', 'b'])] },
      },
    ],
    ['a wrong count', { itemsWrong: 2 }],
    ['an honest reveal', { reason: 'reveal-mismatch', itemsWrong: 0 }],
  ])('is not made on the word of %s', (_, more) => {
    expect(client.reputation.bad(badWork(more), 'no proof')).toEqual([]);
  });
});

describe('telling others', () => {
  const work = async ({ reputation, clock }: Running): Promise<void> => {
    const asked = reputation.good(goodWork(7));
    await wire.drain();
    await asked;
    clock.advance(5_000);
  };

  it('is done by the client, in batches', async () => {
    await work(client);
    provider.clock.advance(5_000);
    expect(published).toHaveLength(1);
    expect(receiptsOn(client.disk)[0]?.body.shared).toBe(true);
  });

  it('is not done where gossip is off, and what such a client signs tells others not to', async () => {
    client = await boot(alice, wire, new Disk(), false);
    await work(client);
    provider.clock.advance(5_000);
    expect(published).toEqual([]);
    for (const { disk } of [client, provider]) expect(receiptsOn(disk)[0]?.body.shared).toBe(false);
  });

  it('of a bad one leaves out copies of the quorum until it fits, and never what convinces', async () => {
    const quorumOf = (items: number) => {
      const right = Array.from({ length: items }, (_, i) => `answer ${i}`);
      const accused = copyOf(bob, ['wrong', ...right.slice(1)]);
      const evidence = { accused, quorum: [carol, dave, eve, signerOf(6), signerOf(7)].map((s) => copyOf(s, right)) };
      const [stored] = client.reputation.bad(badWork({ items, itemsWrong: 1, evidence }), 'minority');
      if (stored?.type !== 'receipt.stored' || stored.receipt.body.kind !== 'bad') throw new Error('no receipt');
      expect(receiptFault(verifier, stored.receipt)).toBe(null);
      return stored.receipt.body.evidence.quorum.length;
    };
    expect([10, 200, 1_000].map(quorumOf)).toEqual([5, 3, 2]);
  });
});

describe('memory', () => {
  it('notes experience without proof, not about itself', async () => {
    const replicaId = replicaIdOf(shardId, 1, bob.peerId);
    expect(client.reputation.note(alice.peerId, 'lost', replicaId)).toEqual([]);
    await client.journal.commit(client.reputation.note(bob.peerId, 'lost', replicaId));
    const lost = client.reputation.scoreOf(bob.peerId);
    expect(lost).toMatchObject({ noted: 1, bad: 0, receipts: 0 });
    await client.journal.commit(client.reputation.note(bob.peerId, 'no-reveal', replicaId));
    expect(client.reputation.scoreOf(bob.peerId).score).toBeLessThan(lost.score);
    expect(lost.score).toBeLessThan(0.5);
  });

  it('is the same after a restart, with and without the snapshot', async () => {
    for (let n = 0; n < 12; n++) {
      const asked = client.reputation.good(goodWork(n));
      await wire.drain();
      await asked;
    }
    await client.journal.commit(client.reputation.bad(badWork(), 'bad'));
    expect(client.disk.snapshot).not.toBe(null);
    for (const snapshot of [client.disk.snapshot, null]) {
      const disk = client.disk.copy();
      disk.snapshot = snapshot;
      const again = await boot(alice, new Wire(), disk);
      expect(again.journal.stateText()).toBe(client.journal.stateText());
      expect(again.reputation.scoreOf(bob.peerId)).toEqual(client.reputation.scoreOf(bob.peerId));
    }
  });

  it('tells a bounded number of receipts apart', () => {
    const projection = memoryProjection(alice.peerId);
    const memory = projection.initial();
    for (let n = 0; n < recentMax + 5; n++) {
      projection.apply(memory, { seq: n + 1, at: 1, event: { type: 'receipt.stored', receipt: receiptOf(n) } });
      // The same again changes nothing.
      projection.apply(memory, { seq: n + 1, at: 1, event: { type: 'receipt.stored', receipt: receiptOf(n) } });
    }
    expect(memory.recent).toHaveLength(recentMax);
    expect(memory.peers[bob.peerId]?.good).toBe(recentMax + 5);
    expect(knownHash(memory, receiptOf(0).body)).toBe(null);
    expect(knownHash(memory, receiptOf(recentMax).body)).toBe(hashOf(receiptOf(recentMax).body));
  });
});
