/** The directory in a network of several nodes, in memory and in virtual time. */
import { describe, expect, it } from 'vitest';
import { createSigner, createVerifier } from '../identity/index.ts';
import { createMemoryHub, type LinkModel } from '../network/memory/hub.ts';
import { canonicalBytes, nodeRecordKey, type PeerId, presenceTopic, signBody } from '../protocol/index.ts';
import {
  hardware,
  ManualClock,
  type MemoryStore,
  model,
  nodeRecord,
  noLoad,
  offer,
  seededRandom,
  signedLeave,
  signedPresence,
  signedRecord,
  startNode,
  type TestNode,
  template,
} from './testing.ts';
import type { DirectoryConfig, FitTerms, Load } from './types.ts';

const interests = [{ kind: 'template', template } as const];
const query = { template, model };
const topic = presenceTopic({ kind: 'template', template });
const terms: FitTerms = { reputation: () => 1, price: () => 1, exclude: new Set(), inFlight: () => 0 };

interface Life {
  readonly store?: MemoryStore;
  readonly config?: Partial<DirectoryConfig>;
  readonly load?: () => Load;
}

/** Node 0 is the bootstrap. Without `link`, nodes are connected to it alone: others are known by DHT and gossip only. */
async function setUp(link: Partial<LinkModel> = { nearConnections: 0, randomConnections: 0 }) {
  const clock = new ManualClock();
  const hub = createMemoryHub({ clock, random: seededRandom(1), link });
  const verifier = createVerifier();
  const signers = Array.from({ length: 12 }, (_, i) => createSigner(new Uint8Array(32).fill(i + 1)));
  const signer = (i: number) => signers[i] ?? signers[0] ?? createSigner(new Uint8Array(32));
  const id = (i: number): PeerId => signer(i).peerId;
  const lives = new Set<number>();

  async function join(i: number, life: Life = {}): Promise<TestNode> {
    const bootstrap = i === 0 ? [] : [hub.addressOf(id(0))];
    const network = lives.has(i) ? hub.restart(id(i)) : hub.join(id(i), { bootstrap });
    lives.add(i);
    const { store, config } = life;
    const node = await clock.run(
      startNode({
        clock,
        network,
        signer: signer(i),
        verifier,
        ...(store ? { store } : {}),
        ...(config ? { config } : {}),
      }),
    );
    await clock.run(node.directory.start(interests));
    return node;
  }

  async function provide(node: TestNode, change: Partial<typeof offer> = {}, load = () => noLoad): Promise<void> {
    await clock.run(node.directory.announce({ hardware, offers: [{ ...offer, ...change }], load }));
  }

  const provider = async (i: number, life: Life = {}): Promise<TestNode> => {
    const node = await join(i, life);
    await provide(node, {}, life.load);
    return node;
  };

  /** Stops all that a killed process would not do any more. */
  const crash = (node: TestNode): void => {
    hub.crash(node.peerId);
    node.directory.stop();
  };

  await join(0);
  return { clock, hub, signer, id, join, provider, provide, crash };
}

const ids = (node: TestNode) => node.directory.liveProviders(query).map(({ record }) => record.peerId);
const sequenceOf = (node: TestNode, peer: PeerId) => node.directory.peer(peer)?.record.sequence ?? 0;

