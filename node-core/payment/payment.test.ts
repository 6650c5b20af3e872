import { beforeEach, describe, expect, it } from 'vitest';
import { createSigner, createVerifier } from '../identity/index.ts';
import type { Journal, View } from '../journal/index.ts';
import {
  creditChannelId,
  type MessageBody,
  micro,
  type PaidReplica,
  paidTailMax,
  replicaIdOf,
  type SignedVoucher,
  shardIdOf,
  signBody,
  WalletSummary,
} from '../protocol/index.ts';
import { jobCreated, jobEnded, jobIdOf } from '../store/testing.ts';
import { type Books, booksProjection } from './books.ts';
import { type Point, pointAfterAll, pointOf, startPoint } from './chain.ts';
import { Payment } from './payment.ts';
import { voucherRetry } from './sender.ts';
import {
  Disk,
  type Mailbox,
  MemoryStore,
  type Parcel,
  settled,
  silent,
  TestClock,
  testJournal,
  Wire,
} from './testing.ts';

const verifier = createVerifier();
const alice = createSigner(new Uint8Array(32).fill(1));
const bob = createSigner(new Uint8Array(32).fill(2));
const eve = createSigner(new Uint8Array(32).fill(3));
const jobId = jobIdOf(1);
const rules = {
  creditLimitMicro: '100',
  creditLimitMaxMicro: '150',
  creditEarnedPercent: 10,
  strangersPerHourMicro: '1000',
};
const spending = { dayMicroMax: null, peerDayMicroMax: null };
/** As if all shards were small. */
const wish = (priceMicro: string) => ({ priceMicro, shardMicro: '0' });

/** The n-th replica that `bob` is given. */
const replica = (n: number, provider = bob.peerId) => replicaIdOf(shardIdOf(jobId, n), 1, provider);
const paid = (n: number, price: number): PaidReplica => ({ replicaId: replica(n), priceMicro: String(price) });

interface Running {
  readonly payment: Payment;
  readonly journal: Journal;
  readonly clock: TestClock;
  readonly mail: Mailbox;
  readonly store: MemoryStore;
  readonly books: View<Books>;
}

async function boot(signer: typeof alice, wire: Wire, disk: Disk): Promise<Running> {
  const clock = new TestClock();
  const mail = wire.attach(signer.peerId, clock);
  const store = new MemoryStore(disk);
  const journal = testJournal(store, clock, signer, verifier, 1000);
  const payment = new Payment({
    journal,
    messenger: mail,
    clock,
    signer,
    verifier,
    log: silent,
    rules,
    spending,
  });
  const books = journal.register({ ...booksProjection, name: 'books-seen' });
  await journal.open();
  return { payment, journal, clock, mail, store, books };
}

let wire: Wire;
let sent: Parcel[];
let disks: { payer: Disk; payee: Disk };
let payer: Running;
let payee: Running;

beforeEach(async () => {
  wire = new Wire();
  sent = [];
  wire.onSend = (parcel) => sent.push(parcel);
  disks = { payer: new Disk(), payee: new Disk() };
  payer = await boot(alice, wire, disks.payer);
  payee = await boot(bob, wire, disks.payee);
  await payer.journal.commit([jobCreated(1)]);
});

const reserve = (n: number, price: number, payeeId = bob.peerId) =>
  payer.payment.reserve({ jobId, replicaId: replica(n), payee: payeeId, priceMicro: String(price) });

async function reserveAndExtend(n: number, price: number): Promise<void> {
  await payer.journal.commit(reserve(n, price));
  await payee.journal.commit(
    payee.payment.extend({ replicaId: replica(n), client: alice.peerId, priceMicro: String(price) }),
  );
}

/** A voucher as only its signer could write it, however wrong. */
function voucher(point: Point, signer = alice, more: Partial<SignedVoucher['body']> = {}): SignedVoucher {
  return signBody(signer, 'voucher', {
    v: 1,
    rail: 'credit',
    channelId: creditChannelId(alice.peerId, bob.peerId, 0),
    payer: alice.peerId,
    payee: bob.peerId,
    epoch: 0,
    ...pointOf(point),
    ...more,
  });
}

