import { describe, expect, it } from 'vitest';
import { createSigner, createVerifier } from '../identity/index.ts';
import { Journal } from '../journal/index.ts';
import { type PeerId, peerIdOf } from '../protocol/index.ts';
import { Chronicle } from './chronicle.ts';
import { directoryProjection } from './projection.ts';
import { Roll } from './roll.ts';
import { ManualClock, MemoryStore, nodeRecord, offer, seededRandom, silentLog, template, testCid } from './testing.ts';
import { Vitals } from './vitals.ts';

const capability = { kind: 'template', template } as const;

async function setUp(peersMax: number) {
  const clock = new ManualClock();
  const signer = createSigner(new Uint8Array(32).fill(1));
  const store = new MemoryStore();
  const journal = new Journal({
    store,
    clock,
    signer,
    verifier: createVerifier(),
    log: silentLog,
    snapshotEntries: 1_000_000,
    onFatal: () => {},
  });
  const view = journal.register(directoryProjection({ self: signer.peerId, peersMax, knownGoodMax: 64 }));
  await journal.open();
  const vitals = new Vitals(clock, 25_000);
  const chronicle = new Chronicle({ journal, view, clock, peersMax, silentMs: 35_000, expiredMs: 3_600_000 });
  chronicle.begin();
  const roll = new Roll({ clock, self: signer.peerId, vitals, chronicle, peersMax, goneMs: 25_000 });
  const random = seededRandom(3);
  const peers = (count: number): PeerId[] => Array.from({ length: count }, () => peerIdOf(random.bytes(32)));
  return { clock, store, view, vitals, roll, peers };
}

describe('Roll', () => {
  it('keeps 10,000 peers and no more, in memory and in what survives a restart', async () => {
    const { clock, store, view, roll, peers } = await setUp(10_000);
    const all = peers(13_000);
    let taken = 0;
    for (const [i, peer] of all.entries()) {
      if (roll.learn(nodeRecord(peer, clock.now()))) taken++;
      if (i % 500 === 499) await clock.advance(5_000);
    }
    await clock.advance(1000);
    expect(roll.table.size).toBe(10_000);
    expect(roll.table.providers(capability).size).toBe(10_000);
    // Those unheard for longest had to go, none of the newcomers.
    expect(taken).toBe(13_000);
    expect(roll.table.get(all.at(-1) ?? '')).not.toBeNull();
    expect(Object.keys(view.state.present).length).toBeLessThanOrEqual(10_000);
    expect(view.state.knownGood).toHaveLength(64);
    expect(store.log.length).toBeLessThan(30_000);
    await clock.advance(60_000);
    roll.sweep();
    expect(roll.liveProviders(capability)).toEqual([]);
  });

  it('lets a flood of new names displace nobody that lives', async () => {
    const { clock, roll, peers } = await setUp(200);
    const honest = peers(200);
    for (const peer of honest) roll.learn(nodeRecord(peer, clock.now()));
    const flood = peers(1000);
    expect(flood.filter((peer) => roll.learn(nodeRecord(peer, clock.now())))).toEqual([]);
    expect(roll.liveProviders(capability).sort()).toEqual([...honest].sort());
  });

  it('finds by its sweeps each that falls silent or expires, at its own time', async () => {
    const { clock, roll, peers } = await setUp(10);
    const [quiet = '', lively = '', connected = '', brief = ''] = peers(4);
    for (const peer of [quiet, lively, connected]) roll.learn(nodeRecord(peer, clock.now()));
    roll.learn(nodeRecord(brief, clock.now(), { expiresAt: clock.now() + 40_000 }));
    for (const peer of [connected, brief]) roll.connect(peer);
    const live = () => roll.liveProviders(capability).sort();
    const expiring: string[] = [];
    const pass = async (ms: number): Promise<void> => {
      for (let i = 0; i < ms; i += 1_000) {
        await clock.advance(1_000);
        expiring.push(...roll.sweep());
      }
    };
    await pass(20_000);
    roll.heard(lively);
    await pass(10_000);
    expect(live()).toEqual([lively, connected, brief].sort());
    await pass(20_000);
    expect(live()).toEqual([connected, brief].sort());
    // From its expiry on it is asked for again and again.
    expect(expiring).toEqual(Array.from({ length: 10 }, () => brief));
    roll.disconnect(connected);
    expect(live()).toEqual([brief]);
    await pass(200_000);
    expect(live()).toEqual([]);
    expect(roll.view(brief)).toBeNull();
    expect(roll.view(connected)).not.toBeNull();
  });

  it('follows a record that offers something else', async () => {
    const { clock, roll, peers } = await setUp(10);
    const [peer = ''] = peers(1);
    roll.learn(nodeRecord(peer, clock.now()));
    const other = testCid('other');
    roll.learn(nodeRecord(peer, clock.now(), { sequence: 2, offers: [{ ...offer, template: other }] }));
    expect(roll.liveProviders(capability)).toEqual([]);
    expect(roll.liveProviders({ kind: 'template', template: other })).toEqual([peer]);
    expect(roll.liveProviders({ kind: 'tier', tier: 'cpu' })).toEqual([peer]);
    // An older one that comes late changes nothing.
    roll.learn(nodeRecord(peer, clock.now(), { sequence: 1 }));
    expect(roll.liveProviders(capability)).toEqual([]);
  });

  it('calls its listeners once for changes of the same moment', async () => {
    const { clock, roll, peers } = await setUp(100);
    let calls = 0;
    const end = roll.onChange(() => calls++);
    for (const peer of peers(10)) roll.learn(nodeRecord(peer, clock.now()));
    await clock.advance(1);
    expect(calls).toBe(1);
    await clock.advance(30_000);
    roll.sweep();
    await clock.advance(1);
    expect(calls).toBe(2);
    end();
    for (const peer of peers(10)) roll.learn(nodeRecord(peer, clock.now()));
    await clock.advance(1);
    expect(calls).toBe(2);
  });

  it('keeps unknown fields of a record out of the log', async () => {
    const { clock, store, roll, peers } = await setUp(10);
    const [peer = ''] = peers(1);
    roll.learn({ ...nodeRecord(peer, clock.now()), ...{ later: 'x'.repeat(1000) } });
    await clock.advance(1);
    expect(JSON.stringify(store.log)).not.toContain('later');
    expect(store.log).toHaveLength(1);
  });
});