describe('Directory', () => {
  it('lets a late joiner find providers by the DHT alone, and count on them once they were heard', async () => {
    const { clock, join, provider, id } = await setUp();
    await provider(1);
    await provider(2);
    await clock.advance(120_000);

    const client = await join(3);
    await clock.run(client.directory.discover(query, 2, 4000));
    expect(client.directory.peers().map(({ record }) => record.peerId)).toEqual(expect.arrayContaining([id(1), id(2)]));
    // Named by the DHT, which also names the dead: the last choice until they are heard.
    expect(ids(client)).toEqual([]);
    expect(client.directory.explain(query)).toMatchObject({
      live: 0,
      known: 2,
      reasons: ['2 providers are named by the DHT and not heard of yet'],
    });
    const candidates = client.directory.bestFit({ ...query, items: 10 }, terms, 5);
    expect(candidates.map((each) => each.terms['liveness'])).toEqual([0.25, 0.25]);

    await clock.advance(12_000);
    expect(ids(client)).toEqual([id(1), id(2)].sort());
    expect(client.directory.explain(query)).toEqual({ live: 2, known: 2, reasons: [] });
    expect(client.told().sort()).toEqual([`joined ${id(1)}`, `joined ${id(2)}`].sort());
    expect(client.directory.addressesOf(id(1))).toHaveLength(1);
  });

  it('counts a fresh record as a sign of life, and ends a look-up at the first live providers', async () => {
    const { clock, join, provider, id } = await setUp();
    const client = await join(3);
    await provider(1);
    const before = clock.elapsed();
    await clock.run(client.directory.discover(query, 1, 4000));
    expect(ids(client)).toEqual([id(1)]);
    expect(clock.elapsed() - before).toBeLessThan(100);
  });

  it('waits no longer than its deadline when there is nobody', async () => {
    const { clock, join } = await setUp();
    const client = await join(3);
    const before = clock.elapsed();
    await clock.run(client.directory.discover(query, 1, 4000));
    expect(clock.elapsed() - before).toBeLessThanOrEqual(4010);
    expect(client.directory.explain(query).reasons).toEqual(['no provider of this template with this model is known']);
  });

  it('takes connected peers for live', async () => {
    const { clock, join, provider, id } = await setUp({});
    const client = await join(3);
    await provider(1);
    await clock.advance(20_000);
    expect(client.directory.peer(id(1))).toMatchObject({ live: true, connected: true });
  });

  it('finds a killed provider gone within 30 s, says so once, and knows it again when it is back', async () => {
    const { clock, join, provider, crash, id } = await setUp();
    const client = await join(3);
    const first = await provider(1);
    await clock.advance(30_000);
    expect(ids(client)).toEqual([id(1)]);
    const before = sequenceOf(client, id(1));
    let changes = 0;
    client.directory.onChange(() => changes++);

    crash(first);
    await clock.advance(30_000);
    expect(ids(client)).toEqual([]);
    expect(client.directory.bestFit({ ...query, items: 10 }, terms, 5)).toEqual([]);
    expect(client.directory.explain(query).reasons).toEqual([
      '1 provider is known, but not heard of within the last 25 s',
    ]);
    expect(client.told()).toEqual([`joined ${id(1)}`, `left ${id(1)} silent`]);
    expect(changes).toBe(1);
    // The DHT still names it; that does not bring it back.
    await clock.run(client.directory.discover(query, 1, 4000));
    await clock.advance(60_000);
    expect(ids(client)).toEqual([]);
    expect(client.told()).toHaveLength(2);

    await provider(1, { store: first.store });
    await clock.advance(1000);
    expect(ids(client)).toEqual([id(1)]);
    expect(sequenceOf(client, id(1))).toBeGreaterThan(before);
    expect(client.told()).toHaveLength(3);
  });

  it('looks less often the longer nobody comes or goes, and as before when somebody does', async () => {
    const { clock, join, provider, crash } = await setUp();
    const client = await join(3);
    await provider(1);
    const mortal = await provider(2);
    let walks = 0;
    const find = client.network.findProviders.bind(client.network);
    client.network.findProviders = (...asked) => {
      walks++;
      return find(...asked);
    };
    const during = async (ms: number) => {
      walks = 0;
      await clock.advance(ms);
      return walks;
    };
    expect(await during(60_000)).toBeGreaterThanOrEqual(2);
    await clock.advance(240_000);
    // Every two minutes, give or take a fifth.
    const quiet = await during(1_200_000);
    expect(quiet).toBeGreaterThanOrEqual(8);
    expect(quiet).toBeLessThanOrEqual(13);
    crash(mortal);
    await clock.advance(30_000);
    expect(await during(60_000)).toBeGreaterThanOrEqual(2);
    // Who asks for a job does not wait for the loop.
    await clock.advance(400_000);
    walks = 0;
    await clock.run(client.directory.discover(query, 5, 4000));
    expect(walks).toBe(1);
  });

  it('hears a tombstone at once, and lets no older record or heartbeat undo it', async () => {
    const { clock, join, provider, signer, id } = await setUp();
    const client = await join(3);
    const leaving = await provider(1);
    await clock.advance(1000);
    const sequence = sequenceOf(client, id(1));
    expect(ids(client)).toEqual([id(1)]);
    const record = await clock.run(client.network.getRecord(nodeRecordKey(id(1)), 1000));

    await clock.run(leaving.directory.leave());
    await clock.advance(100);
    expect(client.directory.peer(id(1))).toBeNull();
    expect(client.told()).toEqual([`joined ${id(1)}`, `left ${id(1)} tombstone`]);
    const { validateRecord, onGossip } = client.directory.hooks;
    expect(() => validateRecord(nodeRecordKey(id(1)), record ?? new Uint8Array())).toThrow(
      `old sequence ${sequence}, ${sequence + 1} is known`,
    );
    expect(onGossip(topic, signedPresence(signer(1), clock.now(), { sequence }), id(1))).toBe('accept');
    expect(onGossip(topic, signedLeave(signer(1), clock.now(), { sequence }), id(1))).toBe('ignore');
    await clock.advance(60_000);
    expect(client.directory.peer(id(1))).toBeNull();

    // The same process may come back.
    await clock.run(leaving.directory.announce({ hardware, offers: [offer], load: () => noLoad }));
    await clock.advance(1000);
    expect(ids(client)).toEqual([id(1)]);
    expect(sequenceOf(client, id(1))).toBeGreaterThan(sequence + 1);
  });

  it('tells a late joiner by the DHT who left', async () => {
    const { clock, join, provider, id } = await setUp();
    const leaving = await provider(1);
    await clock.run(leaving.directory.leave());
    const client = await join(3);
    await clock.run(client.directory.discover(query, 1, 4000));
    expect(client.directory.peer(id(1))).toBeNull();
  });

  it('reads a record again when a heartbeat names a higher sequence', async () => {
    const { clock, join, provider, provide, id } = await setUp();
    const client = await join(3);
    const node = await provider(1);
    await clock.advance(1000);
    await provide(node, { price: { shardMicro: '7', itemMicro: '7' } });
    await clock.advance(2000);
    expect(client.directory.peer(id(1))?.record.offers[0]?.price.shardMicro).toBe('7');
    // A refresh says nothing new, and so nothing is logged.
    await clock.advance(1_300_000);
    expect(client.told()).toHaveLength(2);
    expect(ids(client)).toEqual([id(1)]);
  });

  it('learns at once that a provider was switched off, and keeps its addresses', async () => {
    const { clock, join, provider, id } = await setUp();
    const client = await join(3);
    const node = await provider(1);
    await clock.advance(1000);
    await clock.run(node.directory.announce({ hardware: null, offers: [], load: () => noLoad }));
    await clock.advance(2000);
    expect(ids(client)).toEqual([]);
    expect(client.directory.addressesOf(id(1))).toHaveLength(1);
    expect(client.directory.explain(query).known).toBe(0);
    await clock.advance(100_000);
    expect(client.told().filter((line) => line.startsWith('left'))).toEqual([]);
  });

  it('carries load, and tells of a change early but not too often', async () => {
    const { clock, join, provider, id } = await setUp();
    const client = await join(3);
    let queued = 0;
    const node = await provider(1, { load: () => ({ running: 1, queued, queueMax: 8 }) });
    await clock.advance(3000);
    let beats = 0;
    const publish = node.network.publish.bind(node.network);
    node.network.publish = (on, message) => {
      if (on === topic) beats++;
      return publish(on, message);
    };
    for (let i = 0; i < 100; i++) {
      queued = i % 8;
      node.directory.loadChanged();
      await clock.advance(100);
    }
    expect(beats).toBeGreaterThanOrEqual(5);
    expect(beats).toBeLessThanOrEqual(6);
    await clock.advance(2100);
    expect(client.directory.peer(id(1))?.load).toEqual({ running: 1, queued, queueMax: 8 });
  });

  it('publishes what it could not tell while it was alone as soon as somebody comes', async () => {
    const { clock, hub, join, id } = await setUp();
    hub.partition([[id(1)]]);
    const node = await join(1);
    const before = clock.elapsed();
    await clock.run(node.directory.announce({ hardware, offers: [offer], load: () => noLoad }));
    expect(clock.elapsed() - before).toBeLessThan(100);
    expect(node.directory.explain(query).reasons).toEqual([
      'this node is connected to no other node',
      expect.stringMatching(/^the bootstrap address \/memory\/.* did not answer: /),
      'no provider of this template with this model is known',
      'the DHT was not asked yet',
    ]);
    hub.heal();
    await clock.advance(70_000);
    const client = await join(3);
    await clock.run(client.directory.discover(query, 1, 4000));
    await clock.advance(12_000);
    expect(ids(client)).toEqual([id(1)]);
  });

  it('raises its sequence over restarts, by its log even when the clock was set back', async () => {
    const { clock, join, provider, crash, id } = await setUp();
    const client = await join(3);
    const first = await provider(1);
    await clock.advance(1_500_000);
    const before = sequenceOf(client, id(1));
    crash(first);
    clock.offsetMs = -24 * 3_600_000;
    const { store } = first;
    const second = await provider(1, { store });
    await clock.advance(100);
    await clock.run(client.directory.discover(query, 1, 4000));
    const own = store.log.flatMap(({ event }) => (event.type === 'peer.joined' ? [event.record.sequence] : []));
    expect(own.at(-1)).toBeGreaterThan(before);
    expect(second.peerId).toBe(id(1));
  });

  it('raises its sequence by the DHT when its log was lost and the clock was set back', async () => {
    const { clock, join, provider, crash, id } = await setUp();
    const client = await join(3);
    crash(await provider(1));
    await clock.advance(1000);
    const before = sequenceOf(client, id(1));
    clock.offsetMs = -60_000;
    await provider(1);
    await clock.advance(2000);
    expect(sequenceOf(client, id(1))).toBe(before + 1);
  });

  it('remembers over a restart where to begin, and notes who did not come back', async () => {
    const { clock, join, provider, crash, id } = await setUp();
    const client = await join(3);
    const one = await provider(1);
    await provider(2);
    await clock.advance(20_000);
    expect(ids(client)).toHaveLength(2);
    crash(client);
    crash(one);
    const again = await join(3, { store: client.store });
    expect(again.directory.knownGood().map(({ peer }) => peer)).toEqual(expect.arrayContaining([id(1), id(2)]));
    expect(again.directory.addressesOf(id(2))).toHaveLength(1);
    await clock.advance(60_000);
    expect(ids(again)).toEqual([id(2)]);
    // The one that is still there has not joined anew.
    expect(again.told()).toEqual([`left ${id(1)} silent`]);
  });

  it('rebuilds the same state from snapshot and tail as from the whole log', async () => {
    const { clock, join, provider, crash, id } = await setUp();
    const client = await join(3);
    const one = await provider(1);
    await clock.advance(5000);
    await clock.run((await provider(2)).directory.leave());
    crash(one);
    await clock.advance(40_000);
    const text = client.journal.stateText();
    crash(client);
    const again = await join(3, { store: client.store });
    expect(again.journal.stateText()).toBe(text);
    expect(text).toContain(id(1));
  });

  it('forgets a record that expired', async () => {
    const { clock, join, provider, crash, id } = await setUp();
    const client = await join(3);
    crash(await provider(1, { config: { recordTtlMs: 60_000, recordRefreshMs: 30_000 } }));
    await clock.advance(30_000);
    expect(client.directory.peer(id(1))).not.toBeNull();
    await clock.advance(160_000);
    expect(client.directory.peer(id(1))).toBeNull();
    expect(client.told()).toEqual([`joined ${id(1)}`, `left ${id(1)} silent`]);
  });

  it('logs a peer that comes and goes all day no more than now and then', async () => {
    const { clock, join, signer, id } = await setUp();
    const client = await join(3);
    const { hooks } = client.directory;
    const put = async (sequence: number, price: string) => {
      const offers = [{ ...offer, price: { shardMicro: price, itemMicro: '0' } }];
      const value = signedRecord(signer(5), clock.now(), { sequence, offers });
      await clock.run(client.network.putRecord(nodeRecordKey(id(5)), value, 1000));
      hooks.onGossip(topic, signedPresence(signer(5), clock.now(), { sequence }), id(5));
    };
    for (let i = 1; i <= 200; i++) {
      await put(i, String(i));
      await clock.advance(10_000);
    }
    const changes = client.told().length;
    expect(changes).toBeGreaterThan(6);
    expect(changes).toBeLessThan(15);
    expect(client.directory.peer(id(5))?.record.sequence).toBe(200);
    // In the end the log holds the present state.
    await clock.advance(3_700_000);
    expect(client.told().at(-1)).toMatch(/^left/);
  });

  it('refuses forged gossip, and ignores topics that are not its own', async () => {
    const { clock, join, signer, id } = await setUp();
    const { directory } = await join(3);
    const { onGossip } = directory.hooks;
    const beat = signedPresence(signer(5), clock.now());
    expect(onGossip('/infernet/other', beat, id(5))).toBe('ignore');
    expect(onGossip(topic, beat, id(6))).toBe('reject');
    const record = nodeRecord(id(5), clock.now());
    expect(onGossip(topic, canonicalBytes(signBody(signer(5), 'node-record', record)), id(5))).toBe('reject');
    expect(onGossip(topic, beat, id(5))).toBe('accept');
    expect(onGossip(topic, beat, id(5))).toBe('ignore');
  });

  it('counts any message of a peer as life', async () => {
    const { clock, join, provider, crash, id } = await setUp();
    const client = await join(3);
    crash(await provider(1));
    for (let i = 0; i < 10; i++) {
      await clock.advance(10_000);
      client.directory.noteHeard(id(1));
    }
    expect(ids(client)).toEqual([id(1)]);
  });

  it('chooses by the terms that it is given, in an order that does not depend on who came first', async () => {
    const { clock, join, provider, id } = await setUp();
    const client = await join(9);
    for (const i of [4, 1, 3, 2]) await provider(i);
    await clock.advance(20_000);
    const best = (change: Partial<FitTerms>) =>
      client.directory.bestFit({ ...query, items: 10 }, { ...terms, ...change }, 3).map(({ peerId }) => peerId);
    const all = [1, 2, 3, 4].map(id).sort();
    expect(best({})).toEqual(all.slice(0, 3));
    expect(best({ reputation: (peer) => (peer === all[3] ? 1 : 0.5) })[0]).toBe(all[3]);
    expect(best({ exclude: new Set(all.slice(0, 1)) })).toEqual(all.slice(1));
    expect(best({ inFlight: (peer) => (peer === all[0] ? 1 : 0) })).toEqual(all.slice(1));
  });

  it('tells the same story for the same seed', async () => {
    const story = async () => {
      const { clock, join, provider, crash } = await setUp({ jitterMs: 20 });
      const client = await join(3);
      crash(await provider(1));
      await provider(2);
      await clock.advance(60_000);
      return client.journal.stateText() + JSON.stringify(client.directory.peers());
    };
    expect(await story()).toBe(await story());
  });

  it('ends its timers when it stops', async () => {
    const { clock, join, provider } = await setUp();
    const client = await join(3);
    await provider(1);
    await clock.advance(20_000);
    let calls = 0;
    client.directory.stop();
    client.network.getRecord = async () => {
      calls++;
      return null;
    };
    client.network.publish = async () => {
      calls++;
    };
    await clock.advance(2_000_000);
    expect(calls).toBe(0);
  });
});