/** Sends a voucher past the payer's own room, and returns the answer's type. */
async function offer(body: MessageBody<'payment.voucher'>, from = alice): Promise<string> {
  const mail = wire.attach(from.peerId, new TestClock());
  const answered = mail
    .request(bob.peerId, { type: 'payment.voucher', body }, ['payment.ack', 'payment.statement'])
    .then(
      (answer) => answer.type,
      (error: Error) => (error.name === 'MessageRefused' ? `refused: ${error.message}` : error.message),
    );
  await wire.drain();
  return await answered;
}

const best = () => payee.books.state.payees[alice.peerId]?.best?.body.cumulativeMicro ?? null;
const vouchers = () => sent.filter(({ message }) => message.type === 'payment.voucher');

describe('a payer', () => {
  it('pays from its reservation, and the payee acknowledges', async () => {
    await reserveAndExtend(0, 30);
    expect(payer.payment.reservedOf(jobId)).toBe('30');
    expect(payer.payment.openWith(bob.peerId)).toBe('30');
    await payer.journal.commit(payer.payment.pay(replica(0)));
    expect([payer.payment.reservedOf(jobId), payer.payment.spentOf(jobId)]).toEqual(['0', '30']);
    payer.payment.settle(bob.peerId);
    await wire.drain();
    expect(best()).toBe('30');
    expect(payer.payment.openWith(bob.peerId)).toBe('0');
    const summary = WalletSummary.parse(payer.payment.summary());
    expect(summary.peers).toMatchObject([{ paidMicro: '30', paidAckedMicro: '30', reservedMicro: '0' }]);
    expect(WalletSummary.parse(payee.payment.summary())).toMatchObject({
      receivedMicro: '30',
      owedToUsMicro: '0',
      peers: [{ earnedMicro: '30', unpaidMicro: '0' }],
    });
  });

  it('pays a replica once', async () => {
    await payer.journal.commit(reserve(0, 30));
    expect(() => payer.payment.pay(replica(0), replica(0))).toThrow('no reservation');
    await payer.journal.commit(payer.payment.pay(replica(0)));
    expect(() => payer.payment.pay(replica(0))).toThrow('no reservation');
    expect(() => reserve(0, 30)).toThrow('paid already');
    expect(payer.payment.release(replica(0), 'late')).toEqual([]);
  });

  it('does not pay what was released, nor reserve twice, nor pay itself', async () => {
    await payer.journal.commit(reserve(0, 30));
    expect(() => reserve(0, 30)).toThrow('reserved already');
    await payer.journal.commit(payer.payment.release(replica(0), 'x'.repeat(600)));
    expect(payer.payment.reservedOf(jobId)).toBe('0');
    expect(() => payer.payment.pay(replica(0))).toThrow('no reservation');
    expect(() => reserve(1, 30, alice.peerId)).toThrow('itself');
    expect(payer.books.state.payers).toEqual({});
  });

  it('pays several replicas of one moment in one call, and refuses two calls for one moment', async () => {
    await payer.journal.commit([...reserve(0, 1), ...reserve(1, 2), ...reserve(2, 3), ...reserve(3, 4)]);
    await payer.journal.commit(payer.payment.pay(replica(0), replica(1)));
    expect(payer.payment.spentOf(jobId)).toBe('3');
    const twice = [...payer.payment.pay(replica(2)), ...payer.payment.pay(replica(3))];
    expect(() => payer.journal.commit(twice)).toThrow('one call');
  });

  it('sends one voucher for the payments of one moment, and of the time until the acknowledgement', async () => {
    for (let n = 0; n < 6; n++) await reserveAndExtend(n, 1);
    for (const n of [0, 1]) {
      void payer.journal.commit(payer.payment.pay(replica(n))).then(() => payer.payment.settle(bob.peerId));
    }
    await settled();
    expect(vouchers()).toHaveLength(1);
    for (const n of [2, 3, 4, 5]) {
      await payer.journal.commit(payer.payment.pay(replica(n)));
      payer.payment.settle(bob.peerId);
      await settled();
    }
    expect(vouchers()).toHaveLength(1);
    await wire.drain();
    expect(vouchers()).toHaveLength(2);
    expect(best()).toBe('6');
    // The second lists only what the first did not.
    expect(vouchers()[1]?.message.body).toMatchObject({ replicas: [2, 3, 4, 5].map((n) => paid(n, 1)) });
  });

  it('signs nothing that is not durable', async () => {
    for (const n of [0, 1]) await reserveAndExtend(n, 10);
    await payer.journal.commit(payer.payment.pay(replica(0)));
    payer.store.hold();
    void payer.journal.commit(payer.payment.pay(replica(1)));
    payer.payment.settle(bob.peerId);
    await settled();
    expect(vouchers().map(({ message }) => message.body)).toMatchObject([
      { voucher: { body: { cumulativeMicro: '10' } } },
    ]);
  });

  it('tries again with growing pauses, gives up, and begins anew when the payee comes back', async () => {
    await reserveAndExtend(0, 10);
    await payer.journal.commit(payer.payment.pay(replica(0)));
    payer.payment.settle(bob.peerId);
    for (let minute = 0; minute < 60; minute++) {
      await settled();
      wire.parcels = [];
      payer.clock.advance(70_000);
    }
    await settled();
    expect(vouchers()).toHaveLength(voucherRetry.attemptsMax);
    expect(payer.clock.timers).toBe(0);
    wire.connect(alice.peerId, bob.peerId);
    await wire.drain();
    expect(best()).toBe('10');
  });

  it('sends after a restart what it had paid before', async () => {
    await reserveAndExtend(0, 10);
    await payer.journal.commit(payer.payment.pay(replica(0)));
    payer = await boot(alice, wire, disks.payer);
    payer.payment.start();
    await wire.drain();
    expect(best()).toBe('10');
    expect(payer.payment.spentOf(jobId)).toBe('10');
    await payer.journal.commit([jobEnded(1)]);
    expect(payer.payment.spentOf(jobId)).toBe('0');
    expect(payer.books.state.jobs).toEqual({});
  });

  it('stops', async () => {
    await reserveAndExtend(0, 10);
    await payer.journal.commit(payer.payment.pay(replica(0)));
    payer.payment.settle(bob.peerId);
    await settled();
    payer.payment.stop();
    payer.clock.advance(1_000_000);
    await settled();
    payer.payment.settle(bob.peerId);
    await settled();
    expect(vouchers()).toHaveLength(1);
    expect(payer.clock.timers).toBe(0);
  });

  it('ignores an acknowledgement that the payee did not sign', async () => {
    await reserveAndExtend(0, 10);
    await payer.journal.commit(payer.payment.pay(replica(0)));
    const { head } = payer.books.state.payers[bob.peerId]?.tail.end ?? startPoint;
    const channelId = creditChannelId(alice.peerId, bob.peerId, 0);
    const ack = signBody(eve, 'voucher-ack', { v: 1 as const, channelId, cumulativeMicro: '10', head });
    const mail = wire.attach(bob.peerId, new TestClock());
    await mail.send(alice.peerId, { type: 'payment.ack', body: { ack } });
    await wire.drain();
    expect(payer.books.state.payers[bob.peerId]?.ackedMicro).toBe('0');
  });
});

