/** Receipts between nodes over both networks: what one learns, all know, those who join late too. */
import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createSigner, createVerifier } from '../identity/index.ts';
import type { Journal } from '../journal/index.ts';
import { Messenger } from '../messaging/index.ts';
import { loopbackNetwork } from '../network/libp2p/testing.ts';
import { createMemoryHub } from '../network/memory/hub.ts';
import { JumpingClock, seededRandom, silent, until } from '../network/testing.ts';
import { Disk, MemoryStore, testJournal } from '../payment/testing.ts';
import type { Clock, Network, Random, Signer } from '../ports/index.ts';
import type { Receipt } from '../protocol/index.ts';
import { createSystemClock } from '../system/clock.ts';
import { Reputation } from './reputation.ts';
import { goodReceipt, minorityReceipt, proofReceipt, seedOf, template, testConfig } from './testing.ts';

const signerOf = (n: number) => createSigner(seedOf(n));
// Real nodes on a computer that is busy with other tests.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 30_000 });

interface Node {
  readonly signer: Signer;
  readonly network: Network;
  readonly journal: Journal;
  readonly reputation: Reputation;
  readonly disk: Disk;
  stop(): Promise<void>;
}

interface World {
  readonly clock: Clock;
  readonly random: Random;
  network(seed: Uint8Array, signer: Signer, bootstrap: readonly string[]): Network;
}

function memoryWorld(): World {
  const random = seededRandom(1);
  const clock = new JumpingClock();
  const hub = createMemoryHub({ clock, random });
  return { clock, random, network: (_, { peerId }, bootstrap) => hub.join(peerId, { bootstrap }) };
}

function libp2pWorld(): World {
  return {
    clock: createSystemClock(),
    random: { bytes: (count) => randomBytes(count), fraction: () => randomBytes(4).readUInt32LE() / 2 ** 32 },
    network: (seed, _, bootstrap) => loopbackNetwork({ seed, bootstrap }),
  };
}

describe.each<[string, () => World]>([
  ['memory', memoryWorld],
  ['libp2p', libp2pWorld],
])('over the %s network', (_name, createWorld) => {
  let world: World;
  let nodes: Node[];
  let count = 0;

  async function join(bootstrap: readonly Node[] = []): Promise<Node> {
    const { clock, random } = world;
    const seed = Uint8Array.from(randomBytes(32));
    const signer = createSigner(seed);
    const addresses = bootstrap.flatMap(({ network }) => network.status().addresses);
    const network = world.network(seed, signer, addresses);
    const disk = new Disk();
    const store = new MemoryStore(disk);
    const verifier = createVerifier();
    const journal = testJournal(store, clock, signer, verifier);
    const messenger = new Messenger({
      network,
      clock,
      log: silent,
      limits: {
        requestMs: 10_000,
        connectMs: 5_000,
        channelsMax: 32,
        messagesPerSecondMax: 2_000,
        sendQueueBytesMax: 8 * 1024 * 1024,
      },
      addressesOf: () => [],
    });
    const reputation = new Reputation({
      journal,
      messenger,
      network,
      history: store.history,
      signer,
      verifier,
      clock,
      random,
      log: silent,
      config: testConfig({ batchMs: 50, meetMs: 500 }),
    });
    await journal.open();
    await network.start({
      ...reputation.hooks,
      onChannel: (channel) => messenger.accept(channel),
      validateRecord() {},
      selectRecord: () => 0,
    });
    reputation.start([template]);
    const stop = async () => {
      reputation.stop();
      messenger.stop('the test is over');
      await network.stop();
    };
    const node = { signer, network, journal, reputation, disk, stop };
    nodes.push(node);
    return node;
  }

  const store = (node: Node, receipt: Receipt) => node.journal.commit([{ type: 'receipt.stored', receipt }]);
  const heardOn = ({ disk }: Node) =>
    disk.entries.flatMap(({ event }) => (event.type === 'receipt.heard' ? [event] : []));
  const about = (client: Node) => ({
    client: client.signer,
    provider: signerOf(77),
    n: ++count,
    at: world.clock.now(),
  });

  beforeEach(() => {
    world = createWorld();
    nodes = [];
  });
  afterEach(() => Promise.all(nodes.map((node) => node.stop())));

  it('a receipt comes to all, once, and counts', async () => {
    const a = await join();
    const b = await join([a]);
    const c = await join([a]);
    const proof = proofReceipt(about(b));
    await store(b, proof);
    await until(() => heardOn(a).length > 0 && heardOn(c).length > 0);
    // By gossip, or asked for: it came by one of them, and is refused by the other.
    for (const node of [a, c]) {
      const [{ receipt, stranger } = { receipt: null, stranger: null }] = heardOn(node);
      expect([receipt, stranger]).toEqual([proof, true]);
      const { score } = node.reputation.scoreOf(signerOf(77).peerId);
      expect(score).toBe(2 / 14);
    }
    const more = goodReceipt(about(b));
    await store(b, more);
    await until(() => [a, c].every((node) => heardOn(node).length === 2));
    expect(heardOn(b)).toEqual([]);
  });

  it('who joins late catches up, with what is too large for gossip too', async () => {
    const a = await join();
    const b = await join([a]);
    for (let i = 0; i < 40; i++) await store(b, goodReceipt(about(b)));
    const large = minorityReceipt(about(b), [signerOf(8), signerOf(9)], 1_000);
    expect(JSON.stringify(large).length).toBeGreaterThan(150_000);
    await store(b, large);
    await until(() => heardOn(a).length === 41);
    // Who wrote them is gone: they come from who heard of them.
    await b.stop();
    const late = await join([a]);
    await until(() => heardOn(late).length === 41);
    const hashes = (node: Node) =>
      heardOn(node)
        .map(({ receipt }) => receipt.clientSignature)
        .sort();
    expect(hashes(late)).toEqual(hashes(a));
    expect(late.reputation.scoreOf(signerOf(77).peerId)).toEqual(a.reputation.scoreOf(signerOf(77).peerId));
  });

  it('what is not meant for others stays', async () => {
    const a = await join();
    const b = await join([a]);
    await store(b, goodReceipt({ ...about(b), shared: false }));
    const told = goodReceipt(about(b));
    await store(b, told);
    await until(() => heardOn(a).length > 0);
    expect(heardOn(a).map(({ receipt }) => receipt)).toEqual([told]);
  });
});
