/**
 * PAYMENTS section 7: two nodes that pay each other over a wire that loses, doubles and reorders, while they crash with
 * writes under way and come back from old backups. What must hold is checked after every step, and once more after the
 * wire has healed.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createSigner, createVerifier } from '../identity/index.ts';
import type { Journal } from '../journal/index.ts';
import { type LogEntry, micro, type PeerId, type ReplicaId, replicaIdOf, shardIdOf } from '../protocol/index.ts';
import { jobCreated, jobIdOf } from '../store/testing.ts';
import { type Books, booksProjection } from './books.ts';
import { pointOf, samePoint } from './chain.ts';
import { Payment } from './payment.ts';
import { pointWithHead } from './tail.ts';
import { Disk, type Mailbox, MemoryStore, settled, silent, TestClock, testJournal, Wire } from './testing.ts';

const verifier = createVerifier();
const signers = [createSigner(new Uint8Array(32).fill(1)), createSigner(new Uint8Array(32).fill(2))] as const;
const jobId = jobIdOf(1);
const rules = {
  creditLimitMicro: '40',
  creditLimitMaxMicro: '60',
  creditEarnedPercent: 50,
  strangersPerHourMicro: '1000',
};

class Node {
  readonly peer: PeerId;
  readonly #signer: (typeof signers)[number];
  readonly #wire: Wire;
  disk = new Disk();
  backup = new Disk();
  store = new MemoryStore(this.disk);
  clock = new TestClock();
  mail!: Mailbox;
  journal!: Journal;
  payment!: Payment;
  /** The books by what is on the disk. */
  durable: Books = booksProjection.initial();
  /** Of the last check; a restore from backup starts anew. */
  floor = { cumulative: 0n, best: 0n };
  /** The highest limit that this node could ever grant the other, by what both held then. */
  grantedMicro = 0n;

  constructor(wire: Wire, index: 0 | 1) {
    this.#wire = wire;
    this.#signer = signers[index];
    this.peer = this.#signer.peerId;
  }

  async boot(): Promise<void> {
    this.store.kill();
    this.store = new MemoryStore(this.disk);
    this.durable = booksProjection.initial();
    for (const entry of this.disk.entries) booksProjection.apply(this.durable, entry);
    this.disk.onEntry = (entry: LogEntry) => booksProjection.apply(this.durable, entry);
    this.clock = new TestClock();
    this.mail = this.#wire.attach(this.peer, this.clock);
    this.journal = testJournal(this.store, this.clock, this.#signer, verifier);
    this.payment = new Payment({
      journal: this.journal,
      messenger: this.mail,
      clock: this.clock,
      signer: this.#signer,
      verifier,
      log: silent,
      rules,
      spending: { dayMicroMax: null, peerDayMicroMax: null },
    });
    this.books = this.journal.register({ ...booksProjection, name: 'books-seen' });
    const { entries } = await this.journal.open();
    if (entries === 0) {
      await this.journal.commit([jobCreated(1)]);
      this.backup = this.disk.copy();
    }
    this.payment.start();
  }
  books!: { readonly state: Books };
}

interface Work {
  readonly replicaId: ReplicaId;
  readonly priceMicro: string;
  readonly payer: Node;
  readonly payee: Node;
  verdict: 'none' | 'accepted' | 'rejected';
}

class World {
  readonly wire = new Wire();
  readonly nodes = [new Node(this.wire, 0), new Node(this.wire, 1)] as const;
  readonly works: Work[] = [];
  restored: Set<Node> = new Set();
  /** Found while a message was being sent, where throwing would only look like a broken wire. */
  readonly violations: string[] = [];