describe('a payee', () => {
  it('grants its limit and not more', async () => {
    expect(payee.payment.admits(alice.peerId, wish('100'))).toEqual({ ok: true, leftMicro: '100' });
    expect(payee.payment.admits(alice.peerId, wish('101'))).toMatchObject({ ok: false, leftMicro: '100' });
    await reserveAndExtend(0, 60);
    await payee.journal.commit(payee.payment.earn(alice.peerId, replica(0)));
    await reserveAndExtend(1, 40);
    expect(payee.payment.admits(alice.peerId, wish('1'))).toMatchObject({ ok: false, leftMicro: '0' });
    // Each client has its own.
    expect(payee.payment.admits(eve.peerId, wish('100'))).toMatchObject({ ok: true });
    await payee.journal.commit(payee.payment.drop(alice.peerId, replica(1), 'failed', { shown: false, worked: false }));
    expect(payee.payment.admits(alice.peerId, wish('1'))).toEqual({ ok: true, leftMicro: '40' });
    expect(payee.payment.summary()).toMatchObject({ owedToUsMicro: '60', peers: [{ unpaidMicro: '60' }] });
    expect(payee.payment.earn(alice.peerId, replica(1))).toEqual([]);
    expect(payee.payment.drop(alice.peerId, replica(0), 'late', { shown: false, worked: false })).toEqual([]);
  });

  it('does not give credit anew for results that were seen and called bad', async () => {
    await reserveAndExtend(0, 60);
    await payee.journal.commit(
      payee.payment.drop(alice.peerId, replica(0), 'verdict: rejected', { shown: true, worked: true }),
    );
    expect(payee.payment.creditLimitOf(alice.peerId)).toEqual({
      baseMicro: '100',
      earnedMicro: '0',
      lostMicro: '60',
      limitMicro: '40',
    });
    expect(payee.payment.admits(alice.peerId, wish('40'))).toMatchObject({ ok: true });
    expect(payee.payment.admits(alice.peerId, wish('41'))).toMatchObject({ ok: false, leftMicro: '40' });
    expect(payee.payment.admits(eve.peerId, wish('100'))).toMatchObject({ ok: true });
  });

  it('counts a replica once, and tells two clients that made the same id apart', async () => {
    await reserveAndExtend(0, 10);
    await payee.journal.commit(payee.payment.extend({ replicaId: replica(0), client: eve.peerId, priceMicro: '7' }));
    expect(payee.payment.earn(eve.peerId, replica(0))).toMatchObject([{ peer: eve.peerId, priceMicro: '7' }]);
    const again = () => payee.payment.extend({ replicaId: replica(0), client: alice.peerId, priceMicro: '10' });
    expect(again).toThrow('already');
    await payee.journal.commit(payee.payment.earn(alice.peerId, replica(0)));
    expect(again).toThrow('already');
    expect(() => payee.payment.extend({ replicaId: replica(1), client: bob.peerId, priceMicro: '1' })).toThrow(
      'itself',
    );
  });

  it('takes the voucher for a verdict that was lost', async () => {
    await reserveAndExtend(0, 10);
    await offer({ voucher: voucher(pointAfterAll(startPoint, [paid(0, 10)])), replicas: [paid(0, 10)] });
    expect(best()).toBe('10');
    expect(payee.payment.earn(alice.peerId, replica(0))).toEqual([]);
    expect(payee.books.state).toMatchObject({ inFlight: {}, owed: {} });
  });

  it('acknowledges a duplicate again, and stores it once', async () => {
    const body = { voucher: voucher(pointAfterAll(startPoint, [paid(0, 10)])), replicas: [paid(0, 10)] };
    expect(await offer(body)).toBe('payment.ack');
    expect(await offer(body)).toBe('payment.ack');
    expect(disks.payee.entries.filter(({ event }) => event.type === 'payment.received')).toHaveLength(1);
  });

  it('acknowledges nothing that is not durable', async () => {
    payee.store.hold();
    const body = { voucher: voucher(pointAfterAll(startPoint, [paid(0, 10)])), replicas: [paid(0, 10)] };
    // Twice: the second is known in memory already.
    for (const _ of [1, 2]) {
      const mail = wire.attach(alice.peerId, new TestClock());
      await mail.send(bob.peerId, { type: 'payment.voucher', body });
      await wire.drain();
    }
    expect(sent.filter(({ message }) => message.type === 'payment.ack')).toHaveLength(0);
    payee.store.release();
    await settled();
    expect(sent.filter(({ message }) => message.type === 'payment.ack').length).toBeGreaterThan(0);
  });

  it('never takes less than it holds', async () => {
    const history = [paid(0, 10), paid(1, 10)];
    await offer({ voucher: voucher(pointAfterAll(startPoint, history)), replicas: history });
    // An older one is answered with the best; one that rewrites history with a statement.
    expect(await offer({ voucher: voucher(pointAfterAll(startPoint, [paid(0, 10)])), replicas: [paid(0, 10)] })).toBe(
      'payment.ack',
    );
    const other = [paid(0, 10), paid(7, 50)];
    expect(await offer({ voucher: voucher(pointAfterAll(startPoint, other)), replicas: other })).toBe(
      'payment.statement',
    );
    const more = [...other, paid(8, 50)];
    expect(await offer({ voucher: voucher(pointAfterAll(startPoint, more)), replicas: more })).toBe(
      'payment.statement',
    );
    const cheaper = [paid(0, 1), paid(1, 1), paid(2, 1)];
    expect(await offer({ voucher: voucher(pointAfterAll(startPoint, cheaper)), replicas: cheaper })).toBe(
      'payment.statement',
    );
    expect(best()).toBe('20');
  });

  const one = pointAfterAll(startPoint, [paid(0, 10)]);
  it.each([
    ['signed by another', voucher(one, eve), alice],
    ['sent by another', voucher(one), eve],
    ['of another payer', voucher(one, eve, { payer: eve.peerId }), eve],
    ['to another payee', voucher(one, alice, { payee: eve.peerId }), alice],
    ['of another epoch than its channel', voucher(one, alice, { epoch: 1 }), alice],
    ['changed after signing', { ...voucher(one), body: { ...voucher(one).body, cumulativeMicro: '99' } }, alice],
  ])('refuses a voucher %s', async (_, forged, from) => {
    expect(await offer({ voucher: forged, replicas: [paid(0, 10)] }, from)).toMatch(/^refused/);
    expect(payee.books.state.payees).toEqual({});
  });

  it('keeps the rest due of what a client lists below its price', async () => {
    await reserveAndExtend(0, 60);
    await payee.journal.commit(payee.payment.earn(alice.peerId, replica(0)));
    await offer({ voucher: voucher(pointAfterAll(startPoint, [paid(0, 1)])), replicas: [paid(0, 1)] });
    expect(payee.payment.admits(alice.peerId, wish('42'))).toMatchObject({ ok: false, leftMicro: '41' });
  });

  it('is not paid in advance by a list of nothings', async () => {
    const nothings = [paid(0, 0), paid(1, 0)];
    await offer({ voucher: voucher(pointAfterAll(startPoint, nothings)), replicas: nothings });
    await reserveAndExtend(0, 60);
    expect(payee.payment.admits(alice.peerId, wish('41'))).toMatchObject({ ok: false, leftMicro: '40' });
  });

  it('believes no list that claims more than was paid', async () => {
    await reserveAndExtend(0, 60);
    await payee.journal.commit(payee.payment.earn(alice.peerId, replica(0)));
    // The chain before the list is unknown here, so that its hashes cannot be checked.
    const point = { ...pointAfterAll(startPoint, [paid(5, 1), paid(6, 1)]), seq: 50 };
    const list = [paid(0, 60)];
    expect(await offer({ voucher: voucher(point), replicas: list })).toBe('payment.statement');
    expect(best()).toBe(null);
  });

  it('takes no longer history that is worth less', async () => {
    await offer({ voucher: voucher(pointAfterAll(startPoint, [paid(0, 10)])), replicas: [paid(0, 10)] });
    const point = { ...pointAfterAll(startPoint, [paid(0, 5)]), seq: 50 };
    expect(await offer({ voucher: voucher(point), replicas: [] })).toBe('payment.statement');
    expect(best()).toBe('10');
  });

  it('asks for the list before it takes a voucher for more than it lists', async () => {
    const history = [paid(0, 10), paid(1, 10)];
    const body = { voucher: voucher(pointAfterAll(startPoint, history)), replicas: history.slice(1) };
    expect(await offer(body)).toBe('payment.statement');
    expect(best()).toBe(null);
  });

  it('refuses a statement about others', async () => {
    const mail = wire.attach(eve.peerId, new TestClock());
    const statement = {
      channelId: creditChannelId(alice.peerId, bob.peerId, 0),
      payer: alice.peerId,
      payee: bob.peerId,
      best: null,
      recent: [],
    };
    const answer = mail.request(bob.peerId, { type: 'payment.statement', body: { statements: [statement] } }, [
      'payment.ack',
    ]);
    const refused = expect(answer).rejects.toThrow('the two peers');
    await wire.drain();
    await refused;
  });
});

