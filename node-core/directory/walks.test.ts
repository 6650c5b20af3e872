import { describe, expect, it } from 'vitest';
import { createSigner, createVerifier } from '../identity/index.ts';
import { createMemoryHub } from '../network/memory/hub.ts';
import type { FoundPeer } from '../ports/index.ts';
import { nodeRecordKey, type PeerId } from '../protocol/index.ts';
import { ManualClock, model, seededRandom, signedRecord, startNode, type TestNode, template } from './testing.ts';

const query = { template, model };
const signers = Array.from({ length: 10 }, (_, i) => createSigner(new Uint8Array(32).fill(i + 2)));

/**
 * A client whose DHT names the given providers, one every 50 ms. Even ones live: their record is fresh. The last two have
 * no record at all.
 */
async function setUp(change: (node: TestNode, clock: ManualClock) => void = () => {}) {
  const clock = new ManualClock();
  const signer = createSigner(new Uint8Array(32).fill(1));
  const network = createMemoryHub({ clock, random: seededRandom(1) }).join(signer.peerId);
  const node = await clock.run(startNode({ clock, network, signer, verifier: createVerifier() }));
  const asked = { walks: 0, named: 0, records: [] as PeerId[] };
  network.findProviders = async function* (): AsyncGenerator<FoundPeer> {
    asked.walks++;
    yield { peer: signer.peerId, addresses: [] };
    for (const { peerId } of signers) {
      await new Promise<void>((resolve) => clock.after(50, resolve));
      asked.named++;
      yield { peer: peerId, addresses: [] };
    }
  };
  network.getRecord = async (key) => {
    const i = signers.findIndex(({ peerId }) => key === nodeRecordKey(peerId));
    const found = signers[i];
    if (found === undefined) return null;
    asked.records.push(found.peerId);
    await new Promise<void>((resolve) => clock.after(10, resolve));
    if (i >= 8) return null;
    return signedRecord(found, clock.now(), i % 2 === 0 ? {} : { issuedAt: clock.now() - 100_000 });
  };
  change(node, clock);
  const look = async (limit: number, deadlineMs: number): Promise<number> => {
    const before = clock.elapsed();
    await clock.run(node.directory.discover(query, limit, deadlineMs));
    return clock.elapsed() - before;
  };
  return { clock, network, node, asked, look };
}

describe('Walks', () => {
  it('ends at the first live providers and leaves the rest unasked', async () => {
    const { clock, node, asked, look } = await setUp();
    expect(await look(2, 4000)).toBeLessThan(250);
    expect(node.directory.liveProviders(query)).toHaveLength(2);
    await clock.advance(4000);
    expect(asked.named).toBeLessThanOrEqual(4);
    // Enough are known: nobody is asked.
    expect(await look(2, 4000)).toBe(0);
    expect(asked.walks).toBe(1);
  });

  it('ends when there is nothing left to find, and says what it found', async () => {
    const { node, asked, look } = await setUp();
    expect(await look(100, 4000)).toBeLessThan(700);
    expect(asked.records).toHaveLength(10);
    expect(node.directory.peers()).toHaveLength(8);
    expect(node.directory.explain(query)).toEqual({ live: 4, known: 8, reasons: [] });
  });

  it('ends at its deadline, also when the DHT never answers', async () => {
    const { look } = await setUp();
    expect(await look(100, 120)).toBeLessThanOrEqual(130);
    const silent = await setUp(({ network }) => {
      network.findProviders = () => ({ [Symbol.asyncIterator]: () => ({ next: () => new Promise(() => {}) }) });
    });
    expect(await silent.look(1, 1000)).toBe(1000);
    expect(silent.node.directory.explain(query).reasons).toContain('the DHT did not answer: no answer within 1000 ms');
  });

  it('walks once for several that ask for the same, as far as the one that wants most', async () => {
    const { clock, node, asked } = await setUp();
    const few = node.directory.discover(query, 1, 4000);
    const many = node.directory.discover(query, 3, 4000);
    await clock.run(few);
    expect(node.directory.liveProviders(query)).toHaveLength(1);
    await clock.run(many);
    expect(node.directory.liveProviders(query)).toHaveLength(3);
    expect(asked.walks).toBe(1);
  });

  it('survives a DHT that fails, and tries again the next time', async () => {
    const { clock, node, network, look } = await setUp();
    const works = network.findProviders;
    network.findProviders = () => {
      throw new Error('the routing table is empty');
    };
    expect(await look(1, 4000)).toBe(0);
    expect(node.directory.explain(query).reasons).toContain('the DHT did not answer: the routing table is empty');
    network.findProviders = works;
    await look(1, 4000);
    expect(node.directory.liveProviders(query)).toHaveLength(1);
    await clock.advance(1);
  });

  it('asks for the record of a known but silent peer again, though not at every walk', async () => {
    const { clock, asked, look } = await setUp();
    await look(100, 4000);
    await look(100, 4000);
    // Those without a record were just asked for.
    expect(asked.records).toHaveLength(10);
    await clock.advance(31_000);
    await look(100, 4000);
    expect(asked.records).toHaveLength(20);
  });
});