  constructor() {
    // Crash rule 2, and I3: no voucher for more than is on the disk.
    this.wire.onSend = ({ from, to, message }) => {
      const node = this.#node(from.peer);
      const vouchers =
        message.type === 'payment.voucher'
          ? [message.body.voucher]
          : message.type === 'payment.statement'
            ? message.body.statements.flatMap(({ payer, best }) => (payer === from.peer && best !== null ? [best] : []))
            : [];
      for (const { body } of vouchers) {
        const tail = node.durable.payers[to]?.tail;
        const point = tail && pointWithHead(tail, body.head);
        if (!point || !samePoint(point, pointOf(body))) this.violations.push('a voucher of what is not durable');
      }
      if (message.type === 'payment.ack') {
        const best = node.durable.payees[to]?.best?.body.cumulativeMicro ?? '0';
        if (micro.less(best, message.body.ack.body.cumulativeMicro))
          this.violations.push('an ack of what is not durable');
      }
    };
  }

  async start(): Promise<void> {
    for (const node of this.nodes) await node.boot();
  }

  #node(peer: PeerId): Node {
    const node = this.nodes.find((other) => other.peer === peer);
    if (node === undefined) throw new Error('nobody');
    return node;
  }

  other(node: Node): Node {
    return node === this.nodes[0] ? this.nodes[1] : this.nodes[0];
  }

  async assign(payer: Node, price: number): Promise<void> {
    const payee = this.other(payer);
    const replicaId = replicaIdOf(shardIdOf(jobId, this.works.length), 1, payee.peer);
    const work: Work = { replicaId, priceMicro: String(price), payer, payee, verdict: 'none' };
    this.works.push(work);
    await this.send(work);
  }

  /** A payer that a backup made forget an assignment makes it again: the same attempt has the same id. */
  async assignAgain(work: Work): Promise<void> {
    if (!this.restored.has(work.payer) || knows(work.payer, 'payment.reserved', work.replicaId)) return;
    if (work.payer.journal.durableSeq < work.payer.disk.entries.length) return;
    await this.send(work);
  }

  /** Reserve, and only once that is durable the payee hears of the work. */
  async send(work: Work): Promise<void> {
    const { payer, payee, replicaId, priceMicro } = work;
    let durable = false;
    const events = payer.payment.reserve({ jobId, replicaId, payee: payee.peer, priceMicro });
    void payer.journal.commit(events).then(() => {
      durable = true;
    });
    await settled();
    if (durable && knows(payee, 'payment.extended', replicaId)) return;
    if (durable && payee.payment.admits(payer.peer, { priceMicro, shardMicro: '0' }).ok) {
      void payee.journal.commit(payee.payment.extend({ replicaId, client: payer.peer, priceMicro }));
    } else if (work.verdict === 'none') {
      work.verdict = 'rejected';
      void payer.journal.commit(payer.payment.release(replicaId, 'declined'));
    }
  }

  /** The aggregator's verdict; a node that forgot it judges anew. The provider may not hear it. */
  judge(work: Work, accepted: boolean, heard: boolean): void {
    const { payer, payee, replicaId } = work;
    if (work.verdict === 'none') work.verdict = accepted ? 'accepted' : 'rejected';
    if (payer.books.state.reservations[replicaId] !== undefined) {
      if (work.verdict === 'accepted') {
        const { journal, payment } = payer;
        void journal.commit(payment.pay(replicaId)).then(() => payment.settle(payee.peer));
      } else {
        void payer.journal.commit(payer.payment.release(replicaId, 'rejected'));
      }
    }
    if (!heard) return;
    const { payment } = payee;
    void payee.journal.commit(
      work.verdict === 'accepted'
        ? payment.earn(payer.peer, replicaId)
        : payment.drop(payer.peer, replicaId, 'rejected', { shown: false, worked: false }),
    );
  }

  check(): void {
    expect(this.violations).toEqual([]);
    for (const node of this.nodes) {
      const peer = this.other(node).peer;
      const books = node.books.state;
      const payer = books.payers[peer];
      const payee = books.payees[peer];
      const cumulative = BigInt(payer?.tail.end.cumulativeMicro ?? 0);
      const best = BigInt(payee?.best?.body.cumulativeMicro ?? 0);
      expect(cumulative >= node.floor.cumulative, 'cumulative never falls').toBe(true);
      expect(best >= node.floor.best, 'the best voucher never falls').toBe(true);
      node.floor = { cumulative, best };
      // I2: what was ever paid is what was accepted, each replica once.
      const accepted = this.works.filter((work) => work.payee === node && work.verdict === 'accepted');
      expect(best <= BigInt(micro.sum(accepted.map((work) => work.priceMicro))), 'paid at most once').toBe(true);
      const ids = payer?.tail.recent.map(({ replicaId }) => replicaId) ?? [];
      expect(new Set(ids).size, 'no replica twice in the books').toBe(ids.length);
      // I3.
      const unpaid = BigInt(payee?.inFlightMicro ?? 0) + BigInt(payee?.owedMicro ?? 0);
      const given = BigInt(this.other(node).books.state.payees[node.peer]?.best?.body.cumulativeMicro ?? 0);
      const limit = 40n + (best < given ? best : given) / 2n;
      if (limit > node.grantedMicro) node.grantedMicro = limit < 60n ? limit : 60n;
      expect(unpaid <= node.grantedMicro, 'unpaid work within the limit').toBe(true);
      expectSums(books);
    }
  }

  async crash(node: Node): Promise<void> {
    await node.boot();
    const books = node.books.state;
    const peer = this.other(node).peer;
    // What was in memory only is gone; the floor is what the disk held.
    node.floor = {
      cumulative: BigInt(books.payers[peer]?.tail.end.cumulativeMicro ?? 0),
      best: BigInt(books.payees[peer]?.best?.body.cumulativeMicro ?? 0),
    };
  }

  async heal(): Promise<void> {
    for (const node of this.nodes) node.store.release();
    this.wire.parcels = [];
    await settled();
    for (let round = 0; round < 6; round++) {
      // Verdicts that a crash or a backup forgot are reached again.
      for (const work of this.works) this.judge(work, work.verdict === 'accepted', true);
      this.wire.connect(this.nodes[0].peer, this.nodes[1].peer);
      await this.wire.drain();
      for (const node of this.nodes) node.clock.advance(70_000);
      await this.wire.drain();
      this.check();
    }
  }

  async checkHealed(): Promise<void> {
    for (const node of this.nodes) {
      const payee = this.other(node);
      const paid = node.books.state.payers[payee.peer];
      const got = payee.books.state.payees[node.peer];
      const received = got?.best?.body;
      expect(paid?.tail.end.seq ?? 0, 'both count the same payments').toBe(received?.seq ?? 0);
      expect(paid?.tail.end.cumulativeMicro ?? '0', 'both know the same sum').toBe(received?.cumulativeMicro ?? '0');
      if (received) expect(paid?.tail.end.head).toBe(received.head);
      expect(paid?.ackedMicro ?? '0').toBe(received?.cumulativeMicro ?? '0');
      expect(paid?.reservedMicro ?? '0', 'nothing stays reserved').toBe('0');
      if (!this.restored.has(node)) {
        const accepted = this.works.filter((work) => work.payer === node && work.verdict === 'accepted');
        const sum = micro.sum(accepted.map((work) => work.priceMicro));
        expect(received?.cumulativeMicro ?? '0', 'all accepted work is paid').toBe(sum);
        expect(node.payment.spentOf(jobId)).toBe(sum);
      }
      // Also of what a backup made the payer forget: it said so, and the payee waits no longer.
      expect(got?.owedMicro ?? '0', 'nothing is due that will never be paid').toBe('0');
      // I9: the log gives the same state again, with and without the snapshot.
      const text = node.journal.stateText();
      const again = node.disk.copy();
      for (const snapshot of [again.snapshot, null]) {
        again.snapshot = snapshot;
        const journal = testJournal(
          new MemoryStore(again),
          new TestClock(),
          node === this.nodes[0] ? signers[0] : signers[1],
          verifier,
        );
        journal.register(booksProjection);
        journal.register({ ...booksProjection, name: 'books-seen' });
        await journal.open();
        expect(journal.stateText()).toBe(text);
      }
    }
  }
}