describe('after a backup', () => {
  /** `count` replicas are reserved, done, paid and acknowledged. */
  async function trade(from: number, count: number, price = 1): Promise<void> {
    for (let n = from; n < from + count; n++) {
      await payer.journal.commit(reserve(n, price));
      await payee.journal.commit(
        payee.payment.extend({ replicaId: replica(n), client: alice.peerId, priceMicro: String(price) }),
      );
      await payer.journal.commit(payer.payment.pay(replica(n)));
      payer.payment.settle(bob.peerId);
      await wire.drain();
    }
  }

  async function reconnect(): Promise<void> {
    wire.connect(alice.peerId, bob.peerId);
    await wire.drain();
    payer.clock.advance(5_000);
    await wire.drain();
  }

  const paidTail = () => payer.books.state.payers[bob.peerId]?.tail.end;
  const bestPoint = () => {
    const body = payee.books.state.payees[alice.peerId]?.best?.body;
    return body && pointOf(body);
  };

  it('a payer adopts what it forgot, pays none of it again, and keeps what it paid since', async () => {
    await trade(0, 3);
    await payer.journal.commit(reserve(3, 5));
    const backup = disks.payer.copy();
    await payee.journal.commit(payee.payment.extend({ replicaId: replica(3), client: alice.peerId, priceMicro: '5' }));
    await payer.journal.commit(payer.payment.pay(replica(3)));
    payer.payment.settle(bob.peerId);
    await wire.drain();
    await trade(4, 2);
    expect(best()).toBe('10');

    payer = await boot(alice, wire, backup);
    // Before it hears of the peer, it pays something new; this voucher does not continue what the payee holds.
    await payer.journal.commit(reserve(9, 20));
    await payer.journal.commit(payer.payment.pay(replica(9)));
    payer.payment.settle(bob.peerId);
    await wire.drain();
    await reconnect();
    expect(best()).toBe('30');
    expect(paidTail()).toEqual(bestPoint());
    // The verdict on the forgotten one is reached again: its reservation is gone, and it is not paid.
    expect(payer.payment.pay(replica(3))).toEqual([]);
    expect(payer.payment.release(replica(3), 'x')).toEqual([]);
    expect(reserve(4, 1)).toEqual([]);
    expect(payer.payment.pay(replica(4))).toEqual([]);
    expect(payer.payment.reservedOf(jobId)).toBe('0');
    expect(payer.payment.spentOf(jobId)).toBe('30');
    await payer.journal.commit([jobEnded(1)]);
    expect(payer.books.state.adopted).toEqual({});
  });

  it('a payer that forgot everything gets it back from the payee', async () => {
    await trade(0, 3);
    payer = await boot(alice, wire, new Disk());
    await reconnect();
    expect(paidTail()).toEqual(bestPoint());
    expect(payer.books.state.payers[bob.peerId]?.ackedMicro).toBe('3');
  });

  it('a payer adopts only what it signed itself', async () => {
    await trade(0, 1);
    const mail = wire.attach(bob.peerId, new TestClock());
    const list = [paid(0, 1), paid(1, 90)];
    const statement = {
      channelId: creditChannelId(alice.peerId, bob.peerId, 0),
      payer: alice.peerId,
      payee: bob.peerId,
      best: voucher(pointAfterAll(startPoint, list), bob),
      recent: list,
    };
    await mail.send(alice.peerId, { type: 'payment.statement', body: { statements: [statement] } });
    await wire.drain();
    expect(paidTail()?.cumulativeMicro).toBe('1');
  });

  it('a payer that forgot more than a statement lists pays that peer nothing again of the jobs it has open', async () => {
    await payer.journal.commit(reserve(1000, 7));
    const backup = disks.payer.copy();
    await trade(0, paidTailMax + 4);
    payer = await boot(alice, wire, backup);
    await reconnect();
    expect(paidTail()).toEqual(bestPoint());
    expect(payer.payment.pay(replica(1000))).toEqual([]);
    // Unlisted, so nobody can say; a later assignment of the same attempt is not paid either.
    expect(reserve(0, 1)).toEqual([]);
    expect(payer.payment.pay(replica(0))).toEqual([]);
    expect(payer.payment.reservedOf(jobId)).toBe('0');
    // Other jobs go on.
    const other = replicaIdOf(shardIdOf(jobIdOf(2), 0), 1, bob.peerId);
    await payer.journal.commit([jobCreated(2)]);
    await payer.journal.commit(
      payer.payment.reserve({ jobId: jobIdOf(2), replicaId: other, payee: bob.peerId, priceMicro: '3' }),
    );
    await payer.journal.commit(payer.payment.pay(other));
    payer.payment.settle(bob.peerId);
    await wire.drain();
    expect(bestPoint()).toEqual(paidTail());
  });

  it('a payee gets its voucher back from the payer, and does not count again what it covers', async () => {
    await trade(0, 2, 10);
    await reserveAndExtend(2, 30);
    const backup = disks.payee.copy();
    await payer.journal.commit(payer.payment.pay(replica(2)));
    payer.payment.settle(bob.peerId);
    await wire.drain();
    await trade(3, 2, 10);

    payee = await boot(bob, wire, backup);
    await reconnect();
    expect(best()).toBe('70');
    // It finds the work of before in its log, and does it again.
    expect(payee.payment.earn(alice.peerId, replica(2))).toEqual([]);
    const again = { replicaId: replica(3), client: alice.peerId, priceMicro: '10' };
    await payee.journal.commit(payee.payment.extend(again));
    expect(payee.payment.earn(alice.peerId, replica(3))).toEqual([]);
    expect(payee.payment.admits(alice.peerId, wish('100'))).toEqual({ ok: true, leftMicro: '100' });
  });

  it('a payee that lost all is listed all again with the next voucher', async () => {
    await trade(0, 2, 10);
    payee = await boot(bob, wire, new Disk());
    await trade(2, 1, 10);
    expect(best()).toBe('30');
    expect(payee.books.state).toMatchObject({ inFlight: {}, owed: {} });
  });

  it('a payee that lost more than a list holds takes the sum, and it covers what is owed', async () => {
    const backup = disks.payee.copy();
    await trade(0, paidTailMax + 4);
    payee = await boot(bob, wire, backup);
    await payee.journal.commit(payee.payment.extend({ replicaId: replica(1), client: alice.peerId, priceMicro: '3' }));
    await payee.journal.commit(payee.payment.earn(alice.peerId, replica(1)));
    await reconnect();
    expect(bestPoint()).toEqual(paidTail());
    const received = backup.entries.flatMap(({ event }) => (event.type === 'payment.received' ? [event] : []));
    expect(received.map(({ amountMicro, replicas }) => [amountMicro, replicas.length])).toEqual([
      [String(paidTailMax + 4), paidTailMax],
    ]);
    expect(payee.books.state.owed).toEqual({});
    expect(micro.sum(Object.values(payee.books.state.payees).map((book) => book.owedMicro))).toBe('0');
  });

  it('a payer that knows nothing of what is due says so, and the payee waits no longer', async () => {
    const backup = disks.payer.copy();
    await trade(0, 1, 10);
    await reserveAndExtend(1, 30);
    await payer.journal.commit(payer.payment.pay(replica(1)));
    // The verdict came through, the voucher did not.
    await payee.journal.commit(payee.payment.earn(alice.peerId, replica(1)));
    payer = await boot(alice, wire, backup);
    await reconnect();
    expect(paidTail()).toEqual(bestPoint());
    expect(payee.payment.summary()).toMatchObject({ owedToUsMicro: '0', receivedMicro: '10' });
    // It saw the results: that has cost it credit.
    expect(payee.payment.creditLimitOf(alice.peerId)).toMatchObject({ lostMicro: '29' });
    // Should it come to pay after all, that counts.
    await payer.journal.commit(reserve(1, 30));
    await payer.journal.commit(payer.payment.pay(replica(1)));
    payer.payment.settle(bob.peerId);
    await wire.drain();
    expect(payee.payment.creditLimitOf(alice.peerId)).toMatchObject({ lostMicro: '0' });
    expect(best()).toBe('40');
  });

  it('a payer that lost all says so of all that is due', async () => {
    await reserveAndExtend(0, 30);
    await payee.journal.commit(payee.payment.earn(alice.peerId, replica(0)));
    payer = await boot(alice, wire, new Disk());
    await reconnect();
    expect(payee.payment.summary()).toMatchObject({ owedToUsMicro: '0' });
  });

  it('what is due and set aside stays due', async () => {
    await reserveAndExtend(0, 30);
    await payee.journal.commit(payee.payment.earn(alice.peerId, replica(0)));
    await reconnect();
    expect(payee.payment.summary()).toMatchObject({ owedToUsMicro: '30' });
  });

  it('answers a payee that never has enough a few times only', async () => {
    wire.connect(alice.peerId, bob.peerId);
    await wire.drain();
    sent = [];
    const mail = wire.attach(bob.peerId, new TestClock());
    const channelId = creditChannelId(alice.peerId, bob.peerId, 0);
    const claim = { channelId, payer: alice.peerId, payee: bob.peerId, best: null, recent: [], due: [replica(7)] };
    for (let i = 0; i < 20; i++) {
      await mail.send(alice.peerId, { type: 'payment.statement', body: { statements: [claim] } });
      await settled();
      wire.parcels.splice(0).forEach((parcel) => {
        if (parcel.to === alice.peerId) wire.deliver(parcel);
      });
      await settled();
    }
    expect(sent.filter(({ from }) => from.peer === alice.peerId)).toHaveLength(8);
  });

  describe('too old for the books ever to agree', () => {
    /** The payer forgets more than a statement lists, and pays more than that before it meets the payee. */
    async function forget(): Promise<void> {
      const backup = disks.payer.copy();
      await trade(0, paidTailMax + 4);
      payer = await boot(alice, wire, backup);
      await reserveAndExtend(1000, 50);
      for (let n = 1001; n < 1010; n++) await payer.journal.commit(reserve(n, 50));
      for (let n = 1000; n < 1009; n++) await payer.journal.commit(payer.payment.pay(replica(n)));
      await payee.journal.commit(payee.payment.earn(alice.peerId, replica(1000)));
    }
    const epochs = () => [
      payer.books.state.payers[bob.peerId]?.epoch,
      payee.books.state.payees[alice.peerId]?.best?.body.epoch,
    ];

    it('a new channel begins, what the old one does not cover is written off, and nothing is paid twice', async () => {
      await forget();
      await reconnect();
      expect(epochs()).toEqual([1, 0]);
      expect(payee.payment.summary()).toMatchObject({ owedToUsMicro: '0', receivedMicro: String(paidTailMax + 4) });
      expect(payer.payment.summary()).toMatchObject({ paidMicro: String(paidTailMax + 4), reservedMicro: '0' });
      // What was open may have been paid in the forgotten life.
      expect(payer.payment.pay(replica(1009))).toEqual([]);
      expect(reserve(3, 1)).toEqual([]);

      await payer.journal.commit([jobCreated(2)]);
      const other = replicaIdOf(shardIdOf(jobIdOf(2), 0), 1, bob.peerId);
      const work = { jobId: jobIdOf(2), replicaId: other, payee: bob.peerId, priceMicro: '3' };
      await payer.journal.commit(payer.payment.reserve(work));
      await payer.journal.commit(payer.payment.pay(other));
      payer.payment.settle(bob.peerId);
      await wire.drain();
      expect(epochs()).toEqual([1, 1]);
      expect(paidTail()).toEqual(bestPoint());
      expect(best()).toBe('3');
      expect(payee.payment.summary()).toMatchObject({ receivedMicro: String(paidTailMax + 7) });
      expect(payer.payment.summary()).toMatchObject({ peers: [{ paidAckedMicro: String(paidTailMax + 7) }] });
      await payee.journal.commit(
        payee.payment.extend({ replicaId: replica(1, alice.peerId), client: alice.peerId, priceMicro: '1' }),
      );
    });

    it('and a backup from before that finds the new channel', async () => {
      await forget();
      const old = { payer: disks.payer.copy(), payee: disks.payee.copy() };
      await reconnect();
      await payer.journal.commit([jobCreated(2)]);
      const other = replicaIdOf(shardIdOf(jobIdOf(2), 0), 1, bob.peerId);
      const work = { jobId: jobIdOf(2), replicaId: other, payee: bob.peerId, priceMicro: '3' };
      await payer.journal.commit(payer.payment.reserve(work));
      await payer.journal.commit(payer.payment.pay(other));
      payer.payment.settle(bob.peerId);
      await wire.drain();

      payee = await boot(bob, wire, old.payee);
      await reconnect();
      expect(epochs()).toEqual([1, 1]);
      expect(paidTail()).toEqual(bestPoint());

      payer = await boot(alice, wire, old.payer);
      await reconnect();
      expect(epochs()).toEqual([1, 1]);
      expect(paidTail()).toEqual(bestPoint());
      expect(best()).toBe('3');
      expect(payee.payment.summary()).toMatchObject({ owedToUsMicro: '0' });
    });

    it('no lower epoch is taken any more', async () => {
      const one = pointAfterAll(startPoint, [paid(0, 10)]);
      const inEpoch = (epoch: number) =>
        voucher(one, alice, { epoch, channelId: creditChannelId(alice.peerId, bob.peerId, epoch) });
      expect(await offer({ voucher: inEpoch(2), replicas: [paid(0, 10)] })).toBe('payment.ack');
      expect(await offer({ voucher: inEpoch(1), replicas: [paid(0, 10)] })).toBe('payment.statement');
      expect(payee.payment.summary()).toMatchObject({ receivedMicro: '10' });
    });
  });

  it('both lose different ends, and agree again', async () => {
    await trade(0, 2);
    const payerBackup = disks.payer.copy();
    await trade(2, 1);
    const payeeBackup = disks.payee.copy();
    await trade(3, 2);
    payer = await boot(alice, wire, payerBackup);
    payee = await boot(bob, wire, payeeBackup);
    await payer.journal.commit(reserve(10, 4));
    await payer.journal.commit(payer.payment.pay(replica(10)));
    await reconnect();
    payer.payment.settle(bob.peerId);
    await wire.drain();
    expect(best()).toBe('7');
    expect(paidTail()).toEqual(bestPoint());
  });
});