/** Has the node such an entry, in memory or on disk? */
function knows(node: Node, type: 'payment.reserved' | 'payment.extended', replicaId: ReplicaId): boolean {
  const { payers, reservations, inFlight, owed } = node.books.state;
  if (reservations[replicaId] !== undefined) return true;
  // Paid, and still being written.
  const paid = Object.values(payers).flatMap(({ tail }) => tail.recent);
  if (paid.some((line) => line.replicaId === replicaId)) return true;
  if ([inFlight, owed].some((entries) => Object.keys(entries).some((key) => key.startsWith(`${replicaId} `))))
    return true;
  return node.disk.entries.some(({ event }) => event.type === type && event.replicaId === replicaId);
}

function expectSums(books: Books): void {
  for (const [peer, book] of Object.entries(books.payers)) {
    const reserved = Object.values(books.reservations).filter((reservation) => reservation.peer === peer);
    expect(book.reservedMicro).toBe(micro.sum(reserved.map(({ priceMicro }) => priceMicro)));
  }
  for (const [client, book] of Object.entries(books.payees)) {
    const due = (entries: Books['owed']) =>
      micro.sum(Object.values(entries).flatMap((entry) => (entry.client === client ? [entry.priceMicro] : [])));
    expect(book.inFlightMicro).toBe(due(books.inFlight));
    expect(book.owedMicro).toBe(due(books.owed));
  }
}

const side = fc.nat({ max: 1 });
const pick = fc.nat({ max: 1000 });
const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ do: fc.constant('assign' as const), side, price: fc.integer({ min: 0, max: 12 }) }),
  },
  {
    weight: 7,
    arbitrary: fc.record({
      do: fc.constant('judge' as const),
      pick,
      accepted: fc.oneof({ weight: 4, arbitrary: fc.constant(true) }, fc.constant(false)),
      heard: fc.boolean(),
    }),
  },
  { weight: 8, arbitrary: fc.record({ do: fc.constant('deliver' as const), pick, keep: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('assign again' as const), pick }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('lose' as const), pick }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.integer({ min: 1, max: 30_000 }) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('connect' as const) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('hold' as const), side }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('release' as const), side }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('crash' as const), side }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('back-up' as const), side }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('restore' as const), side }) },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

async function perform(world: World, action: Step): Promise<void> {
  const { wire, works } = world;
  const at = <T>(list: readonly T[], index: number): T | undefined => list[index % Math.max(1, list.length)];
  const node = 'side' in action ? world.nodes[action.side === 0 ? 0 : 1] : world.nodes[0];
  switch (action.do) {
    case 'assign':
      await world.assign(node, action.price);
      break;
    case 'assign again': {
      const work = at(works, action.pick);
      if (work !== undefined) await world.assignAgain(work);
      break;
    }
    case 'judge': {
      const work = at(works, action.pick);
      if (work !== undefined) world.judge(work, action.accepted, action.heard);
      break;
    }
    case 'deliver': {
      const parcel = at(wire.parcels, action.pick);
      if (parcel === undefined) break;
      if (!action.keep) wire.parcels = wire.parcels.filter((other) => other !== parcel);
      wire.deliver(parcel);
      break;
    }
    case 'lose':
      wire.parcels = wire.parcels.filter((parcel) => parcel !== at(wire.parcels, action.pick));
      break;
    case 'wait':
      for (const other of world.nodes) other.clock.advance(action.ms);
      break;
    case 'connect':
      wire.connect(world.nodes[0].peer, world.nodes[1].peer);
      break;
    case 'hold':
      node.store.hold();
      break;
    case 'release':
      node.store.release();
      break;
    case 'crash':
      await world.crash(node);
      break;
    case 'back-up':
      node.backup = node.disk.copy();
      break;
    case 'restore':
      node.disk = node.backup.copy();
      world.restored.add(node);
      await world.crash(node);
      break;
  }
  await settled();
  world.check();
}

describe('payments between two nodes', () => {
  const runs = Number(process.env['INFERNET_MODEL_RUNS'] ?? 80);
  it(`hold their properties in ${runs} random histories`, { timeout: 600_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 80, size: 'max' }), async (steps) => {
        const world = new World();
        await world.start();
        for (const action of steps) await perform(world, action);
        await world.heal();
        await world.checkHealed();
      }),
      { numRuns: runs },
    );
  });
});
